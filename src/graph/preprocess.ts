/**
 * What becomes of a picture before a network takes it. It is part of the network: ranges that were measured on pictures prepared in
 * one way are wrong for pictures prepared in another. So it is kept with the calibration, in the loadable and in the folder for the
 * board, and whoever states another one than the ranges were measured with is told so.
 *
 *     real = (pixel / divisor − mean) / std        for each channel, of pixels from 0 to 255
 */

import type { DataType } from '../base/data-type.ts';
import { fail, type Place } from '../base/errors.ts';
import * as z from '../base/schema.ts';
import type { Graph } from './graph.ts';

/** The channels of a picture in the order that a network takes them, and how many they are. */
export const channelOrders = { gray: 1, rgb: 3, bgr: 3, rgba: 4, bgra: 4 } as const;

export type ChannelOrder = keyof typeof channelOrders;

/** real = (pixel / divisor − mean) / std for each channel, as the model's input expects. */
export interface Preprocess {
  /** 255 when not given: pixels reach from 0 to 1 before the mean is subtracted. With 1 they reach from 0 to 255. */
  readonly divisor?: number;
  /** One value for all channels, or one for each in the order of `channelOrder`; in units of pixel / divisor. */
  readonly mean: readonly number[];
  /** Positive; as many as `mean` may have, in the same units. */
  readonly std: readonly number[];
  readonly channelOrder: ChannelOrder;
}

const defaultDivisor = 255;
const brightest = 255;

export const preprocessSchema = z.strictObject({
  divisor: z.number().exactOptional(),
  mean: z.array(z.number()),
  std: z.array(z.number()),
  channelOrder: z.enum(Object.keys(channelOrders) as [ChannelOrder, ...ChannelOrder[]]),
}) satisfies z.ZodType<Preprocess>;

/** pixel / 255, where nobody states anything else. */
export const plainPreprocess = (channels: 1 | 3 | 4): Preprocess => ({
  mean: [0],
  std: [1],
  channelOrder: orderOf(channels),
});

/** The usual order of so many channels. */
export const orderOf = (channels: 1 | 3 | 4): ChannelOrder => (({ 1: 'gray', 3: 'rgb', 4: 'rgba' }) as const)[channels];

/** Where the elements of a picture lie in an input of four dimensions. */
export interface ImageLayout {
  readonly order: 'nchw' | 'nhwc';
  readonly batch: number;
  readonly channels: 1 | 3 | 4;
  readonly height: number;
  readonly width: number;
}

/**
 * How an input takes pictures: its channels are the second dimension where that is 1, 3 or 4, else the last one. Undefined for an input
 * that takes none.
 */
export function imageLayout(shape: readonly (number | string)[] | undefined): ImageLayout | undefined {
  if (shape?.length !== 4 || !shape.every((dim) => typeof dim === 'number')) return undefined;
  const [batch, second, third, last] = shape as readonly [number, number, number, number];
  if (isChannels(second)) return { order: 'nchw', batch, channels: second, height: third, width: last };
  if (isChannels(last)) return { order: 'nhwc', batch, channels: last, height: second, width: third };
  return undefined;
}

const isChannels = (count: number): count is 1 | 3 | 4 => count === 1 || count === 3 || count === 4;

/** Types of inputs that pictures are given for. */
export const imageTypes: readonly DataType[] = ['float32', 'float16', 'uint8', 'int8'];

/** The inputs of a network that can take pictures, in its order. */
export const imageInputs = ({ inputs, values }: Pick<Graph, 'inputs' | 'values'>): readonly string[] =>
  inputs.filter((name) => {
    const type = values.get(name);
    return type !== undefined && imageTypes.includes(type.dtype) && imageLayout(type.shape) !== undefined;
  });

/**
 * How pictures become the inputs of a network, as far as it is known: what somebody states, and of an input of bytes the pixels as they
 * are.
 * @param graph as the model has it: a rewrite may have turned an input of bytes into one of floats
 * @throws preprocess/invalid where no input takes pictures of that many channels, or one of bytes would take something else than pixels,
 *   or as {@link perChannel}; preprocess/units
 */
