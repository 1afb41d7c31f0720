/**
 * Inception v3 as timm has it (`inception_v3`): the TensorFlow network in torchvision's form, without the auxiliary classifier. 23.83
 * million parameters, 5.7 GMAC at 299×299. Blocks and branches have the names of Szegedy et al., "Rethinking the Inception
 * Architecture". Weights are seeded.
 */

import type { Graph } from '../graph/graph.ts';
import { type ConvOptions, GraphBuilder, type NetworkOptions } from './graph-builder.ts';

type Shape = Pick<ConvOptions, 'channels' | 'kernel' | 'stride' | 'padding'>;

/** Input `image` [batch, 3, 299, 299], output `logits` [batch, classes]; 1000 classes unless given. */
export function inceptionV3(options: NetworkOptions = {}): Graph {
  const builder = new GraphBuilder('inception_v3', { seed: options.seed ?? 1 });
  let x = builder.input('image', [options.batch ?? 1, 3, 299, 299]);
  x = conv(builder, x, 'Conv2d_1a_3x3', { channels: 32, kernel: 3, stride: 2 });
  x = conv(builder, x, 'Conv2d_2a_3x3', { channels: 32, kernel: 3 });
  x = conv(builder, x, 'Conv2d_2b_3x3', { channels: 64, kernel: 3, padding: 1 });
  x = builder.maxPool(x, { kernel: 3, stride: 2, name: 'Pool1' });
  x = conv(builder, x, 'Conv2d_3b_1x1', { channels: 80, kernel: 1 });
  x = conv(builder, x, 'Conv2d_4a_3x3', { channels: 192, kernel: 3 });
  x = builder.maxPool(x, { kernel: 3, stride: 2, name: 'Pool2' });
  x = inceptionA(builder, x, 'Mixed_5b', 32);
  x = inceptionA(builder, x, 'Mixed_5c', 64);
  x = inceptionA(builder, x, 'Mixed_5d', 64);
  x = reductionB(builder, x, 'Mixed_6a');
  x = inceptionC(builder, x, 'Mixed_6b', 128);
  x = inceptionC(builder, x, 'Mixed_6c', 160);
  x = inceptionC(builder, x, 'Mixed_6d', 160);
  x = inceptionC(builder, x, 'Mixed_6e', 192);
  x = reductionD(builder, x, 'Mixed_7a');
  x = inceptionE(builder, x, 'Mixed_7b');
  x = inceptionE(builder, x, 'Mixed_7c');
  return builder.classifier(x, options.classes ?? 1000);
}

const conv = (builder: GraphBuilder, x: string, name: string, shape: Shape): string =>
  builder.convNorm(x, { ...shape, activation: 'relu', epsilon: 1e-3, name });

/** One convolution after the other, NAME_1, NAME_2, … */
const chain = (builder: GraphBuilder, x: string, name: string, shapes: readonly Shape[]): string =>
  shapes.reduce((y, shape, index) => conv(builder, y, `${name}_${index + 1}`, shape), x);

const one = (channels: number): Shape => ({ channels, kernel: 1 });
const three = (channels: number): Shape => ({ channels, kernel: 3, padding: 1 });
const row = (channels: number, length: number): Shape => {
  const side = (length - 1) / 2;
  return { channels, kernel: [1, length], padding: [0, side, 0, side] };
};
const column = (channels: number, length: number): Shape => {
  const side = (length - 1) / 2;
  return { channels, kernel: [length, 1], padding: [side, 0, side, 0] };
};
const halved = (channels: number): Shape => ({ channels, kernel: 3, stride: 2 });

/** The average over 3×3, the zeros at the border counted, then a convolution. */
function pooled(builder: GraphBuilder, x: string, name: string, channels: number): string {
  const pool = builder.averagePool(x, {
    kernel: 3,
    stride: 1,
    padding: 1,
    countPadding: true,
    name: `${name}.branch_pool`,
  });
  return conv(builder, pool, `${name}.branch_pool_1x1`, one(channels));
}

/** A block on maps of 35×35. */
function inceptionA(builder: GraphBuilder, x: string, name: string, poolChannels: number): string {
  return builder.concat([
    chain(builder, x, `${name}.branch1x1`, [one(64)]),
    chain(builder, x, `${name}.branch5x5`, [one(48), { channels: 64, kernel: 5, padding: 2 }]),
    chain(builder, x, `${name}.branch3x3dbl`, [one(64), three(96), three(96)]),
    pooled(builder, x, name, poolChannels),
  ]);
}

/** A block that makes 17×17 of 35×35. */
function reductionB(builder: GraphBuilder, x: string, name: string): string {
  return builder.concat([
    chain(builder, x, `${name}.branch3x3`, [halved(384)]),
    chain(builder, x, `${name}.branch3x3dbl`, [one(64), three(96), halved(96)]),
    builder.maxPool(x, { kernel: 3, stride: 2, name: `${name}.branch_pool` }),
  ]);
}

/** A block on maps of 17×17. */
function inceptionC(builder: GraphBuilder, x: string, name: string, inner: number): string {
  return builder.concat([
    chain(builder, x, `${name}.branch1x1`, [one(192)]),
    chain(builder, x, `${name}.branch7x7`, [one(inner), row(inner, 7), column(192, 7)]),
    chain(builder, x, `${name}.branch7x7dbl`, [
      one(inner),
      column(inner, 7),
      row(inner, 7),
      column(inner, 7),
      row(192, 7),
    ]),
    pooled(builder, x, name, 192),
  ]);
}

/** A block that makes 8×8 of 17×17. */
function reductionD(builder: GraphBuilder, x: string, name: string): string {
  return builder.concat([
    chain(builder, x, `${name}.branch3x3`, [one(192), halved(320)]),
    chain(builder, x, `${name}.branch7x7x3`, [one(192), row(192, 7), column(192, 7), halved(192)]),
    builder.maxPool(x, { kernel: 3, stride: 2, name: `${name}.branch_pool` }),
  ]);
}

/** A block on maps of 8×8, in which two branches end in a row beside a column. */
function inceptionE(builder: GraphBuilder, x: string, name: string): string {
  const beside = (y: string, branch: string): string =>
    builder.concat([
      conv(builder, y, `${branch}_row`, row(384, 3)),
      conv(builder, y, `${branch}_column`, column(384, 3)),
    ]);
  return builder.concat([
    chain(builder, x, `${name}.branch1x1`, [one(320)]),
    beside(chain(builder, x, `${name}.branch3x3`, [one(384)]), `${name}.branch3x3`),
    beside(chain(builder, x, `${name}.branch3x3dbl`, [one(448), three(384)]), `${name}.branch3x3dbl`),
    pooled(builder, x, name, 192),
  ]);
}
