import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import { float32Tensor, float32Values } from '../../graph/tensor.ts';
import { Network } from '../../rewrite/testing/network.ts';
import { ortRuntime as runtime } from '../testing/ort-runtime.ts';
import { decibels, relativeNoise, resultsOf, tensorLosses, weightsLoss } from './rounding-loss.ts';

const shape = [1, 2, 3, 3];
const samples = [1, 2].map((seed) => ({ x: float32Tensor(shape, new Random(seed).symmetric(18, 4)) }));

/** y = 2 · Relu(x), z = −x. */
function network(opset = 17) {
  const n = new Network({ opset });
  const x = n.input('x', shape);
  const y = n.op('Mul', [n.op('Relu', [x], {}, 'relu'), n.scalar(2)], {}, 'y');
  return n.graph(y, n.op('Neg', [x], {}, 'z'));
}

/** What the rounding of a number leaves, halves upwards. */
const rounded = (value: number, scale: number) =>
  Math.floor(Math.max(-127, Math.min(127, value / scale)) + 0.5) * scale;

describe('tensorLosses', () => {
  const what = 'are the noise of the outputs when one value alone is rounded, be it input, output or between';
  it.each([7, 17])(`${what}, in opset %d`, async (opset) => {
    const graph = network(opset);
    const expected = await resultsOf(graph, { runtime, samples });
    const context = { runtime, samples, expected };
    const scales = [0.25, 0.01];
    const by = (change: (x: number, scale: number) => { readonly y: number; readonly z: number }) =>
      scales.map((scale) => {
        const found = samples.map(({ x }) => {
          const results = [...float32Values(x)].map((value) => change(value, scale));
          return { y: Float32Array.from(results, ({ y }) => y), z: Float32Array.from(results, ({ z }) => z) };
        });
        return relativeNoise(expected, found);
      });
    const relu = (value: number) => Math.max(value, 0);
    const wanted = {
      x: by((x, scale) => ({ y: 2 * relu(rounded(x, scale)), z: -rounded(x, scale) })),
      relu: by((x, scale) => ({ y: 2 * rounded(relu(x), scale), z: -x })),
      y: by((x, scale) => ({ y: rounded(2 * relu(x), scale), z: -x })),
    };
    for (const [value, losses] of Object.entries(wanted)) {
      const found = await tensorLosses(graph, value, scales, context);
      // At 0.01 the range ends at 1.27: what is larger is lost.
      expect(found[1]).toBeGreaterThan(found[0]!);
      for (const [at, loss] of losses.entries()) expect(found[at], value).toBeCloseTo(loss, 6);
    }
  });
});

describe('weightsLoss', () => {
  it('is that of int8 weights with a scale for each kernel', async () => {
    const n = new Network();
    const x = n.input('x', shape);
    const weights = n.constant(float32Tensor([2, 2, 1, 1], [127, 10.4, 1, 0.5]));
    const graph = n.graph(n.op('Conv', [x, weights], {}, 'y'));
    const expected = await resultsOf(graph, { runtime, samples });
    const scale = Math.fround(1 / 127);
    const near = [127, 10, 1, Math.round(0.5 / scale) * scale];
    const found = samples.map(({ x: tensor }) => {
      const values = float32Values(tensor);
      const at = (k: number, p: number) => near[2 * k]! * values[p]! + near[2 * k + 1]! * values[9 + p]!;
      return { y: Float32Array.from({ length: 18 }, (_, i) => at(Math.floor(i / 9), i % 9)) };
    });
    const loss = await weightsLoss(graph, graph.nodes[0]!, { runtime, samples, expected });
    expect(loss).toBeCloseTo(relativeNoise(expected, found), 8);
    expect(decibels(loss!)).toBeGreaterThan(30);
    expect(await weightsLoss(network(), network().nodes[0]!, { runtime, samples, expected })).toBeUndefined();
  });
});
