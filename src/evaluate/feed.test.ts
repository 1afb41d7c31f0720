import { describe, expect, it } from 'vitest';
import { float32Tensor, float32Values } from '../graph/tensor.ts';
import { feedOf, type InputSource, wholeRuns } from './feed.ts';

/** Samples of two elements: sample i is [i, i]. */
const source = (input: string, size: number, perRun = 1, labelled = false): InputSource => ({
  input,
  name: `${input}.npy`,
  size,
  perRun,
  async read(first, count) {
    const values = new Float32Array(2 * perRun);
    for (let i = 0; i < count; i++) values.fill(first + i, 2 * i, 2 * i + 2);
    return {
      tensor: float32Tensor([perRun, 2], values),
      labels: Array.from({ length: count }, (_, i) => (labelled ? first + i : undefined)),
    };
  },
});

async function collect(sources: readonly InputSource[], limit?: number) {
  const found: { readonly labels: readonly unknown[]; readonly [input: string]: readonly unknown[] }[] = [];
  for await (const { inputs, labels } of feedOf(sources).batches({ limit })) {
    const values = Object.entries(inputs).map(([name, tensor]) => [name, [...float32Values(tensor)]] as const);
    found.push({ ...Object.fromEntries(values), labels });
  }
  return found;
}

describe('a feed', () => {
  it('puts sources side by side, and fills up the last run with zeros', async () => {
    expect(await collect([source('a', 3, 2, true), source('b', 3, 2)])).toEqual([
      { a: [0, 0, 1, 1], b: [0, 0, 1, 1], labels: [0, 1] },
      { a: [2, 2, 0, 0], b: [2, 2, 0, 0], labels: [2] },
    ]);
    expect(await collect([source('a', 3), source('b', 3, 1, true)], 1)).toEqual([
      { a: [0, 0], b: [0, 0], labels: [0] },
    ]);
  });

  it('gives a single sample in every run, as often as the run takes it', async () => {
    expect(await collect([source('rate', 1), source('a', 2)])).toEqual([
      { rate: [0, 0], a: [0, 0], labels: [undefined] },
      { rate: [0, 0], a: [1, 1], labels: [undefined] },
    ]);
    const [run] = await collect([source('a', 3, 3), { ...source('one', 1, 3), read: source('one', 9, 3).read }]);
    expect(run!.one).toEqual([0, 0, 0, 0, 0, 0]);
    const nine: InputSource = {
      ...source('one', 1, 3),
      read: async () => ({ tensor: float32Tensor([3, 2], [9, 8, 0, 0, 0, 0]), labels: [undefined] }),
    };
    expect((await collect([source('a', 3, 3), nine]))[0]!.one).toEqual([9, 8, 9, 8, 9, 8]);
  });

  it('takes one sample a run of an input without a batch', async () => {
    expect(await collect([source('x', 4, 2), source('state', 2, 1)])).toEqual([
      { x: [0, 0, 1, 1], state: [0, 0], labels: [undefined, undefined] },
      { x: [2, 2, 3, 3], state: [1, 1], labels: [undefined, undefined] },
    ]);
  });

  it('refuses inputs of different numbers of samples', () => {
    expect(() => feedOf([source('a', 4), source('b', 3)])).toThrow(
      'b.npy, value b: an input has another number of samples than the others (expected 4, as a has, or 1 for all, found 3) [evaluate/data-set]',
    );
    expect(() => feedOf([source('x', 4, 2), source('state', 3, 1)])).toThrow('expected 2, as x has');
    expect(() => feedOf([])).toThrow('[evaluate/data-set]');
  });

  it('has whole runs for calibration', async () => {
    const count = async (size: number, limit?: number) => {
      let runs = 0;
      for await (const _ of wholeRuns(feedOf([source('a', size, 2)]), { limit })) runs++;
      return runs;
    };
    expect(await count(5)).toBe(2);
    expect(await count(6, 4)).toBe(2);
    await expect(count(1)).rejects.toThrow('fewer samples than the batch holds (expected 2, found 1)');
  });
});