export function preprocessFor(
  graph: Pick<Graph, 'inputs' | 'values' | 'nodes'>,
  stated: Preprocess | undefined,
): Preprocess | undefined {
  const inputs = imageInputs(graph);
  const channelsOf = (name: string) => imageLayout(graph.values.get(name)!.shape)!.channels;
  // Bytes that a DequantizeLinear reads stand for scaled numbers, those that a Cast reads for themselves.
  const isCast = (name: string) => graph.nodes.some(({ op, inputs: [read] }) => op === 'Cast' && read === name);
  const bytes = inputs.find((name) => graph.values.get(name)!.dtype === 'uint8' && isCast(name));
  if (stated === undefined) return bytes === undefined ? undefined : pixelsThemselves(channelsOf(bytes));
  if (inputs.length === 0) {
    fail('preprocess/invalid', 'no input of the network takes pictures, and a pre-processing is stated');
  }
  const { channelOrder } = stated;
  const channels = channelOrders[channelOrder];
  if (!inputs.some((name) => channelsOf(name) === channels)) {
    const expected = [...new Set(inputs.map(channelsOf))].join(' or ');
    const actual = `${channels} (${channelOrder})`;
    fail('preprocess/invalid', 'no input of the network takes pictures of so many channels', {}, { expected, actual });
  }
  perChannel(stated);
  const plain = bytes === undefined ? stated : { ...pixelsThemselves(channelsOf(bytes)), channelOrder };
  if (!samePreprocess(stated, plain)) {
    const detail = { expected: preprocessText(plain), actual: preprocessText(stated) };
    fail('preprocess/invalid', 'the input takes bytes, which are the pixels themselves', { value: bytes! }, detail);
  }
  return stated;
}

/** What an input of bytes takes. */
const pixelsThemselves = (channels: 1 | 3 | 4): Preprocess => ({ ...plainPreprocess(channels), divisor: 1 });

