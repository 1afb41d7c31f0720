/**
 * The networks of NVIDIA's performance spreadsheet as its tabs list them (nvdla/hw `perf/NVDLA_OpenSource_Performance.xlsx`), slips
 * included, since its totals contain them: GoogLeNet's reduction before the second convolution is missing, ResNet-50's
 * Res2a_branch2a has 256 input channels (the network: 64), only the first of GoogLeNet's blocks has the larger
 * weights of Winograd.
 */

import type { Extent } from '../../program/layer.ts';
import type { SheetLayer, SheetNetwork } from './sheet.ts';

interface Row {
  readonly kind?: SheetLayer['kind'];
  readonly input: readonly [channels: number, size: number];
  readonly kernels: number;
  readonly kernel: number;
  readonly stride?: number;
  /** The convolution keeps the size of its input, up to its stride. */
  readonly padded?: boolean;
  readonly pool?: { readonly kernel: number; readonly stride: number };
  readonly plainWeights?: true;
  readonly outside?: 'input' | 'output';
}

const square = (size: number): Extent => ({ h: size, w: size });

function layer(name: string, row: Row): SheetLayer {
  const { kind = 'conv', input, kernels, kernel, stride = 1, padded = false, pool, ...rest } = row;
  const [channels, size] = input;
  const convolved = padded ? Math.ceil(size / stride) : Math.ceil((size - kernel) / stride) + 1;
  const output = pool === undefined ? convolved : Math.ceil((convolved - pool.kernel) / pool.stride) + 1;
  return {
    ...rest,
    name,
    kind,
    channels,
    height: size,
    width: size,
    kernels,
    kernel: square(kernel),
    stride: square(stride),
    // The sheet's own count of positions for the multipliers: 54, where AlexNet's first layer has 55.
    positions: square(Math.ceil((padded ? size : size - kernel + 1) / stride)),
    macs: channels * convolved * convolved * kernels * kernel * kernel,
    output: square(output),
  };
}

const byTwo = { kernel: 3, stride: 2 };

/** AlexNet, with each of Caffe's two groups as a layer. */
export const sheetAlexNet: SheetNetwork = {
  name: 'AlexNet',
  rules: { kernelMultiple: 16, staysBelow: 'kernelGroup', connectedBatch: 16, winograd: true },
  layers: [
    layer('conv1', { input: [3, 224], kernels: 96, kernel: 11, stride: 4, pool: byTwo, outside: 'input' }),
    ...twice('conv2', { input: [48, 27], kernels: 128, kernel: 5, padded: true, pool: byTwo }),
    layer('conv3', { input: [256, 13], kernels: 384, kernel: 3, padded: true }),
    ...twice('conv4', { input: [192, 13], kernels: 192, kernel: 3, padded: true }),
    ...twice('conv5', { input: [192, 13], kernels: 128, kernel: 3, padded: true, pool: byTwo, outside: 'output' }),
    layer('fc1', { kind: 'connected', input: [256, 6], kernels: 4096, kernel: 6, outside: 'input' }),
    layer('fc2', { kind: 'connected', input: [4096, 1], kernels: 4096, kernel: 1, outside: 'input' }),
    layer('fc3', { kind: 'connected', input: [4096, 1], kernels: 1000, kernel: 1, outside: 'input' }),
  ],
};

function twice(name: string, row: Row): readonly SheetLayer[] {
  return [layer(`${name}, first group`, row), layer(`${name}, second group`, row)];
}

interface Inception {
  readonly name: string;
  readonly input: readonly [channels: number, size: number];
  readonly one: number;
  readonly three: readonly [reduced: number, kernels: number];
  readonly five: readonly [reduced: number, kernels: number];
  readonly projected: number;
  readonly pool?: Row['pool'];
}

