/**
 * Latencies that branes-ai/graphs publishes of Jetson AGX Orin's DLA (commit b6c5e82, hardware_registry/accelerator/
 * nvidia_dla_orin/calibrations): TensorRT 8.5.2.2, batch 1, FP32 linear bindings, one core at a time, clocks left to the
 * governor. Of every run the median of 100, and here the lowest over the runs of a row, in microseconds: MAXN on DLA 0 and 1, then
 * 50W on DLA 0 and 1. `int8` allowed FP16 besides.
 */

import type { PrecisionName } from '../../../src/base/data-type.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { GraphBuilder } from '../../../src/models/graph-builder.ts';
import { mobilenetV2 } from '../../../src/models/inverted-residuals.ts';
import { resnet18 } from '../../../src/models/resnet.ts';

type Measured = readonly [maxn0: number, maxn1: number, fifty0: number, fifty1: number];

interface LayerRow {
  readonly name: string;
  readonly channels: number;
  readonly kernels: number;
  readonly groups: number;
  readonly kernel: number;
  readonly stride: number;
  /** Height and width of the input. */
  readonly size: number;
  readonly times: Readonly<Record<PrecisionName, Measured>>;
}

const conv = (
  [channels, kernels, kernel, stride, size]: readonly [number, number, number, number, number],
  int8: Measured,
  fp16: Measured,
): LayerRow => {
  const name = `Conv ${channels}→${kernels}, ${kernel}×${kernel}, stride ${stride}, ${size}²`;
  return { name, channels, kernels, groups: 1, kernel, stride, size, times: { int8, fp16 } };
};

const depthwise = (
  [channels, kernel, stride, size]: readonly [number, number, number, number],
  int8: Measured,
  fp16: Measured,
): LayerRow => {
  const name = `depthwise ${channels}, ${kernel}×${kernel}, stride ${stride}, ${size}²`;
  return { name, channels, kernels: channels, groups: channels, kernel, stride, size, times: { int8, fp16 } };
};

/** Engines of one convolution, batch norm and ReLU; three engine layers each: reformat, DLA, reformat. */
export const branesLayers: readonly LayerRow[] = [
  conv([3, 64, 3, 1, 224], [448.6, 504.0, 516.6, 544.8], [2425.9, 2271.8, 2449.0, 2326.6]),
  conv([64, 64, 3, 1, 56], [171.9, 190.0, 196.8, 215.8], [476.9, 454.4, 496.8, 487.1]),
  conv([64, 128, 3, 2, 56], [171.2, 174.3, 194.9, 206.8], [450.9, 442.8, 475.0, 468.7]),
  conv([128, 256, 3, 2, 28], [168.7, 172.1, 196.9, 200.1], [418.5, 415.4, 448.4, 442.9]),
  conv([256, 512, 3, 2, 14], [193.2, 197.1, 206.4, 218.6], [673.6, 668.7, 696.8, 694.6]),
  conv([64, 256, 1, 1, 56], [271.0, 299.6, 300.5, 288.5], [481.1, 458.1, 510.3, 494.1]),
  conv([256, 64, 1, 1, 56], [249.3, 275.0, 267.3, 266.1], [473.0, 447.2, 484.0, 460.0]),
  conv([512, 2048, 1, 1, 7], [191.6, 204.5, 224.4, 214.0], [640.8, 638.0, 672.2, 663.0]),
  conv([32, 64, 5, 1, 112], [347.0, 378.1, 383.0, 381.2], [2101.0, 2066.2, 2123.2, 2102.3]),
  depthwise([32, 3, 1, 112], [268.7, 290.2, 298.3, 301.6], [615.2, 590.1, 631.0, 626.6]),
  depthwise([64, 3, 2, 56], [161.8, 161.7, 194.8, 191.5], [239.9, 235.2, 269.2, 263.3]),
  depthwise([128, 3, 1, 28], [181.0, 182.6, 204.6, 215.6], [240.8, 240.2, 272.1, 267.9]),
  depthwise([256, 5, 1, 14], [178.2, 184.9, 204.1, 215.9], [345.0, 347.6, 374.1, 373.8]),
  depthwise([512, 3, 1, 7], [167.0, 174.8, 191.0, 189.6], [236.3, 240.6, 255.3, 248.9]),
];

/** Linear layers of two dimensions: their engines have shuffles on the GPU, so they say nothing of the DLA. Printed, not used. */
export const branesLinear: readonly { readonly name: string; readonly times: LayerRow['times'] }[] = [
  ['512 → 512', [211.7, 214.2, 261.0, 265.8], [215.8, 235.7, 239.1, 239.5]],
  ['512 → 1000', [249.2, 243.2, 272.7, 282.2], [244.1, 252.0, 278.3, 274.2]],
  ['1024 → 1024', [244.0, 247.9, 272.2, 289.0], [259.4, 263.5, 300.5, 289.1]],
  ['2048 → 1000', [287.5, 291.4, 319.3, 311.9], [338.3, 340.2, 376.0, 371.4]],
  ['2048 → 2048', [387.7, 341.3, 378.7, 363.6], [471.6, 470.3, 500.5, 497.6]],
].map(([name, int8, fp16]) => ({
  name: `linear ${name}`,
  times: { int8: int8 as unknown as Measured, fp16: fp16 as unknown as Measured },
}));

/**
 * torchvision's networks as exported. Layers of the engine, as its inspector counts them: those that name a DLA node, of which every
 * loadable has three (it and its two reformats), and the others. Which nodes they stand for is not published.
 */
interface NetworkRow {
  readonly name: string;
  readonly build: () => Graph;
  readonly precision: PrecisionName;
  readonly times: Measured;
  readonly dlaLayers: Measured;
  readonly gpuLayers: Measured;
}

export const branesNetworks: readonly NetworkRow[] = [
  {
    name: 'MobileNetV2',
    build: () => mobilenetV2(),
    precision: 'int8',
    times: [3542.4, 3865.2, 3562.6, 3264.5],
    dlaLayers: [27, 28, 27, 26],
    gpuLayers: [133, 133, 133, 139],
  },
  {
    name: 'ResNet-18',
    build: () => resnet18({ classes: 1000 }),
    precision: 'int8',
    times: [1988.0, 1998.2, 2126.3, 2132.6],
    dlaLayers: [16, 16, 16, 18],
    gpuLayers: [51, 51, 51, 51],
  },
  {
    name: 'MobileNetV2',
    build: () => mobilenetV2(),
    precision: 'fp16',
    times: [5081.7, 3783.4, 5251.6, 5256.1],
    dlaLayers: [32, 32, 32, 32],
    gpuLayers: [153, 148, 153, 151],
  },
  {
    name: 'ResNet-18',
    build: () => resnet18({ classes: 1000 }),
    precision: 'fp16',
    times: [7699.6, 8178.9, 8031.8, 7947.9],
    dlaLayers: [33, 33, 33, 33],
    gpuLayers: [68, 68, 68, 68],
  },
];

export function layerNetwork({ channels, kernels, groups, kernel, stride, size }: LayerRow): Graph {
  const builder = new GraphBuilder('layer');
  const image = builder.input('x', [1, channels, size, size]);
  const padding = (kernel - 1) / 2;
  builder.output(
    builder.convNorm(image, { channels: kernels, kernel, stride, padding, groups, activation: 'relu', name: 'layer' }),
  );
  return builder.build();
}
