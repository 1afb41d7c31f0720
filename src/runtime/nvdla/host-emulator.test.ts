import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { describe, expect, it } from 'vitest';
import { pow } from '../../base/elementary.ts';
import { Bus } from '../../device/bus.ts';
import { bufferPitch, emulatorLayouts, emulatorNetwork } from '../../loadable/nvdla/format/emulator-descriptors.ts';
import { runEmulatorTask } from './host-emulator.ts';

const base = 0x1000n;
const placeOf = (position: number): number => position * 0x1000;

interface Setup {
  readonly layout: 'current' | 'older';
  readonly operation: {
    readonly type: number;
    readonly power?: number;
    readonly scale?: number;
    readonly shift?: number;
  };
  readonly scales?: readonly [number, number];
  readonly format: number;
  readonly shape: readonly [channel: number, height: number, width: number];
  /** Strides; those of packed lines and surfaces unless given. */
  readonly strides?: { readonly lineStride?: number; readonly surfaceStride?: number };
  readonly watchdog?: number;
}

/** A task of one operation: lists at positions 0 to 2, source at 3, destination at 4. */
function emulate(setup: Setup, source: Uint8Array): Uint8Array {
  const { layout, operation, scales = [1, 1], format, shape, strides, watchdog } = setup;
  const codecs = emulatorLayouts[layout];
  const bus = new Bus();
  bus.map(base, placeOf(5));
  const memory = new Uint8Array(placeOf(5));
  const view = new DataView(memory.buffer);
  emulatorNetwork.write(view, 0, { operationIndex: 1, bufferIndex: 2, numOperations: 1 });
  const [inputScale, outputScale] = scales;
  codecs.operation.write(view, placeOf(1), {
    power: 1,
    scale: 1,
    shift: 0,
    axis: 0,
    ...operation,
    inputScale,
    outputScale,
  });
  const [channel, height, width] = shape;
  const cube = {
    offset: 0,
    size: 0,
    format,
    width,
    height,
    channel,
    lineStride: 32 * width,
    surfaceStride: 32 * width * height,
    ...strides,
  };
  codecs.buffer.write(view, placeOf(2), { ...cube, address: 3 });
  codecs.buffer.write(view, placeOf(2) + bufferPitch, { ...cube, address: 4 });
  memory.set(source, placeOf(3));
  bus.write(base, memory);
  const address = (position: number): bigint => base + BigInt(placeOf(position));
  const read = (position: number, offset: number, length: number): Uint8Array =>
    bus.read(address(position) + BigInt(offset), length);
  runEmulatorTask({ layout, read, address }, bus, watchdog);
  return bus.read(address(4), 0x1000);
}

const halves = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(2 * values.length);
  for (const [index, value] of values.entries()) setFloat16(new DataView(bytes.buffer), 2 * index, value, true);
  return bytes;
};

describe('the host emulator', () => {
  it.each([
    ['current', 3],
    ['older', 2],
  ] as const)('raises float16 to a power, in the %s layout', (layout, format) => {
    const operation = { type: 0, power: 2, scale: 0.5, shift: 1 };
    const out = emulate({ layout, operation, format, shape: [2, 1, 1] }, halves(3, -4));
    const view = new DataView(out.buffer);
    expect([getFloat16(view, 0, true), getFloat16(view, 2, true)]).toEqual([6.25, 1]);
  });

  it('scales integers, cuts off and saturates', () => {
    const operation = { type: 0, power: 1, scale: 3, shift: 0.5 };
    const setup: Setup = { layout: 'current', operation, scales: [0.5, 1], format: 0, shape: [3, 1, 1] };
    const out = emulate(setup, Uint8Array.from([5, 0xfb, 127]));
    expect([...new Int8Array(out.buffer, 0, 3)]).toEqual([8, -7, 127]);
  });

  it('takes the softmax of channels that lie side by side', () => {
    const setup: Setup = { layout: 'current', operation: { type: 1 }, format: 3, shape: [3, 1, 1] };
    const out = emulate(setup, halves(1, 2, 3));
    const view = new DataView(out.buffer);
    const actual = [0, 2, 4].map((at) => getFloat16(view, at, true));
    for (const [index, expected] of [0.09003, 0.24473, 0.66524].entries())
      expect(actual[index]).toBeCloseTo(expected, 3);
  });

  it('refuses rows that overlap, before it works through them', () => {
    const operation = { type: 0, power: 1, scale: 1, shift: 0 };
    const setup = { layout: 'current', operation, format: 3 } as const;
    const small = new Uint8Array(32);
    const lines: Setup = { ...setup, shape: [1, 65_535, 1], strides: { lineStride: 0 } };
    expect(() => emulate(lines, small)).toThrow(/the line stride .*expected at least 32, found 0/);
    const surfaces: Setup = { ...setup, shape: [65_535, 2, 1], strides: { surfaceStride: 32 } };
    expect(() => emulate(surfaces, small)).toThrow(/the surface stride .*expected at least 64, found 32/);
    const one: Setup = { ...setup, shape: [16, 1, 1], strides: { lineStride: 0, surfaceStride: 0 } };
    expect(emulate(one, small)).toHaveLength(0x1000);
  });

  it('refuses formats and operations that it does not know', () => {
    const shape = [1, 1, 1] as const;
    const unknown = { layout: 'current', operation: { type: 7 }, format: 0, shape } as const;
    expect(() => emulate(unknown, new Uint8Array(1))).toThrow(/no such operation/);
    expect(() => emulate({ ...unknown, format: 9 }, new Uint8Array(1))).toThrow(/format 9 is not modelled/);
  });
});

describe('the watchdog', () => {
  it('waits for tasks of the emulator no longer than for launches', () => {
    const setup: Setup = { layout: 'current', operation: { type: 0 }, format: 0, shape: [2, 1, 3] };
    expect(() => emulate({ ...setup, watchdog: 6 * 64 }, new Uint8Array(64))).not.toThrow();
    expect(() => emulate({ ...setup, watchdog: 6 * 64 - 1 }, new Uint8Array(64))).toThrow(
      /more work than the watchdog/,
    );
  });
});

describe('powers', () => {
  it.each([
    [2, 0.5],
    [10, -0.75],
    [1e-4, 0.25],
    [3.7, 2],
    [-2, 3],
    [-2, -2],
    [1e5, 1.5],
    [0, 2],
    [5, 0],
    [-3, 65],
  ])('%d to the %d', (x, e) => {
    const expected = x ** e;
    expect(Math.abs(pow(x, e) - expected)).toBeLessThanOrEqual(Math.abs(expected) * 2 ** -40);
  });

  it('of negative numbers exist for whole exponents only', () => {
    expect(pow(-2, 0.5)).toBeNaN();
    expect(pow(0, -0.5)).toBe(Number.POSITIVE_INFINITY);
  });
});
