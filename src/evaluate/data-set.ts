/** Labelled images, and the tensors that a network takes of them. */

import { fail } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import {
  channelOrders,
  type ImageLayout,
  imageLayout,
  type Preprocess,
  perChannel,
  plainPreprocess,
} from '../graph/preprocess.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import { type Batch, type BatchOptions, type Feed, feedOf, type InputSource, wholeRuns } from './feed.ts';
import { alphaImage, type Fit, fitImage, grayImage, type Image } from './image.ts';

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
  /**
   * @param alpha keeps the transparency of an image as a fourth channel; else it lies over black
   * @throws evaluate/image, file/not-found
   */
  sample(index: number, alpha?: boolean): Promise<Sample>;
}

export interface ImageInput {
  /** The name of the network's input. */
  readonly name: string;
  /** Sizes in the order N, C, H, W or N, H, W, C; C is 1, 3 or 4 (graph/preprocess.ts says which it is). */
  readonly shape: readonly number[];
  /** `float32` when not given. */
  readonly dtype?: Tensor['dtype'] | undefined;
  readonly preprocess?: Preprocess | undefined;
  /** `exact` when not given. */
  readonly fit?: Fit | undefined;
}

/**
 * A data set as what an input gets: real = (pixel / divisor − mean) / std for each channel, or pixel / 255 without pre-processing.
 * @throws evaluate/data-set for an input that takes no images, preprocess/*
 */
export function imageSource(dataSet: DataSet, input: ImageInput): InputSource {
  const { name, shape, dtype = 'float32', preprocess, fit = { kind: 'exact' } } = input;
  const layout = imageLayout(shape);
  if (!layout) {
    const expected = 'N×C×H×W or N×H×W×C with 1, 3 or 4 channels';
    return fail(
      'evaluate/data-set',
      'the input takes no images',
      { value: name },
      { expected, actual: shape.join('×') },
    );
  }
  const { batch, height, width, channels } = layout;
  const elements = arrayOf(dtype, name);
  const convert = converter(preprocess ?? plainPreprocess(channels), layout, elements.convert, name);
  const size = channels * height * width;
  return {
    input: name,
    name: dataSet.name,
    size: dataSet.size,
    perRun: batch,
    async read(first, count) {
      const values = new elements.Values(elementCount(shape));
      const labels: (number | undefined)[] = [];
      for (let index = 0; index < count; index++) {
        const { image, file, label } = await dataSet.sample(first + index, channels === 4);
        convert(fitImage(image, width, height, fit, file), values.subarray(index * size, (index + 1) * size));
        labels.push(label);
      }
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      return { tensor: { dtype, shape, bytes }, labels };
    },
  };
}

/** The data set as what the one input of a network gets. @throws as {@link imageSource} */
export const imageFeed = (dataSet: DataSet, input: ImageInput): Feed => feedOf([imageSource(dataSet, input)]);

/**
 * The data set as input tensors in the type and shape of the input. A last batch with too few samples is filled with zeros.
 * @throws evaluate/image, evaluate/data-set, preprocess/*, cancelled
 */
export const batches = (dataSet: DataSet, input: ImageInput, options?: BatchOptions): AsyncGenerator<Batch> =>
  imageFeed(dataSet, input).batches(options);

/** The tensors of {@link batches} for calibration: a last batch that is not full is left out. @throws as {@link batches} */
export const samples = (
  dataSet: DataSet,
  input: ImageInput,
  options?: BatchOptions,
): AsyncGenerator<Record<string, Tensor>> => wholeRuns(imageFeed(dataSet, input), options);

type Values = Float32Array | Uint16Array | Uint8Array;

/** How the elements of an input are kept, and what a real number is there. @throws evaluate/data-set */
function arrayOf(dtype: Tensor['dtype'], name: string) {
  switch (dtype) {
    case 'float32':
      return { Values: Float32Array, convert: (value: number) => value };
    case 'float16':
      return { Values: Uint16Array, convert: float16Bits };
    case 'uint8':
      return { Values: Uint8Array, convert: Math.round };
    default: {
      const detail = { expected: 'float32, float16 or uint8', actual: dtype };
      return fail('evaluate/data-set', 'the input takes no images', { value: name }, detail);
    }
  }
}

/** Writes an image's values in the order of the input; every value is looked up in a table of 256 for its channel. */
function converter(preprocess: Preprocess, layout: ImageLayout, element: (value: number) => number, name: string) {
  const { channels } = layout;
  const order = preprocess.channelOrder;
  if (channelOrders[order] !== channels) {
    fail(
      'evaluate/data-set',
      'the pre-processing has another number of channels than the input',
      { value: name },
      { expected: channels, actual: `${channelOrders[order]} (${order})` },
    );
  }
  const { divisor, mean, std } = perChannel(preprocess, { value: name });
  const tables = Array.from({ length: channels }, (_, c) =>
    Float64Array.from({ length: 256 }, (__, pixel) => element(Math.fround((pixel / divisor - mean[c]!) / std[c]!))),
  );
  const reversed = order === 'bgr' || order === 'bgra';
  return (image: Image, out: Values): void => {
    const { pixels, channels: depth } = channels === 1 ? grayImage(image) : channels === 4 ? alphaImage(image) : image;
    const plane = image.width * image.height;
    const [pixelStep, channelStep] = layout.order === 'nchw' ? [1, plane] : [channels, 1];
    for (let c = 0; c < channels; c++) {
      const source = depth === 1 ? 0 : reversed && c < 3 ? 2 - c : c;
      const table = tables[c]!;
      for (let i = 0; i < plane; i++) {
        out[c * channelStep + i * pixelStep] = table[pixels[i * depth + source]!]!;
      }
    }
  };
}
