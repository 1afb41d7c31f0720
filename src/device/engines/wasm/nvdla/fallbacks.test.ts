/** What kernels leave to the reference, launch by launch: that they do, and that the result is the reference's. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Conv, ConvCore, NvdlaSdp } from '../../../../program/layer.ts';
import { targets } from '../../../../targets/find.ts';
import { nvFull } from '../../../../targets/nvdla.ts';
import { isNvdla } from '../../../../targets/target.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import { featureCube, vectorCube } from '../../../testing/cubes.ts';
import { atomsOf, idleUnit, plainConv, plainSdp, scaling } from '../../../testing/nvdla/convolutions.ts';
import { Twins } from '../../../testing/nvdla/twins.ts';

const wave = (length: number, step = 37): Int8Array => Int8Array.from({ length }, (_, at) => at * step + (at >> 5));

const filled = (bus: Bus, cube: Cube, data = wave(cube.size)): Cube => {
  bus.write(cube.address, new Uint8Array(data.buffer));
  return cube;
};

let twins: Twins;
beforeEach(async () => {
  twins = await Twins.open();
});
afterEach(() => twins.close());

describe.each(targets.filter(isNvdla))('$name', (target) => {
  const atom = target.memoryAtom as number;
  const format = atomsOf(target);
  const surface = (bus: Bus, channels = atom, height = 4, width = 5): Cube =>
    filled(bus, featureCube(bus, [1, channels, height, width], format));

  /** A convolution of one atom into one atom, and where its result goes. */
  const scene = () =>
    twins.both((bus) => {
      const conv = plainConv(target, surface(bus), vectorCube(bus, wave(atom * atom, 5)));
      return { conv, output: featureCube(bus, [1, atom, 4, 5], format) };
    });
  const run = (conv: Conv<Cube>, sdp: NvdlaSdp<Cube>) => twins.launch({ kind: 'conv', conv, sdp });
  const withCore = (conv: Conv<Cube>, change: Partial<ConvCore>): Conv<Cube> => ({
    ...conv,
    core: { ...conv.core!, ...change },
  });

  test('sums that could leave 32 bits', () => {
    const channels = 1088;
    const kernel = { h: 11, w: 11 };
    const { conv, output } = twins.both((bus) => {
      const input = featureCube(bus, [1, channels, 11, 11], format);
      const lowest = filled(bus, input, new Int8Array(input.size).fill(-128));
      const weights = vectorCube(bus, new Int8Array(channels * 121).fill(-128));
      return {
        conv: plainConv(target, lowest, weights, 1, kernel),
        output: featureCube(bus, [1, atom, 1, 1], format),
      };
    });
    expect(run(conv, plainSdp(output, 24)).by).toBe('reference');
    // One weight less and they cannot.
    const few = twins.both((bus) => vectorCube(bus, new Int8Array(channels * 121).fill(-126)));
    expect(run({ ...conv, weights: few }, plainSdp(output, 24)).by).toBe('kernels');
  });

  test('data that stays in the convolution buffer', () => {
    const { conv, output } = scene();
    const keep = { keep: { data: true, weights: false } };
    expect(run(withCore(conv, keep), plainSdp(output, 4)).by).toBe('reference');
    twins.both((bus) => filled(bus, conv.input, wave(conv.input.size, 11)));
    const reuse = withCore(conv, { reuse: { data: true, weights: false } });
    expect(run(reuse, plainSdp(output, 4)).by).toBe('reference');
    expect(run(reuse, plainSdp(output, 4))).toEqual({ by: 'reference', error: 'device/fault' });
  });

  test('kept weights, once memory no longer holds them', () => {
    const { conv, output } = scene();
    const kept = withCore(conv, { keep: { data: false, weights: true } });
    const reused = withCore(conv, { keep: { data: false, weights: true }, reuse: { data: false, weights: true } });
    expect(run(kept, plainSdp(output, 4)).by).toBe('kernels');
    expect(run(reused, plainSdp(output, 4)).by).toBe('kernels');
    twins.both((bus) => filled(bus, conv.weights, wave(conv.weights.size, 77)));
    expect(run(reused, plainSdp(output, 4)).by).toBe('reference');
    // A convolution that keeps nothing leaves nothing, also when it is repeated.
    const pipeline = { kind: 'conv', conv, sdp: plainSdp(output, 4) } as const;
    for (const by of ['kernels', 'repetition']) {
      expect(twins.launch(pipeline).by).toBe(by);
      expect(run(reused, plainSdp(output, 4))).toEqual({ by: 'reference', error: 'device/fault' });
      expect(run(kept, plainSdp(output, 4)).by).toBe('kernels');
    }
  });

  test('results over what they are made from', () => {
    const { conv, output } = scene();
    expect(run(conv, plainSdp(conv.input, 4)).by).toBe('reference');
    const operand = twins.both((bus) => surface(bus));
    const shifted = { ...output, address: operand.address + BigInt(atom), shape: [1, atom, 4, 4] as const };
    const short = { ...conv, input: { ...conv.input, shape: [1, atom, 4, 4] as const } };
    const x2 = { ...idleUnit, alu: 'sum', source: 'point', operand, operandUse: 'alu' } as const;
    const sum = (to: Cube): NvdlaSdp<Cube> => ({ ...plainSdp(to, 4), x1: scaling(0, 1, 2), x2 });
    expect(run({ ...short, output: { channels: atom, height: 4, width: 4 } }, sum(shifted)).by).toBe('reference');
    // Element upon element they may lie.
    expect(run(conv, sum(operand)).by).toBe('kernels');
    expect(twins.launch({ kind: 'sdp', sdp: { ...sum(operand), input: operand } }).by).toBe('kernels');
    const next = { ...operand, address: operand.address + BigInt(atom), shape: [1, atom, 3, 5] as const };
    const before = { ...next, address: operand.address };
    expect(twins.launch({ kind: 'sdp', sdp: { ...plainSdp(next), input: before } }).by).toBe('reference');
  });

  test('pooling over its input, and windows that see nothing', () => {
    const input = twins.both((bus) => surface(bus, atom, 6, 6));
    const pdp = {
      input,
      mode: 'max',
      kernel: { h: 2, w: 2 },
      stride: { h: 2, w: 2 },
      padding: { top: 0, left: 0, bottom: 0, right: 0 },
      countPadding: true,
      output: { ...input, shape: [1, atom, 3, 3] as const },
    } as const;
    expect(twins.launch({ kind: 'pdp', pdp }).by).toBe('reference');
    const output = twins.both((bus) => featureCube(bus, [1, atom, 4, 4], format));
    const beyond = { ...pdp, padding: { top: 2, left: 0, bottom: 2, right: 2 }, output };
    expect(twins.launch({ kind: 'pdp', pdp: beyond }).by).toBe('reference');
    expect(twins.launch({ kind: 'pdp', pdp: { ...pdp, output: { ...output, shape: [1, atom, 3, 3] } } }).by).toBe(
      'kernels',
    );
  });

  test('numbers that no register holds', () => {
    const { conv, output } = scene();
    const beyond: readonly Partial<NvdlaSdp<Cube>>[] = [
      { convert: { offset: 0, scale: 2 ** 20, shift: 20 } },
      { convert: { offset: 0, scale: 1, shift: 70 } },
      { x1: scaling(0, 2 ** 17, 20) },
      { x1: scaling(2 ** 33, 1, 20) },
      { x2: { ...scaling(1, 1, 3), truncate: 300 } },
    ];
    for (const change of beyond) expect(run(conv, { ...plainSdp(output), ...change }).by).toBe('reference');
    expect(run({ ...conv, padValue: 300 }, plainSdp(output)).by).toBe('reference');
  });
});

