/** Runs a graph before and after rewriting on onnxruntime and holds the results against each other. */

import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { Random } from '../../base/random.ts';
import type { Graph } from '../../graph/graph.ts';
import { elementCount } from '../../graph/tensor.ts';
import { writeModel } from '../../onnx/write.ts';
import { type RewriteResult, rewrite } from '../rewrite.ts';

interface Result {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Executes the graph as it is written, on seeded inputs in [−3, 3); symbolic dimensions are 2. */
async function execute(graph: Graph, seed = 7): Promise<ReadonlyMap<string, Result>> {
  const session = await ort.InferenceSession.create(writeModel(graph), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const random = new Random(seed);
  const feeds = Object.fromEntries(
    graph.inputs.map((name) => {
      const shape = (graph.values.get(name)?.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 2));
      const values = Float32Array.from({ length: elementCount(shape) }, () => random.between(-3, 3));
      return [name, new ort.Tensor('float32', values, shape)];
    }),
  );
  const results = await session.run(feeds);
  await session.release();
  return new Map(
    graph.outputs.map((name) => {
      const tensor = results[name]!;
      return [name, { shape: [...tensor.dims], values: tensor.data as Float32Array }];
    }),
  );
}

/** The largest difference relative to the largest value of the output, or to 0.01 where that is larger. */
export async function difference(before: Graph, after: Graph, seed = 7): Promise<number> {
  expect(after.outputs).toEqual(before.outputs);
  const [expected, actual] = [await execute(before, seed), await execute(after, seed)];
  let worst = 0;
  for (const [name, { shape, values }] of expected) {
    const found = actual.get(name)!;
    expect(found.shape).toEqual(shape);
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0.01);
    values.forEach((value, index) => {
      const distance = Math.abs(value - found.values[index]!) / largest;
      if (!(distance <= worst)) worst = distance;
    });
  }
  return worst;
}

/** Rewrites, and fails unless the passes applied and the results stayed the same within float tolerance. */
export async function rewriteSame(graph: Graph, passes: readonly string[], tolerance = 2e-5): Promise<RewriteResult> {
  const result = rewrite(graph, { passes });
  expect(result.applied.map(({ pass }) => pass)).toContain(passes[0]);
  expect(await difference(graph, result.graph)).toBeLessThanOrEqual(tolerance);
  return result;
}
