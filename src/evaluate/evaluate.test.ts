import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import { calibrate, compile, prepare, readNetwork } from '../index.ts';
import { openDevice } from '../runtime/device.ts';
import { type DataSet, imageFeed, samples } from './data-set.ts';
import { evaluate } from './evaluate.ts';
import { idxDataSet } from './idx.ts';

const read = (path: string) => new Uint8Array(readFileSync(new URL(`../../${path}`, import.meta.url)));
const preprocess = { mean: [0.286], std: [0.353], channelOrder: 'gray' } as const;

async function resnet() {
  const runtime = await nodeOnnxRuntime();
  const network = prepare(readNetwork(read('models/fashion-resnet20.onnx'), { batch: 40 }));
  const images = await idxDataSet(read('data/fashion-mnist-calibration-images.idx3.gz'), undefined);
  const input = { name: 'image', shape: [40, 1, 28, 28], preprocess };
  const { scales } = await calibrate(network, samples(images, input, { limit: 80 }), { runtime });
  const dataSet = await idxDataSet(
    read('data/fashion-mnist-test-images.idx3.gz'),
    read('data/fashion-mnist-test-labels.idx1.gz'),
    { images: 'test images' },
  );
  const device = await openDevice({ target: 'orin' });
  const feed = imageFeed(dataSet, input);
  const compiled = compile(network, { scales, preprocess }).network;
  return {
    graph: network.graph,
    network: compiled,
    runtime,
    dataSet,
    feed,
    feedOf: (set: DataSet) => imageFeed(set, input),
    device,
  };
}

let given: Awaited<ReturnType<typeof resnet>>;
beforeAll(async () => {
  given = await resnet();
});
afterAll(() => given.device.close());

describe('evaluate', () => {
  it('finds FP32 and INT8 alike on a trained network, whatever the batch leaves over', async () => {
    const progress: number[] = [];
    const evaluation = await evaluate({
      ...given,
      calibration: 'entropy, 80 images',
      limit: 300,
      tensorSamples: 50,
      onProgress: (done, total) => progress.push(done / total),
    });
    expect(evaluation.samples).toBe(300);
    const { fp32, dla, agreement } = evaluation.accuracy!;
    expect(fp32.top1).toBeGreaterThan(0.93);
    expect(Math.abs(fp32.top1 - dla.top1)).toBeLessThanOrEqual(0.01);
    expect(dla.top5).toBeGreaterThan(0.98);
    expect(agreement).toBeGreaterThan(0.97);
    expect(evaluation.precision).toBe('int8');
    expect(evaluation.outputs.map(({ value }) => value)).toEqual(['logits']);
    expect(evaluation.outputs[0]!.snr).toBeGreaterThan(20);
    expect(evaluation.outputs[0]!.cosine).toBeGreaterThan(0.99);
    expect(evaluation.tensors[0]!.value).toBe('image');
    expect(evaluation.tensors.at(-1)!.value).toBe('logits');
    expect(evaluation.tensors.length).toBeGreaterThan(15);
    for (const { value, snr, cosine } of evaluation.tensors) {
      expect(snr).toBeGreaterThan(15);
      // Of a noise that has no part of the signal, 1 / cosine² is 1 + noise / signal.
      expect(Math.abs(cosine - 1 / Math.sqrt(1 + 10 ** (-snr / 10))), value).toBeLessThan(0.01);
    }
    expect(evaluation.firstDivergence).toBe(evaluation.tensors.find(({ snr }) => snr < 20)?.value);
    expect(progress).toHaveLength(8);
    expect(progress.at(-1)).toBe(1);
    // The samples of a last batch that is not full count alone: the first 40 are one batch, 50 are one and a quarter.
    const again = await evaluate({ ...given, calibration: '', limit: 300 });
    expect(again.accuracy).toEqual(evaluation.accuracy);
    expect(again.tensors).toEqual([]);
  });

  it('compares tensors of samples without labels as of those with them', async () => {
    const { dataSet, feedOf } = given;
    const bare = { ...dataSet, sample: async (i: number) => ({ image: (await dataSet.sample(i)).image, file: 'f' }) };
    const progress: (readonly [number, number])[] = [];
    const options = { ...given, calibration: 'x', tensorSamples: 50, limit: 80 };
    const onProgress = (done: number, total: number) => progress.push([done, total]);
    const [without, labelled] = [
      await evaluate({ ...options, feed: feedOf(bare), onProgress }),
      await evaluate({ ...options, limit: 80 }),
    ];
    const { accuracy, ...rest } = labelled;
    expect(accuracy).toBeDefined();
    expect(without).toEqual(rest);
    expect('accuracy' in without).toBe(false);
    expect(progress).toEqual([
      [40, 80],
      [80, 80],
    ]);
  });

  it('stops when cancelled, and names a data set that does not fit', async () => {
    const abort = new AbortController();
    const stopped = evaluate({ ...given, calibration: '', signal: abort.signal, onProgress: () => abort.abort() });
    await expect(stopped).rejects.toThrow('[cancelled]');
    const { dataSet, feedOf } = given;
    const unlabelled = {
      ...dataSet,
      sample: async (i: number) => ({ image: (await dataSet.sample(i)).image, file: 'f' }),
    };
    const wrong = { ...dataSet, sample: async (i: number) => ({ ...(await dataSet.sample(i)), label: 10 }) };
    await expect(evaluate({ ...given, feed: feedOf(wrong), calibration: '' })).rejects.toThrow(
      'the label of sample 0 is no class of the network (expected 0 to 9, found 10)',
    );
    const partly = { ...dataSet, sample: (i: number) => (i === 0 ? dataSet : unlabelled).sample(i) };
    await expect(evaluate({ ...given, feed: feedOf(partly), calibration: '' })).rejects.toThrow(
      'test images: the samples have no labels [evaluate/data-set]',
    );
    await expect(evaluate({ ...given, limit: 0, calibration: '' })).rejects.toThrow('there are no samples');
  });
});
