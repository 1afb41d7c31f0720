/**
 * Networks of inverted residuals with ReLU6, padded alike on both sides; weights are seeded. EfficientNet-Lite0 is timm's
 * (`efficientnet_lite0`): 4.652 million parameters, 0.385 GMAC at 224×224, without squeeze-and-excite and without SiLU. MobileNetV2 is
 * torchvision's: 3.505 million, 0.301 GMAC.
 */

import type { Graph } from '../graph/graph.ts';
import { GraphBuilder, type NetworkOptions } from './graph-builder.ts';

/** How many blocks, kernel, stride of the first, expansion, channels. */
type Stage = readonly [depth: number, kernel: number, stride: number, expansion: number, channels: number];

const lite0: readonly Stage[] = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
];

const mobile: readonly Stage[] = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [3, 3, 2, 6, 32],
  [4, 3, 2, 6, 64],
  [3, 3, 1, 6, 96],
  [3, 3, 2, 6, 160],
  [1, 3, 1, 6, 320],
];

/** Scale of a residual branch's last batch norm: below 1, so that the sum over a stage's blocks grows little. */
const branchGain = 0.4;

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]; 1000 classes unless given. */
export const efficientnetLite0 = (options: NetworkOptions = {}): Graph =>
  invertedResiduals('efficientnet_lite0', lite0, options);

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]; 1000 classes unless given. */
export const mobilenetV2 = (options: NetworkOptions = {}): Graph => invertedResiduals('mobilenet_v2', mobile, options);

function invertedResiduals(network: string, stages: readonly Stage[], options: NetworkOptions): Graph {
  const builder = new GraphBuilder(network, { seed: options.seed ?? 1 });
  let x = builder.input('image', [options.batch ?? 1, 3, 224, 224]);
  x = builder.convNorm(x, { channels: 32, kernel: 3, stride: 2, padding: 1, activation: 'relu6', name: 'stem' });
  for (const [stage, [depth, kernel, first, expansion, channels]] of stages.entries()) {
    for (let index = 0; index < depth; index++) {
      const name = `blocks.${stage}.${index}`;
      x = invertedResidual(builder, x, { kernel, stride: index === 0 ? first : 1, expansion, channels, name });
    }
  }
  x = builder.convNorm(x, { channels: 1280, kernel: 1, activation: 'relu6', name: 'head' });
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
    y = builder.convNorm(y, { channels: wide, kernel: 1, activation: 'relu6', name: `${name}.expand` });
  }
  y = builder.convNorm(y, {
    channels: wide,
    kernel,
    stride,
    padding: (kernel - 1) / 2,
    groups: wide,
    activation: 'relu6',
    name: `${name}.depthwise`,
  });
  y = builder.convNorm(y, { channels, kernel: 1, ...(adds && { gain: branchGain }), name: `${name}.project` });
  return adds ? builder.add(y, x, `${name}.add`) : y;
}
