import { describe, expect, it } from 'vitest';
import { asFloat32, float32Values } from '../graph/tensor.ts';
import { batches, type DataSet, samples } from './data-set.ts';
import type { Image } from './image.ts';

/** Two-pixel images; sample i has the pixels 10·i and 10·i + 1 (in RGB with 100 and 200 added). */
const dataSet = (size: number, channels: 1 | 3 = 1): DataSet => ({
  name: 'test',
  size,
  async sample(index) {
    const levels = [10 * index, 10 * index + 1];
    const pixels = Uint8Array.from(channels === 1 ? levels : levels.flatMap((v) => [v, v + 100, v + 200]));
    const image: Image = { width: 2, height: 1, channels, pixels };
    return { image, file: `${index}.png`, label: index % 3 };
  },
});

const pixels = { divisor: 1, mean: [0], std: [1] } as const;

const collect = async (set: DataSet, channels: number, options: object = {}, limit?: number) => {
  const found = [];
  const input = { name: 'x', shape: [2, channels, 1, 2], ...options };
  for await (const { inputs, labels } of batches(set, input, { limit })) {
    found.push({ values: [...float32Values(inputs.x!)], labels });
  }
  return found;
};

describe('batches', () => {
  it('fills up the last batch with zeros', async () => {
    const preprocess = { mean: [0], std: [1 / 255], channelOrder: 'gray' } as const;
    expect(await collect(dataSet(3), 1, { preprocess })).toEqual([
      { values: [0, 1, 10, 11], labels: [0, 1] },
      { values: [20, 21, 0, 0], labels: [2] },
    ]);
    expect(await collect(dataSet(3), 1, { preprocess }, 1)).toEqual([{ values: [0, 1, 0, 0], labels: [0] }]);
  });

  it('computes (pixel / 255 − mean) / std, rounded once', async () => {
    const preprocess = { mean: [0.286], std: [0.353], channelOrder: 'gray' } as const;
    const [batch] = await collect(dataSet(2), 1, { preprocess });
    expect(batch!.values).toEqual([0, 1, 10, 11].map((pixel) => Math.fround((pixel / 255 - 0.286) / 0.353)));
    const [plain] = await collect(dataSet(2), 1);
    expect(plain!.values).toEqual([0, 1, 10, 11].map((pixel) => Math.fround(pixel / 255)));
  });

  it('orders channels', async () => {
    const preprocess = { mean: [0, 0, 100 / 255], std: [1 / 255], channelOrder: 'bgr' } as const;
    const [batch] = await collect(dataSet(1, 3), 3, { preprocess });
    expect(batch!.values.slice(0, 6).map(Math.round)).toEqual([200, 201, 100, 101, -100, -99]);
    const [gray] = await collect(dataSet(1), 3);
    expect(gray!.values.slice(0, 6)).toEqual([0, 1, 0, 1, 0, 1].map((pixel) => Math.fround(pixel / 255)));
  });

  it('divides by what is stated', async () => {
    const preprocess = { divisor: 127.5, mean: [1], std: [1], channelOrder: 'gray' } as const;
    const [batch] = await collect(dataSet(2), 1, { preprocess });
    expect(batch!.values).toEqual([0, 1, 10, 11].map((pixel) => Math.fround(pixel / 127.5 - 1)));
  });

  it('puts the channels where the network has them', async () => {
    const [planes] = await collect(dataSet(1, 3), 3, { preprocess: { ...pixels, channelOrder: 'rgb' } });
    expect(planes!.values.slice(0, 6)).toEqual([0, 1, 100, 101, 200, 201]);
    // A column instead of a row: a height of 1 would be taken for a channel.
    const upright = (set: DataSet): DataSet => ({
      ...set,
      sample: async (index) => ({ image: { ...(await set.sample(index)).image, width: 1, height: 2 }, file: '' }),
    });
    const interleaved = { shape: [2, 2, 1, 3], preprocess: { ...pixels, channelOrder: 'bgr' } };
    const [rows] = await collect(upright(dataSet(1, 3)), 3, interleaved);
    expect(rows!.values.slice(0, 6)).toEqual([200, 100, 0, 201, 101, 1]);
    const opaque = { shape: [2, 2, 1, 4], preprocess: { ...pixels, channelOrder: 'bgra' } };
    const [four] = await collect(upright(dataSet(1, 3)), 4, opaque);
    expect(four!.values.slice(0, 8)).toEqual([200, 100, 0, 255, 201, 101, 1, 255]);
    const [gray] = await collect(dataSet(1), 4, { preprocess: { ...pixels, channelOrder: 'rgba' } });
    expect(gray!.values.slice(0, 8)).toEqual([0, 1, 0, 1, 0, 1, 255, 255]);
  });

  it('asks for the opacity of images where the network takes it', async () => {
    const asked: (boolean | undefined)[] = [];
    const set: DataSet = {
      ...dataSet(1, 3),
      sample(index, alpha) {
        asked.push(alpha);
        return dataSet(1, 3).sample(index);
      },
    };
    await collect(set, 4);
    await collect(set, 3);
    expect(asked).toEqual([true, false]);
  });

  it('gives bytes and float16 to inputs of these types', async () => {
    const [input] = [{ name: 'x', shape: [1, 1, 1, 2], preprocess: { ...pixels, channelOrder: 'gray' } as const }];
    const tensorOf = async (dtype: 'uint8' | 'float16') => {
      for await (const { inputs } of batches(dataSet(3), { ...input, dtype }, {})) return inputs.x!;
    };
    expect(await tensorOf('uint8')).toEqual({ dtype: 'uint8', shape: [1, 1, 1, 2], bytes: Uint8Array.of(0, 1) });
    const half = await tensorOf('float16');
    expect(half).toMatchObject({ dtype: 'float16' });
    expect([...asFloat32(half!)]).toEqual([0, 1]);
  });

  it('refuses what does not fit', async () => {
    const odd = { mean: [0], std: [0], channelOrder: 'gray' } as const;
    await expect(collect(dataSet(1), 1, { preprocess: odd })).rejects.toThrow(
      'value x: the std is no number that it can be (found 0) [preprocess/invalid]',
    );
    const two = { mean: [0, 0], std: [1], channelOrder: 'rgb' } as const;
    await expect(collect(dataSet(1, 3), 3, { preprocess: two })).rejects.toThrow(
      'value x: there are too many or too few numbers for the mean (expected one number, or one for each of 3 channels, found 2) [preprocess/invalid]',
    );
    const rgb = { mean: [0], std: [1], channelOrder: 'rgb' } as const;
    await expect(collect(dataSet(1), 1, { preprocess: rgb })).rejects.toThrow('expected 1, found 3 (rgb)');
    await expect(collect(dataSet(1), 1, { shape: [1, 2, 1, 2] })).rejects.toThrow('the input takes no images');
    await expect(collect(dataSet(1), 1, { shape: [1, 1, 3, 3] })).rejects.toThrow(
      '0.png: the image has the wrong size (expected 3×3, found 2×1) [evaluate/image]',
    );
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    const work = async () => {
      for await (const _ of batches(dataSet(9), { name: 'x', shape: [1, 1, 1, 2] }, { signal: abort.signal }))
        abort.abort();
    };
    await expect(work()).rejects.toThrow('[cancelled]');
  });
});

describe('samples', () => {
  const count = async (size: number, limit?: number) => {
    let found = 0;
    for await (const _ of samples(dataSet(size), { name: 'x', shape: [2, 1, 1, 2] }, { limit })) found++;
    return found;
  };

  it('gives whole batches only', async () => {
    expect(await count(5)).toBe(2);
    expect(await count(6, 4)).toBe(2);
    await expect(count(1)).rejects.toThrow('fewer samples than the batch holds (expected 2, found 1)');
  });
});
