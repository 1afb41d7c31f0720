/** Labelled images, and the tensors that a network takes of them. */

import { fail } from '../base/errors.ts';
import { float32Tensor, type Tensor } from '../graph/tensor.ts';
import type { Preprocess } from '../program/program.ts';
import { type Fit, fitImage, grayImage, type Image } from './image.ts';

export interface Sample {
  readonly image: Image;
  /** The image's name, for messages. */
  readonly file: string;
  /** Index of the class; absent where only calibration is wanted. */
  readonly label?: number;
}

export interface DataSet {
  readonly name: string;
  readonly size: number;
  /** Names of the classes, by index. */
  readonly classes?: readonly string[];
  /** @throws evaluate/image, file/not-found */
  sample(index: number): Promise<Sample>;
}

export interface ImageInput {
  /** The name of the network's input. */
  readonly name: string;
  /** Sizes in the order N, C, H, W; C is 1 or 3. */
  readonly shape: readonly number[];
  readonly preprocess?: Preprocess | undefined;
  /** `exact` when not given. */
  readonly fit?: Fit | undefined;
}

export interface Batch {
  readonly inputs: Record<string, Tensor>;
  /** Labels of the samples; the last batch of a data set may have fewer than the input holds. */
  readonly labels: readonly (number | undefined)[];
}

export interface BatchOptions {
  /** How many samples of the data set to take, from the first; all when not given. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The data set as input tensors, [N, C, H, W] float32: real = (pixel / 255 − mean) / std for each channel, or
 * pixel / 255 without pre-processing. A last batch with too few samples is filled with zeros.
 * @throws evaluate/image, evaluate/data-set, cancelled
 */
export async function* batches(dataSet: DataSet, input: ImageInput, options: BatchOptions = {}): AsyncGenerator<Batch> {
  const { name, shape, preprocess, fit = { kind: 'exact' } } = input;
  const [batch = 0, channels = 0, height = 0, width = 0] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    fail(
      'evaluate/data-set',
      'the input takes no images',
      { value: name },
      {
        expected: 'N×1×H×W or N×3×H×W',
        actual: shape.join('×'),
      },
    );
  }
  const convert = converter(preprocess, channels, name);
  const count = Math.min(dataSet.size, options.limit ?? dataSet.size);
  const size = channels * height * width;
  for (let first = 0; first < count; first += batch) {
    if (options.signal?.aborted) fail('cancelled', 'the work was cancelled');
    const values = new Float32Array(batch * size);
    const labels: (number | undefined)[] = [];
    for (let index = first; index < Math.min(first + batch, count); index++) {
      const { image, file, label } = await dataSet.sample(index);
      convert(
        fitImage(image, width, height, fit, file),
        values.subarray(labels.length * size, (labels.length + 1) * size),
      );
      labels.push(label);
    }
    yield { inputs: { [name]: float32Tensor(shape, values) }, labels };
  }
}

/** The tensors of {@link batches} for calibration: a last batch that is not full is left out, unless it is the only one. @throws as {@link batches} */
export async function* samples(
  dataSet: DataSet,
  input: ImageInput,
  options: BatchOptions = {},
): AsyncGenerator<Record<string, Tensor>> {
  const batch = input.shape[0] ?? 1;
  const count = Math.min(dataSet.size, options.limit ?? dataSet.size);
  if (count < batch) {
    fail('evaluate/data-set', 'there are fewer samples than the batch holds', {}, { expected: batch, actual: count });
  }
  const whole = count - (count % batch);
  for await (const { inputs } of batches(dataSet, input, { ...options, limit: whole })) yield inputs;
}

/** Writes an image's values in CHW order; every value is looked up in a table of 256 for its channel. */
function converter(preprocess: Preprocess | undefined, channels: number, name: string) {
  const order = preprocess?.channelOrder ?? (channels === 1 ? 'gray' : 'rgb');
  if ((order === 'gray') !== (channels === 1)) {
    fail(
      'evaluate/data-set',
      'the pre-processing has another number of channels than the input',
      { value: name },
      {
        expected: channels === 1 ? 'gray' : 'rgb or bgr',
        actual: order,
      },
    );
  }
  for (const values of [preprocess?.mean, preprocess?.std]) {
    if (values === undefined || [0, 1, channels].includes(values.length)) continue;
    fail(
      'evaluate/data-set',
      'mean and std have one value, or one for each channel',
      { value: name },
      { expected: channels, actual: values.length },
    );
  }
  const tables = Array.from({ length: channels }, (_, c) => {
    const [mean, std] = [at(preprocess?.mean, c, 0), at(preprocess?.std, c, 1)];
    if (!Number.isFinite(mean) || !(std > 0 && Number.isFinite(std))) {
      fail(
        'evaluate/data-set',
        'mean and std must be finite, std positive',
        { value: name },
        { actual: `${mean}, ${std}` },
      );
    }
    return Float32Array.from({ length: 256 }, (__, pixel) => (pixel / 255 - mean) / std);
  });
  return (image: Image, out: Float32Array): void => {
    const { pixels, channels: depth } = channels === 1 ? grayImage(image) : image;
    const plane = image.width * image.height;
    for (let c = 0; c < channels; c++) {
      const source = depth === 1 ? 0 : order === 'bgr' ? 2 - c : c;
      const table = tables[c]!;
      for (let i = 0; i < plane; i++) out[c * plane + i] = table[pixels[i * depth + source]!]!;
    }
  };
}

/** The value for a channel, from a list of one for all channels or of one for each. */
const at = (values: readonly number[] | undefined, channel: number, otherwise: number): number =>
  (values?.length === 1 ? values[0] : values?.[channel]) ?? otherwise;