/** A value for each channel. */
interface PerChannel {
  readonly divisor: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Mean and deviation of every channel.
 * @throws preprocess/invalid for numbers that they cannot be, or neither one nor one for each channel; preprocess/units
 */
export function perChannel(preprocess: Preprocess, place: Place = {}): PerChannel {
  const { divisor = defaultDivisor, channelOrder } = preprocess;
  const channels = channelOrders[channelOrder];
  const spread = (values: readonly number[], what: string, valid: (value: number) => boolean): readonly number[] => {
    if (values.length !== 1 && values.length !== channels) {
      const expected = channels === 1 ? 'one number' : `one number, or one for each of ${channels} channels`;
      fail('preprocess/invalid', `there are too many or too few numbers for the ${what}`, place, {
        expected,
        actual: values.length,
      });
    }
    const odd = values.find((value) => !valid(value));
    if (odd !== undefined)
      fail('preprocess/invalid', `the ${what} is no number that it can be`, place, { actual: odd });
    return values.length === channels ? values : Array.from({ length: channels }, () => values[0]!);
  };
  const positive = (value: number) => value > 0 && Number.isFinite(value);
  if (!positive(divisor)) {
    fail('preprocess/invalid', 'the divisor is not a positive number', place, { actual: divisor });
  }
  const found = {
    divisor,
    mean: spread(preprocess.mean, 'mean', Number.isFinite),
    std: spread(preprocess.std, 'std', positive),
  };
  requireUnits(found, place);
  return found;
}

/** Deviations of pictures are a fraction of what their pixels reach; what is this many times as much is in other units. */
const implausible = 10;

/**
 * Notices numbers that were given for pixels from 0 to 255 where pixels reach from 0 to 1, and the reverse: both are published for
 * the same networks.
 */
function requireUnits({ divisor, mean, std }: PerChannel, place: Place): void {
  const reach = brightest / divisor;
  const most = (values: readonly number[]) => values.reduce((largest, value) => Math.max(largest, value), 0);
  const refuse = (what: string, value: number, advice: string): never =>
    fail(
      'preprocess/units',
      `the ${what} is in other units than the pixels, which are divided by ${shown(divisor)}: ${advice}`,
      place,
      { expected: `a part of 0 to ${shown(reach)}`, actual: value },
    );
  const large = `divide the pixels by 1, or mean and std by ${shown(divisor)}`;
  if (most(mean) > reach) refuse('mean', most(mean), large);
  if (most(std) >= implausible * reach) refuse('std', most(std), large);
  if (reach < implausible) return;
  const small = 'divide the pixels by 255, or multiply mean and std by 255';
  if (most(mean) > 0 && most(mean) <= 1) refuse('mean', most(mean), small);
  if (most(std) < 1) refuse('std', most(std), small);
}

/** Whether two of them do the same to every pixel. @throws preprocess/invalid, preprocess/units */
export function samePreprocess(a: Preprocess, b: Preprocess): boolean {
  const [one, other] = [perChannel(a), perChannel(b)];
  const equal = (x: readonly number[], y: readonly number[]) => x.every((value, channel) => value === y[channel]);
  return (
    a.channelOrder === b.channelOrder &&
    one.divisor === other.divisor &&
    equal(one.mean, other.mean) &&
    equal(one.std, other.std)
  );
}

/**
 * What a network is compiled with: what the command states, which is what the ranges were measured with where that is known.
 * @throws preprocess/mismatch where both are known and differ
 */
export function agreedPreprocess(
  stated: Preprocess | undefined,
  calibrated: Preprocess | undefined,
  place: Place = {},
): Preprocess | undefined {
  if (stated === undefined || calibrated === undefined || samePreprocess(stated, calibrated))
    return stated ?? calibrated;
  return fail('preprocess/mismatch', 'the ranges were measured on pictures prepared otherwise', place, {
    expected: preprocessText(calibrated),
    actual: preprocessText(stated),
  });
}

/** `(pixel / 255 − 0.286) / 0.353, gray` */
export function preprocessText({ divisor = defaultDivisor, mean, std, channelOrder }: Preprocess): string {
  const list = (values: readonly number[]) =>
    values.every((value) => value === values[0]) ? shown(values[0] ?? Number.NaN) : `[${values.map(shown).join(', ')}]`;
  const scaled = divisor === 1 ? 'pixel' : `pixel / ${shown(divisor)}`;
  const centred = mean.every((value) => value === 0) ? scaled : `${scaled} − ${list(mean)}`;
  const divided = std.every((value) => value === 1)
    ? centred
    : `${centred === 'pixel' ? centred : `(${centred})`} / ${list(std)}`;
  return `${divided}, ${channelOrder}`;
}

const shown = (value: number): string => String(Number(value.toPrecision(9)));

const fileSchema = z.strictObject({
  format: z.literal('dlakit-preprocess'),
  version: z.literal(1),
  preprocess: preprocessSchema.nullable(),
});

/**
 * What lies beside a file that has no place for it: ranges in the form of others (`net.cache`, `net.cache.preprocess.json`), or a
 * network that needs no file of ranges (`net.onnx`, `net.onnx.preprocess.json`).
 */
export const preprocessFile = (file: string): string => `${file}.preprocess.json`;

/** The text of such a file; of ranges that were measured on tensors, null. */
export const writePreprocess = (preprocess: Preprocess | undefined): string =>
  `${JSON.stringify({ format: 'dlakit-preprocess', version: 1, preprocess: preprocess ?? null }, undefined, 2)}\n`;

/** @throws preprocess/invalid, preprocess/units */
export function readPreprocess(text: string, file?: string): Preprocess | undefined {
  const place = file === undefined ? {} : { file };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    fail('preprocess/invalid', `not JSON: ${error instanceof Error ? error.message : String(error)}`, place);
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    fail('preprocess/invalid', `${issue?.path.join('.') || 'the file'}: ${issue?.message}`, place);
  }
  const { preprocess } = parsed.data;
  if (preprocess === null) return undefined;
  perChannel(preprocess, place);
  return preprocess;
}
