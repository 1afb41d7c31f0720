import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agreedPreprocess,
  imageInputs,
  imageLayout,
  type Preprocess,
  perChannel,
  preprocessFor,
  preprocessText,
  readPreprocess,
  samePreprocess,
  writePreprocess,
} from './preprocess.ts';

const imagenet: Preprocess = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], channelOrder: 'rgb' };
const in255: Preprocess = {
  divisor: 1,
  mean: [123.675, 116.28, 103.53],
  std: [58.395, 57.12, 57.375],
  channelOrder: 'rgb',
};

const graph = (...inputs: readonly (readonly [string, 'float32' | 'uint8' | 'int64', readonly number[]])[]) => ({
  inputs: inputs.map(([name]) => name),
  values: new Map(inputs.map(([name, dtype, shape]) => [name, { dtype, shape }])),
  nodes: inputs.map(([name]) => ({
    name,
    op: 'Cast',
    domain: '',
    inputs: [name],
    outputs: [`${name}f`],
    attributes: {},
    origin: [],
  })),
});

describe('pre-processing', () => {
  it('is shown as arithmetic', () => {
    expect(preprocessText(imagenet)).toBe('(pixel / 255 − [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], rgb');
    expect(preprocessText({ divisor: 127.5, mean: [1, 1, 1], std: [1], channelOrder: 'bgr' })).toBe(
      'pixel / 127.5 − 1, bgr',
    );
    expect(preprocessText({ divisor: 1, mean: [0], std: [255], channelOrder: 'gray' })).toBe('pixel / 255, gray');
    expect(preprocessText({ divisor: 1, mean: [0], std: [1], channelOrder: 'rgba' })).toBe('pixel, rgba');
  });

  it('has a mean and a deviation for every channel', () => {
    expect(perChannel({ mean: [0.5], std: [0.25], channelOrder: 'bgr' })).toEqual({
      divisor: 255,
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    });
    for (const [change, message] of [
      [{ mean: [0.1, 0.2] }, 'too many or too few numbers for the mean (expected one number, or one for each of 3'],
      [{ std: [] }, 'too many or too few numbers for the std'],
      [{ mean: [Number.NaN] }, 'the mean is no number that it can be'],
      [{ std: [0] }, 'the std is no number that it can be'],
      [{ divisor: -1 }, 'the divisor is not a positive number'],
    ] as const) {
      expect(() => perChannel({ ...imagenet, ...change })).toThrow(message);
    }
  });

  it.each([
    ['means of 0 to 255 for pixels of 0 to 1', { ...in255, divisor: 255 }, 'the mean', '0 to 1, found 123.675'],
    ['deviations of 0 to 255 alone', { ...in255, divisor: 255, mean: [0] }, 'the std', '0 to 1, found 58.395'],
    ['means of 0 to 1 for pixels of 0 to 255', { ...imagenet, divisor: 1 }, 'the mean', '0 to 255, found 0.485'],
    ['deviations of 0 to 1 alone', { ...imagenet, divisor: 1, mean: [0] }, 'the std', '0 to 255, found 0.229'],
    ['a mean beyond pixels of 0 to 2', { ...in255, divisor: 127.5, std: [1] }, 'the mean', '0 to 2, found 123.675'],
  ] as const)('notices %s', (_, preprocess, what, numbers) => {
    expect(() => perChannel(preprocess)).toThrow(`${what} is in other units than the pixels`);
    expect(() => perChannel(preprocess)).toThrow(`${numbers}) [preprocess/units]`);
  });

  it.each([
    imagenet,
    in255,
    { mean: [0.286], std: [0.353], channelOrder: 'gray' },
    { divisor: 127.5, mean: [1], std: [1], channelOrder: 'rgb' },
    { divisor: 1, mean: [103.939, 116.779, 123.68], std: [1], channelOrder: 'bgr' },
    { divisor: 1, mean: [0], std: [1], channelOrder: 'rgb' },
    { divisor: 1, mean: [0], std: [255], channelOrder: 'rgb' },
    { divisor: 1, mean: [127.5], std: [128], channelOrder: 'rgb' },
    { mean: [0.5], std: [0.5], channelOrder: 'rgb' },
    { mean: [0.5], std: [1], channelOrder: 'rgba' },
    { mean: [0], std: [1 / 255], channelOrder: 'rgb' },
    { divisor: 256, mean: [0], std: [1], channelOrder: 'rgb' },
  ] as const)('takes what networks are published with: %o', (preprocess) => {
    expect(() => perChannel(preprocess)).not.toThrow();
  });

  it('is the same however it is written', () => {
    const one = { mean: [0.5], std: [0.25], channelOrder: 'rgb' } as const;
    expect(samePreprocess(one, { divisor: 255, mean: [0.5, 0.5, 0.5], std: [0.25], channelOrder: 'rgb' })).toBe(true);
    for (const change of [
      { mean: [0.5, 0.5, 0.4] },
      { std: [0.2] },
      { divisor: 254 },
      { channelOrder: 'bgr' },
    ] as const) {
      expect(samePreprocess(one, { ...one, ...change })).toBe(false);
    }
  });

  it('of the ranges and of the command have to agree', () => {
    expect(agreedPreprocess(undefined, undefined)).toBeUndefined();
    expect(agreedPreprocess(imagenet, undefined)).toBe(imagenet);
    expect(agreedPreprocess(undefined, imagenet)).toBe(imagenet);
    expect(agreedPreprocess({ ...imagenet }, imagenet)).toEqual(imagenet);
    expect(() => agreedPreprocess({ ...imagenet, channelOrder: 'bgr' }, imagenet, { file: 'net.cache' })).toThrow(
      'net.cache: the ranges were measured on pictures prepared otherwise (expected (pixel / 255 − [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], rgb, found (pixel / 255 − [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], bgr) [preprocess/mismatch]',
    );
  });

  it('is read back from its file as it was written', () => {
    const part = fc.double({ min: 0.1, max: 0.9, noNaN: true });
    const written = fc.record(
      {
        divisor: fc.constantFrom(255, 254, 256),
        mean: fc.oneof(fc.tuple(part), fc.tuple(part, part, part)),
        std: fc.oneof(fc.tuple(part), fc.tuple(part, part, part)),
        channelOrder: fc.constantFrom('rgb', 'bgr'),
      },
      { requiredKeys: ['mean', 'std', 'channelOrder'] },
    );
    fc.assert(
      fc.property(written, (preprocess) => {
        expect(readPreprocess(writePreprocess(preprocess))).toEqual(preprocess);
      }),
    );
    expect(readPreprocess(writePreprocess(undefined))).toBeUndefined();
    for (const text of [
      '{',
      '{}',
      writePreprocess(imagenet).replace('0.456', '"x"'),
      '{"format":"dlakit-preprocess"}',
    ]) {
      expect(() => readPreprocess(text, 'a.json'), text).toThrow(/^a\.json: .*\[preprocess\/invalid\]$/);
    }
    expect(() => readPreprocess(writePreprocess({ ...in255, divisor: 255 }), 'a.json')).toThrow('[preprocess/units]');
  });
});

