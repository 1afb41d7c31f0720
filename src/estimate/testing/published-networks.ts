/** The networks whose throughput NVIDIA publishes, as hardware layers (docs/hardware/estimate-model.md#networks). */

import type { Plan } from '../../program/program.ts';
import { NetworkProgram, planOf } from './network-program.ts';

const sram = 2 ** 20;
const stem = { stride: 2, padding: 3, pool: { kernel: 3, stride: 2, padding: 1 } };

/** v1.5: the stride is in the 3×3 convolution. 1001 classes, as TensorFlow counts them. */
export function resnet50(batch = 2): Plan {
  const net = new NetworkProgram(batch);
  let x = net.conv(net.image(224, 224), 64, 7, stem);
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 << stage;
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const inner = net.conv(net.conv(x, width, 1), width, 3, { stride, padding: 1 });
      const residual = block === 0 ? net.conv(x, 4 * width, 1, { stride }) : x;
      x = net.conv(inner, 4 * width, 1, { residual });
    }
  }
  const logits = net.conv(net.globalAveragePool(x), 1001, 1);
  return planOf('resnet50', net.program([logits], sram), batch);
}

function basicBlocks(net: NetworkProgram, input: number, blocks: number, width: number, first: number): number {
  let x = input;
  for (let block = 0; block < blocks; block++) {
    const stride = block === 0 ? first : 1;
    const inner = net.conv(x, width, 3, { stride, padding: 1 });
    const residual = stride > 1 || net.shape(x)[1] !== width ? net.conv(x, width, 1, { stride }) : x;
    x = net.conv(inner, width, 3, { padding: 1, residual });
  }
  return x;
}

/** 1280 × 768; all four stages, of which the last three are outputs. The first pooling may be a launch of its own. */
export function resnet34Backbone(sparse = false, pool: 'fused' | 'alone' = 'fused'): Plan {
  const net = new NetworkProgram(1, sparse);
  const image = net.image(768, 1280);
  let x =
    pool === 'fused'
      ? net.conv(image, 64, 7, stem)
      : net.maxPool(net.conv(image, 64, 7, { stride: 2, padding: 3 }), stem.pool);
  const outputs: number[] = [];
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    x = basicBlocks(net, x, blocks, 64 << stage, stage === 0 ? 1 : 2);
    if (stage > 0) outputs.push(x);
  }
  return planOf('resnet34-backbone', net.program(outputs, sram), 1);
}

/** 1200 × 1200; stage 3 keeps its size, heads have stride 3 with location and class in one convolution. */
export function ssdResnet34(sparse = false): Plan {
  const net = new NetworkProgram(1, sparse);
  let x = net.conv(net.image(1200, 1200), 64, 7, stem);
  x = basicBlocks(net, x, 3, 64, 1);
  x = basicBlocks(net, x, 4, 128, 2);
  x = basicBlocks(net, x, 6, 256, 1);
  const sources = [x];
  for (const [middle, width, stride, padding] of [
    [256, 512, 2, 1],
    [256, 512, 2, 1],
    [128, 256, 2, 1],
    [128, 256, 2, 0],
    [128, 256, 1, 0],
  ] as const) {
    x = net.conv(net.conv(x, middle, 1), width, 3, { stride, padding });
    sources.push(x);
  }
  const boxes = [4, 6, 6, 6, 4, 4];
  const outputs = sources.map((source, level) => net.conv(source, boxes[level]! * 85, 3, { stride: 3, padding: 1 }));
  return planOf('ssd-resnet34', net.program(outputs, sram), 1);
}

/** 300 × 300, TensorFlow's SAME padding, heads fused pairwise. */
export function ssdMobilenetV1(batch = 2): Plan {
  const net = new NetworkProgram(batch);
  const same = (input: number, channels: number, kernel: number, stride: number, groups = 1): number => {
    const size = net.shape(input)[2];
    const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size);
    const [top, bottom] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return net.conv(input, channels, kernel, { stride, groups, padding: { top, left: top, bottom, right: bottom } });
  };
  let x = same(net.image(300, 300), 32, 3, 2);
  const sources: number[] = [];
  const widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
  const strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1];
  for (const [index, width] of widths.entries()) {
    const channels = net.shape(x)[1];
    x = same(same(x, channels, 3, strides[index]!, channels), width, 1, 1);
    if (index === 10 || index === 12) sources.push(x);
  }
  for (const [middle, width] of [
    [256, 512],
    [128, 256],
    [128, 256],
    [64, 128],
  ] as const) {
    x = same(same(x, middle, 1, 1), width, 3, 2);
    sources.push(x);
  }
  const outputs = sources.map((source, level) => same(source, (level === 0 ? 3 : 6) * 95, 1, 1));
  return planOf('ssd-mobilenet-v1', net.program(outputs, sram), batch);
}

/**
 * Feature pyramid of 256 channels and its two heads of four convolutions, on five levels with nine anchors, the classes
 * first. The sixth level is made of the fifth, or of the backbone's last stage.
 */
function retinaNetHeads(
  net: NetworkProgram,
  stages: readonly number[],
  classes: number,
  sixth: 'of level 5' | 'of stage 5',
): number[] {
  const [c3, c4, c5] = stages as [number, number, number];
  const p5 = net.conv(c5, 256, 1);
  const p4 = net.conv(c4, 256, 1, { residual: net.upsample(p5, 2) });
  const p3 = net.conv(c3, 256, 1, { residual: net.upsample(p4, 2) });
  const levels = [p3, p4, p5].map((level) => net.conv(level, 256, 3, { padding: 1 }));
  const p6 = net.conv(sixth === 'of level 5' ? levels[2]! : c5, 256, 3, { stride: 2, padding: 1 });
  levels.push(p6, net.conv(p6, 256, 3, { stride: 2, padding: 1 }));
  return [9 * classes, 9 * 4].flatMap((channels) =>
    levels.map((level) => {
      let x = level;
      for (let depth = 0; depth < 4; depth++) x = net.conv(x, 256, 3, { padding: 1 });
      return net.conv(x, channels, 3, { padding: 1 });
    }),
  );
}

/** 800 × 800, 32 groups, 264 classes; ten outputs. */
export function retinaNetResNext50(sparse = false): Plan {
  const net = new NetworkProgram(1, sparse);
  let x = net.conv(net.image(800, 800), 64, 7, stem);
  const stages: number[] = [];
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 128 << stage;
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const inner = net.conv(net.conv(x, width, 1), width, 3, { stride, padding: 1, groups: 32 });
      const residual = block === 0 ? net.conv(x, 2 * width, 1, { stride }) : x;
      x = net.conv(inner, 2 * width, 1, { residual });
    }
    if (stage > 0) stages.push(x);
  }
  return planOf('retinanet-resnext50', net.program(retinaNetHeads(net, stages, 264, 'of level 5'), sram), 1);
}

/** 1280 × 768. The head is not documented: four convolutions of 256 and four classes fit the ratio to the bare backbone. */
export function retinaNetResNet34(sparse = false): Plan {
  const net = new NetworkProgram(1, sparse);
  let x = net.conv(net.image(768, 1280), 64, 7, stem);
  const stages: number[] = [];
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    x = basicBlocks(net, x, blocks, 64 << stage, stage === 0 ? 1 : 2);
    if (stage > 0) stages.push(x);
  }
  return planOf('retinanet-resnet34', net.program(retinaNetHeads(net, stages, 4, 'of stage 5'), sram), 1);
}
