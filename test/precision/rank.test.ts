/** The ranking of `dla evaluate --tensors` on networks with a planted fault each: that it names the tensor and the reason. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import {
  type CompileOptions,
  calibrate,
  compile,
  type Device,
  evaluate,
  evaluationText,
  feedOf,
  openDevice,
  prepare,
} from '../../src/index.ts';
import { ortRuntime as runtime } from '../../src/quantize/testing/ort-runtime.ts';
import { outlierNetwork } from '../../src/quantize/testing/outlier-network.ts';
import { Network } from '../../src/rewrite/testing/network.ts';

const sampleSize = 3 * 16 * 16;

const sample = (index: number) => new Random(index).symmetric(sampleSize, 1);

/** Samples in runs of `batch`, zeros in the place of those that are missing. */
function read(batch: number, first: number, count: number): Tensor {
  const values = new Float32Array(batch * sampleSize);
  for (let at = 0; at < count; at++) values.set(sample(first + at), at * sampleSize);
  return float32Tensor([batch, 3, 16, 16], values);
}

const feedFor = (batch: number) =>
  feedOf([
    {
      input: 'x',
      name: 'noise',
      size: 2,
      perRun: batch,
      read: async (first, count) => ({ tensor: read(batch, first, count), labels: Array(count).fill(undefined) }),
    },
  ]);

let device: Device;
beforeAll(async () => {
  device = await openDevice({ target: 'orin', engines: 'wasm' });
});
afterAll(() => device.close());

interface Ranking extends CompileOptions {
  readonly batch?: number;
  /** Made of those that were calibrated on the same samples. */
  readonly change?: (scales: ReadonlyMap<string, number>) => ReadonlyMap<string, number>;
  readonly onRanking?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

async function evaluated(graph: Graph, { batch = 1, change, onRanking, signal, ...how }: Ranking = {}) {
  const network = prepare(graph);
  const samples = Array.from({ length: 2 }, (_, index) => ({ x: read(batch, index, batch) }));
  const { scales } = await calibrate(network, samples, { runtime, method: 'min-max' });
  const compilation = compile(network, {
    ...how,
    ...(how.precision !== 'fp16' && { scales: change?.(scales) ?? scales }),
  });
  const options = {
    graph: network.graph,
    network: compilation.network,
    feed: feedFor(batch),
    device,
    runtime,
    calibration: 'noise',
    compilation,
    ...(onRanking && { onRanking }),
    ...(signal && { signal }),
  };
  return { options, evaluation: await evaluate({ ...options, tensorSamples: 2 }) };
}

describe('the ranking of tensors', () => {
  it('begins with the planted outlier, which costs about all that the network loses on the DLA', async () => {
    const progress: number[] = [];
    const { evaluation, options } = await evaluated(outlierNetwork('Relu'), {
      onRanking: (done, total) => progress.push(done / total),
    });
    const [first, ...others] = evaluation.losses!;
    expect(first).toMatchObject({ value: 'active', reason: { cause: 'outlier-channel' } });
    const { largest, median } = first!.reason as { readonly largest: number; readonly median: number };
    // Planted as 200 times the others, whose sizes differ by themselves.
    expect(largest / median).toBeGreaterThan(100);
    expect(largest / median).toBeLessThan(400);
    expect(first!.share).toBeGreaterThan(0.8);
    for (const { share } of others) expect(share).toBeLessThan(0.1);
    const [{ snr }] = evaluation.outputs as [(typeof evaluation.outputs)[number]];
    expect(Math.abs(first!.snr - snr)).toBeLessThan(1.5);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
    const text = evaluationText(evaluation);
    expect(text.slice(text.indexOf('What single roundings'))).toMatch(
      /^active +\d+\.\d % +\d+\.\d +outlier channels: the /m,
    );

    const { losses, ...rest } = evaluation;
    const { compilation, ...without } = options;
    expect(await evaluate({ ...without, tensorSamples: 2 })).toEqual(rest);
    expect(await evaluate(options)).not.toHaveProperty('losses');
  });

  it('tells a range that is tied to a larger tensor, one that leaves out the largest, and the index of a table', async () => {
    const n = new Network({ seed: 6 });
    const conv = (input: string, name: string) => n.op('Conv', [input, n.weights([4, 4, 1, 1])], {}, name);
    const stem = n.op('Conv', [n.input('x', [1, 3, 16, 16]), n.weights([4, 3, 1, 1])], {}, 'stem');
    const cut = n.op('Relu', [stem], {}, 'cut');
    const large = n.op('Relu', [n.op('Mul', [conv(cut, 'a'), n.scalar(12)])], {}, 'large');
    const small = n.op('Tanh', [conv(cut, 'index')], {}, 'small');
    const sum = n.op('Add', [large, small], {}, 'sum');
    // What is small counts at an output of its own.
    const graph = n.graph(conv(sum, 'y'), conv(small, 'z'));
    const reasonsOf = async (ranking: Ranking) =>
      new Map((await evaluated(graph, ranking)).evaluation.losses!.map(({ value, reason }) => [value, reason]));
    const reasons = await reasonsOf({});
    expect(reasons.get('small')).toMatchObject({ cause: 'equal-range', nodes: expect.any(Array) });
    const { own, range } = reasons.get('small') as { readonly own: number; readonly range: number };
    expect(range).toBeGreaterThan(3 * own);
    expect(reasons.get('index')).toEqual({ cause: 'table' });
    const cutShort = await reasonsOf({ change: (scales) => new Map(scales).set('cut', scales.get('cut')! / 4) });
    expect([...cutShort][0]).toMatchObject(['cut', { cause: 'saturated' }]);
    const saturated = cutShort.get('cut') as { readonly largest: number; readonly range: number };
    expect(saturated.largest / saturated.range).toBeCloseTo(4, 3);
  });

  it('does not count the zeros that fill up a run', async () => {
    // The convolution has a bias: samples of zeros would give outputs that are not zero, and their noise would count.
    const biased = (batch: number): Graph => {
      const n = new Network({ seed: 7 });
      const weights = [n.weights([4, 3, 1, 1]), n.constant(float32Tensor([4], [2, 2, 2, 2]))];
      const stem = n.op('Relu', [n.op('Conv', [n.input('x', [batch, 3, 16, 16]), ...weights], {}, 'stem')], {}, 'a');
      return n.graph(n.op('Conv', [stem, n.weights([4, 4, 1, 1])], {}, 'y'));
    };
    const one = await evaluated(biased(1));
    const { scales } = one.options.compilation.quantized;
    const four = await evaluated(biased(4), { batch: 4, change: () => scales });
    const [alone, filled] = [one.evaluation.losses!, four.evaluation.losses!];
    expect(filled.map(({ value }) => value)).toEqual(alone.map(({ value }) => value));
    for (const [at, { snr, reason }] of filled.entries()) {
      expect(snr).toBeCloseTo(alone[at]!.snr, 3);
      expect(reason.cause).toBe(alone[at]!.reason.cause);
    }
  });

  it('is of INT8 alone, and stops when cancelled', async () => {
    expect((await evaluated(outlierNetwork('Relu'), { precision: 'fp16' })).evaluation).not.toHaveProperty('losses');
    const abort = new AbortController();
    const cancelled = evaluated(outlierNetwork('Relu'), { signal: abort.signal, onRanking: () => abort.abort() });
    await expect(cancelled).rejects.toThrow('[cancelled]');
  });
});