/** The three convolutions that share the block's input are one layer of the sheet. */
function inception({ name, input, one, three, five, projected, pool }: Inception): readonly SheetLayer[] {
  const [, size] = input;
  const padded = { padded: true, ...(name !== '3a' && { plainWeights: true as const }) };
  return [
    layer(`inception ${name} 1x1`, { input, kernels: one + three[0] + five[0], kernel: 1, ...padded }),
    layer(`inception ${name} 3x3`, { input: [three[0], size], kernels: three[1], kernel: 3, ...padded }),
    layer(`inception ${name} 5x5`, { input: [five[0], size], kernels: five[1], kernel: 5, ...padded }),
    layer(`inception ${name} pool proj`, { input, kernels: projected, kernel: 1, ...padded, ...(pool && { pool }) }),
  ];
}

const inceptions: readonly Inception[] = [
  { name: '3a', input: [192, 28], one: 64, three: [96, 128], five: [16, 32], projected: 32 },
  { name: '3b', input: [256, 28], one: 128, three: [128, 192], five: [32, 96], projected: 64, pool: byTwo },
  { name: '4a', input: [480, 14], one: 192, three: [96, 208], five: [16, 48], projected: 64 },
  { name: '4b', input: [512, 14], one: 160, three: [112, 224], five: [24, 64], projected: 64 },
  { name: '4c', input: [512, 14], one: 128, three: [128, 256], five: [24, 64], projected: 64 },
  { name: '4d', input: [512, 14], one: 112, three: [144, 288], five: [32, 64], projected: 64 },
  { name: '4e', input: [528, 14], one: 256, three: [160, 320], five: [32, 128], projected: 128, pool: byTwo },
  { name: '5a', input: [832, 7], one: 256, three: [160, 320], five: [32, 128], projected: 128 },
  {
    name: '5b',
    input: [832, 7],
    one: 384,
    three: [192, 384],
    five: [48, 128],
    projected: 128,
    pool: { kernel: 7, stride: 1 },
  },
];

export const sheetGoogLeNet: SheetNetwork = {
  name: 'GoogLeNet',
  rules: { kernelMultiple: 16, staysBelow: 'kernelGroup', connectedBatch: 1, winograd: true },
  layers: [
    layer('conv1', { input: [3, 224], kernels: 64, kernel: 7, stride: 2, padded: true, pool: byTwo }),
    layer('conv2', { input: [64, 56], kernels: 192, kernel: 3, padded: true, pool: byTwo }),
    ...inceptions.flatMap(inception),
    layer('fc', { kind: 'connected', input: [1024, 1], kernels: 1000, kernel: 1 }),
  ],
};

/** The layers of ResNet-50 v1, which has the stride in the first 1×1 convolution of a stage. */
function* resNet50Layers(): Generator<SheetLayer> {
  yield layer('conv1', { input: [3, 224], kernels: 64, kernel: 7, stride: 2, padded: true, pool: byTwo });
  let size = 56;
  for (const [stage, depth] of [3, 4, 6, 3].entries()) {
    const inner = 64 << stage;
    for (let block = 0; block < depth; block++) {
      const name = `res${stage + 2}${'abcdef'[block]}`;
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const channels = block > 0 ? 4 * inner : stage === 0 ? 64 : 2 * inner;
      const input = [channels, size] as const;
      if (block === 0) {
        yield layer(`${name}_branch1`, { input, kernels: 4 * inner, kernel: 1, stride, padded: true });
      }
      const reduced = stage === 0 && block === 0 ? ([256, size] as const) : input;
      yield layer(`${name}_branch2a`, { input: reduced, kernels: inner, kernel: 1, stride, padded: true });
      size = Math.ceil(size / stride);
      yield layer(`${name}_branch2b`, { input: [inner, size], kernels: inner, kernel: 3, padded: true });
      const last = stage === 3 && block === 2 && { pool: { kernel: 7, stride: 7 } };
      yield layer(`${name}_branch2c`, {
        kind: 'residual',
        input: [inner, size],
        kernels: 4 * inner,
        kernel: 1,
        padded: true,
        ...last,
      });
    }
  }
  yield layer('fc1000', { kind: 'connected', input: [2048, 1], kernels: 1000, kernel: 1 });
}

export const sheetResNet50: SheetNetwork = {
  name: 'ResNet-50',
  rules: { kernelMultiple: 128, staysBelow: 'weights', connectedBatch: 1, winograd: true },
  layers: [...resNet50Layers()],
};
