/** Folding of one node, held against onnxruntime, which computes it from run-time inputs. */

import { expect } from 'vitest';
import type { Graph } from '../../graph/graph.ts';
import { numbers, type Tensor } from '../../graph/tensor.ts';
import { resolve } from '../resolve.ts';
import { writeModel } from '../write.ts';
import { graphOf, node, type Plain, runModel } from './graphs.ts';

/** The node's output folded, or undefined if it stays a node. */
export function folded(graph: Graph, inputs: Readonly<Record<string, Tensor>>): Tensor | undefined {
  const constants = new Map([...graph.constants, ...Object.entries(inputs)]);
  const result = resolve({ ...graph, inputs: [], constants });
  expect(result.nodes.length).toBe(result.constants.has('y') ? 0 : 1);
  return result.constants.get('y');
}

/**
 * Whether the node is folded; holds what it folds to against onnxruntime.
 * @param bound largest difference relative to the largest finite number that goes in or comes out (both sum in float32 or wider); bytes are compared where it is 0
 */
export async function agree(
  op: string,
  inputs: readonly Tensor[],
  attributes: Readonly<Record<string, Plain>> = {},
  opset = 17,
  bound = 0,
): Promise<boolean> {
  const names = inputs.map((_, index) => `x${index}`);
  const feeds = Object.fromEntries(names.map((name, index) => [name, inputs[index]!]));
  const types = Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [name, { dtype: tensor.dtype, shape: tensor.shape }]),
  );
  const graph = graphOf([node(op, names, ['y'], attributes)], { opset, inputs: types, outputs: ['y'] });
  const mine = folded(graph, feeds);
  if (mine === undefined) return false;
  const values = new Map([...graph.values, ['y', { dtype: mine.dtype, shape: mine.shape }] as const]);
  const { y } = await runModel(writeModel({ ...graph, values }), feeds);
  expect(mine.dtype).toBe(y!.dtype);
  expect(mine.shape).toEqual(y!.shape);
  if (bound > 0) {
    const [found, wanted] = [numbers(mine), numbers(y!)];
    const all = [...wanted, ...inputs.flatMap((tensor) => numbers(tensor))];
    const largest = Math.max(...all.filter(Number.isFinite).map(Math.abs), 2 ** -10);
    for (const [index, value] of wanted.entries()) {
      const same = Object.is(found[index], value) || Math.abs(found[index]! - value) <= bound * largest;
      if (!same) expect(`${op} element ${index}: ${found[index]}`).toBe(`${op} element ${index}: ${value}`);
    }
  } else if (mine.dtype === 'float32') {
    // NaN payloads are nobody's promise.
    expect(numbers(mine)).toEqual(numbers(y!));
  } else expect(Buffer.compare(mine.bytes, y!.bytes)).toBe(0);
  return true;
}