describe('inputs that take pictures', () => {
  it.each([
    [[1, 3, 224, 224], 'nchw', 3, 224, 224],
    [[2, 1, 28, 30], 'nchw', 1, 28, 30],
    [[1, 4, 8, 9], 'nchw', 4, 8, 9],
    [[1, 224, 192, 3], 'nhwc', 3, 224, 192],
    [[1, 76, 32, 1], 'nhwc', 1, 76, 32],
    [[1, 16, 17, 4], 'nhwc', 4, 16, 17],
    // Both could be channels: ONNX has them second.
    [[1, 3, 8, 4], 'nchw', 3, 8, 4],
  ] as const)('%o', (shape, order, channels, height, width) => {
    expect(imageLayout(shape)).toEqual({ order, batch: shape[0], channels, height, width });
  });

  it('are no others', () => {
    for (const shape of [undefined, [], [1, 3, 224], [1, 2, 8, 8], [1, 3, 'height', 8], [1, 1, 3, 8, 8]]) {
      expect(imageLayout(shape)).toBeUndefined();
    }
    const mixed = graph(['ids', 'int64', [1, 3, 8, 8]], ['x', 'float32', [1, 3, 8, 8]], ['h', 'float32', [2, 1, 64]]);
    expect(imageInputs(mixed)).toEqual(['x']);
  });

  it('are held to what is stated', () => {
    const color = graph(['x', 'float32', [1, 3, 8, 8]]);
    expect(preprocessFor(color, undefined)).toBeUndefined();
    expect(preprocessFor(color, imagenet)).toBe(imagenet);
    expect(() => preprocessFor(color, { ...imagenet, mean: [0.5], std: [1], channelOrder: 'gray' })).toThrow(
      'no input of the network takes pictures of so many channels (expected 3, found 1 (gray)) [preprocess/invalid]',
    );
    expect(() => preprocessFor(graph(['x', 'float32', [1, 16, 96]]), imagenet)).toThrow(
      'no input of the network takes',
    );
    expect(() => preprocessFor(color, { ...in255, divisor: 255 })).toThrow('[preprocess/units]');
  });

  it('take the pixels themselves where they are bytes', () => {
    const bytes = graph(['x', 'uint8', [1, 8, 8, 3]]);
    expect(preprocessFor(bytes, undefined)).toEqual({ divisor: 1, mean: [0], std: [1], channelOrder: 'rgb' });
    const bgr = { divisor: 1, mean: [0], std: [1], channelOrder: 'bgr' } as const;
    expect(preprocessFor(bytes, bgr)).toBe(bgr);
    expect(() => preprocessFor(bytes, imagenet)).toThrow(/value x: the input takes bytes.*\[preprocess\/invalid\]/);
  });
});
