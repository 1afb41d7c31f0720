/**
 * Random nodes of every family of operators that shape inference covers, for the properties that hold it, and with it the
 * views of graph/operators, against onnxruntime.
 */

import fc from 'fast-check';
import { expect } from 'vitest';
import { elementSize } from '../../../base/data-type.ts';
import type { ValueType } from '../../../graph/graph.ts';
import { elementCount, type Tensor } from '../../../graph/tensor.ts';
import { resolve } from '../../resolve.ts';
import { runEveryValue } from '../graphs.ts';
import { alongAxes, broadcasting, matrices, reduction, unary } from './arithmetic.ts';
import type { Case } from './draw.ts';
import { generating, joining, reshaping, resizing, slicing } from './movement.ts';
import { convolution, otherRanks, pooling, quantized, transposed } from './windows.ts';

/** A name, nodes as graphs of one, and how many of them the suite draws. */
export const families: readonly (readonly [string, Case, number])[] = [
  ['Conv', convolution, 60],
  ['ConvTranspose', transposed, 150],
  ['windows of other ranks', otherRanks, 80],
  ['quantized convolutions', quantized, 40],
  ['pooling', pooling, 150],
  ['broadcasting', broadcasting, 60],
  ['reduction', reduction, 80],
  ['Slice', slicing, 80],
  ['Resize and Upsample', resizing, 120],
  ['reshaping', reshaping, 120],
  ['joining and cutting', joining, 150],
  ['operators along axes', alongAxes, 120],
  ['generated sizes', generating, 40],
  ['matrix products', matrices, 40],
  ['one input', unary, 60],
];

const zeros = ({ dtype, shape }: ValueType): Tensor => ({
  dtype,
  shape: shape as readonly number[],
  bytes: new Uint8Array(elementCount(shape as readonly number[]) * elementSize[dtype]),
});

/** Draws nodes of a family and holds their inferred types against what onnxruntime computes. Gives how many it could run. */
export async function holdToOnnxruntime(nodes: Case, runs: number): Promise<number> {
  let agreed = 0;
  await fc.assert(
    fc.asyncProperty(nodes, async (graph) => {
      const feeds = Object.fromEntries(graph.inputs.map((name) => [name, zeros(graph.values.get(name)!)]));
      let actual: Readonly<Record<string, Tensor>>;
      try {
        actual = await runEveryValue(graph, feeds);
      } catch {
        return;
      }
      const resolved = resolve(graph);
      for (const [name, { dtype, shape }] of Object.entries(actual)) {
        const type = resolved.values.get(name);
        expect({ name, dtype: type?.dtype, shape: type?.shape }).toEqual({ name, dtype, shape });
      }
      agreed++;
    }),
    { numRuns: runs },
  );
  return agreed;
}