test('16-bit integers', () => {
  const { input, output, narrow } = twins.both((bus) => {
    const words = featureCube(bus, [1, 32, 4, 5], 'chw32');
    const wide: Cube = {
      ...featureCube(bus, [1, 32, 8, 5], 'chw32'),
      shape: [1, 32, 4, 5],
      dtype: 'int16',
      format: 'chw16',
      surfaceStride: words.surfaceStride,
      size: words.size * 2,
    };
    return { input: filled(bus, words), output: wide, narrow: featureCube(bus, [1, 32, 4, 5], 'chw32') };
  });
  const up: NvdlaSdp<Cube> = { ...plainSdp(output), input, outputType: 'int16', x1: scaling(3, 250, 1) };
  expect(twins.launch({ kind: 'sdp', sdp: up }).by).toBe('reference');
  const down: NvdlaSdp<Cube> = { ...plainSdp(narrow, 7), input: output };
  expect(twins.launch({ kind: 'sdp', sdp: down }).by).toBe('reference');
});

test('normalization across channels', () => {
  const line = { start: 0, underflow: { scale: 0, shift: 0 }, overflow: { scale: 0, shift: 0 }, select: 6 };
  const table = {
    le: { ...line, end: 4096, entries: new Int16Array(65).fill(500), spacing: 'linear', offset: 0 },
    lo: { ...line, end: 16384, entries: Int16Array.from({ length: 257 }, (_, index) => 1000 - index) },
    underflowPriority: 'le',
    overflowPriority: 'lo',
    hybridPriority: 'lo',
  } as const;
  const { input, output } = twins.both((bus) => ({
    input: filled(bus, featureCube(bus, [1, 32, 3, 4], atomsOf(nvFull))),
    output: featureCube(bus, [1, 32, 3, 4], atomsOf(nvFull)),
  }));
  const convert = { offset: 0, scale: 1, shift: 0 };
  const cdp = { input, output, inputConvert: convert, outputConvert: { ...convert, shift: 10 } };
  const modes = { localSize: 5, bypassSquareSum: false, bypassMultiply: false } as const;
  twins.load(table);
  expect(twins.launch({ kind: 'cdp', cdp: { ...cdp, ...modes } }).by).toBe('reference');
});
