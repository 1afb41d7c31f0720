/** What families of random nodes draw from: sizes, shapes, pads; and one node as a graph. */

import fc from 'fast-check';
import type { Graph } from '../../../graph/graph.ts';
import { int64Tensor, type Tensor } from '../../../graph/tensor.ts';
import { graphOf, node } from '../graphs.ts';

/** One node as a graph. */
export type Case = fc.Arbitrary<Graph>;

export const size = fc.integer({ min: 1, max: 9 });

export const image = fc.tuple(
  fc.integer({ min: 1, max: 3 }),
  fc.constant(4),
  fc.integer({ min: 3, max: 17 }),
  fc.integer({ min: 3, max: 17 }),
);

export const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));

export const pads = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 2 })));

export const autoPad = fc.constantFrom('NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID');

/** `pads` and `auto_pad` exclude one another. */
export const padding = (auto: string, given: readonly number[]): Record<string, string | readonly number[]> =>
  auto === 'NOTSET' ? { pads: given } : { auto_pad: auto };

/** A shape of so many dimensions. */
export const shapeOf = (least: number, most: number) =>
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength: least, maxLength: most });

export const list = (values: readonly number[]): Tensor => int64Tensor([values.length], values);

export const single = (op: string, shape: readonly number[], attributes = {}, opset = 17): Graph =>
  graphOf([node(op, ['x'], ['y'], attributes)], { opset, inputs: { x: shape }, outputs: ['y'] });
