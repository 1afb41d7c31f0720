/**
 * Shape inference against onnxruntime: random nodes of every family, run, and the shapes compared. onnxruntime may
 * refuse what we accept (a type without a kernel); what it runs we must infer exactly.
 */

import { describe, expect, test } from 'vitest';
import { resolve } from '../resolve.ts';
import { floats } from '../testing/graphs.ts';
import { single } from '../testing/random-nodes/draw.ts';
import { families, holdToOnnxruntime } from '../testing/random-nodes/families.ts';

describe('inferred shapes are those that onnxruntime computes', () => {
  test.each(families)('%s', async (_, nodes, runs) => {
    expect(await holdToOnnxruntime(nodes, runs)).toBeGreaterThan(runs / 4);
  });

  test('Upsample of opset 7 takes its scales from an attribute', () => {
    const graph = single('Upsample', [1, 3, 5, 7], { scales: floats([1, 1, 2, 1.5]) }, 7);
    expect(resolve(graph).values.get('y')?.shape).toEqual([1, 3, 10, 10]);
  });
});
