/**
 * EfficientNet-Lite0 as timm has it (`efficientnet_lite0`): MobileNet's inverted residuals with ReLU6, without squeeze-and-excite and
 * without SiLU, padded alike on both sides. 4.652 million parameters, 0.407 GMAC at 224×224. Weights are seeded.
 */

import type { Graph } from '../graph/graph.ts';
import { GraphBuilder, type NetworkOptions } from './graph-builder.ts';

/** Each stage: how many blocks it has, their kernel, the stride of the first, their expansion, their channels. */
const stages = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
] as const;

/** Scale of a residual branch's last batch norm: below 1, so that the sum over a stage's blocks grows little. */
const branchGain = 0.4;

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]; 1000 classes unless given. */
export function efficientnetLite0(options: NetworkOptions = {}): Graph {
  const builder = new GraphBuilder('efficientnet_lite0', { seed: options.seed ?? 1 });
  const image = builder.input('image', [options.batch ?? 1, 3, 224, 224]);
  let x = builder.convNorm(image, {
    channels: 32,
    kernel: 3,
    stride: 2,
    padding: 1,
    activation: 'relu6',
    name: 'conv_stem',
  });
  for (const [stage, [depth, kernel, first, expansion, channels]] of stages.entries()) {
    for (let index = 0; index < depth; index++) {
      const name = `blocks.${stage}.${index}`;
      x = invertedResidual(builder, x, { kernel, stride: index === 0 ? first : 1, expansion, channels, name });
    }
  }
  x = builder.convNorm(x, { channels: 1280, kernel: 1, activation: 'relu6', name: 'conv_head' });
  return builder.classifier(x, options.classes ?? 1000);
}

interface Block {
  readonly kernel: number;
  readonly stride: number;
  readonly expansion: number;
  readonly channels: number;
  readonly name: string;
}

/** A convolution that widens, a depthwise one, and one that narrows; the input is added to the result where the shape stays. */
function invertedResidual(
  builder: GraphBuilder,
  x: string,
  { kernel, stride, expansion, channels, name }: Block,
): string {
  const given = builder.shape(x)[1]!;
  const wide = given * expansion;
  const adds = stride === 1 && given === channels;
  let y = x;
  if (expansion > 1) {
    y = builder.convNorm(y, { channels: wide, kernel: 1, activation: 'relu6', name: `${name}.conv_pw` });
  }
  y = builder.convNorm(y, {
    channels: wide,
    kernel,
    stride,
    padding: (kernel - 1) / 2,
    groups: wide,
    activation: 'relu6',
    name: `${name}.conv_dw`,
  });
  y = builder.convNorm(y, { channels, kernel: 1, ...(adds && { gain: branchGain }), name: `${name}.conv_pwl` });
  return adds ? builder.add(y, x, `${name}.add`) : y;
}
