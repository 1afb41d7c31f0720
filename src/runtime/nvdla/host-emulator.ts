/**
 * Tasks that the runtime itself does on the host, in float32: softmax over channels that lie side by side, and
 * (shift + scale · x) to a power over a feature cube. Integers are scaled on the way in and out, cut off and saturated.
 * Source: nvdla/sw umd/core/src/runtime/Emulator.cpp; docs/hardware/nvdla.md#host-operations.
 */

import { exp, pow } from '../../base/elementary.ts';
import { fail } from '../../base/errors.ts';
import type { Bus } from '../../device/bus.ts';
import { halfValue, isHalfNaN, singleBits, singleToHalf } from '../../device/engines/reference/nvdla/float16/float.ts';
import { watchdogSteps } from '../../device/nvdla/form/check-pipeline.ts';
import {
  type EmulatorBuffer,
  type EmulatorLayout,
  type EmulatorOperation,
  emulatorLayouts,
  emulatorOperations,
} from '../../loadable/nvdla/format/emulator-descriptors.ts';
import { readEmulatorTask } from '../../loadable/nvdla/format/emulator-task.ts';
import type { ReadAddress } from '../../loadable/nvdla/format/task-descriptors.ts';
import type { Job } from '../job-queue.ts';
import type { AddressList } from './address-list.ts';
import type { KernelDriver } from './kernel-driver.ts';

export interface EmulatorTask {
  readonly layout: 'current' | 'older';
  readonly read: ReadAddress;
  /** The device's address of a position of the task's address list. @throws loadable/corrupt */
  readonly address: (position: number) => bigint;
}

/** One run of a task, in the memory of its address list, as a job of the driver's queue. */
export const emulatorJob = (
  list: AddressList,
  layout: EmulatorTask['layout'],
  { bus, watchdog }: Pick<KernelDriver, 'bus' | 'watchdog'>,
): Job<never> => ({
  step() {
    bus.within(list.windows, () => runEmulatorTask({ ...list, layout }, bus, watchdog));
    return undefined;
  },
});

/** Steps that the watchdog counts for one element. */
const elementSteps = 64;

/**
 * @throws loadable/corrupt, loadable/truncated, device/unsupported, device/fault also for strides of rows that overlap,
 *   device/timeout
 */
export function runEmulatorTask(task: EmulatorTask, bus: Bus, watchdog = watchdogSteps): void {
  const layout = emulatorLayouts[task.layout];
  const { steps } = readEmulatorTask(task.read, layout);
  const elements = steps.reduce((sum, { source: { width, height, channel } }) => sum + width * height * channel, 0);
  if (elements * elementSteps > watchdog) {
    const detail = { expected: `at most ${watchdog} steps`, actual: elements * elementSteps };
    fail('device/timeout', 'a task of the emulator is more work than the watchdog waits for', {}, detail);
  }
  for (const { operation, ...step } of steps) {
    const source = buffer(step.source, task, layout);
    const destination = buffer(step.destination, task, layout);
    if (source.type !== destination.type) {
      fail('device/unsupported', 'an emulator operation that changes formats is not modelled');
    }
    if (operation.type === emulatorOperations.softmax) softmax(operation, source, destination, bus);
    else if (operation.type === emulatorOperations.power) raise(operation, source, destination, bus);
    else fail('loadable/corrupt', 'the emulator has no such operation', {}, { actual: operation.type });
  }
}

interface Placed extends EmulatorBuffer {
  readonly base: bigint;
  readonly type: 'int8' | 'float16';
  readonly atomBytes: number;
}

function buffer(desc: EmulatorBuffer, task: EmulatorTask, { formats }: EmulatorLayout): Placed {
  const format = formats[desc.format];
  if (!format) return fail('device/unsupported', `emulator format ${desc.format} is not modelled`);
  return { ...desc, ...format, base: task.address(desc.address) + BigInt(desc.offset) };
}

const sizeOf = ({ type }: Placed): number => (type === 'int8' ? 1 : 2);

/** Rounds a float32 to float16. */
function half(value: number): number {
  const bits = singleToHalf(singleBits(value));
  return isHalfNaN(bits) ? Number.NaN : halfValue(bits);
}

function readElement(view: DataView, at: number, type: Placed['type']): number {
  if (type === 'int8') return view.getInt8(at);
  const bits = view.getUint16(at, true);
  return isHalfNaN(bits) ? Number.NaN : halfValue(bits);
}

function writeElement(view: DataView, at: number, value: number, type: Placed['type']): void {
  if (type === 'int8') view.setInt8(at, Math.trunc(Math.max(-128, Math.min(value, 127))) || 0);
  else view.setUint16(at, singleToHalf(singleBits(value)) & 0xffff, true);
}

function softmax(operation: EmulatorOperation, source: Placed, destination: Placed, bus: Bus): void {
  const { fround } = Math;
  const { type } = source;
  const count = source.channel;
  const from = bus.read(source.base, count * sizeOf(source));
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  const values = Array.from({ length: count }, (_, index) => {
    const value = readElement(view, index * sizeOf(source), type);
    return type === 'int8' ? half(fround(value * operation.inputScale)) : value;
  });
  const largest = values.reduce((most, value) => (value > most ? value : most), Number.NEGATIVE_INFINITY);
  const exponentials = values.map((value) => fround(exp(fround(value - largest))));
  const sum = exponentials.reduce((total, value) => fround(total + value), 0);
  const to = new Uint8Array(count * sizeOf(destination));
  const out = new DataView(to.buffer);
  for (const [index, value] of exponentials.entries()) {
    const share = half(fround(value / sum));
    writeElement(
      out,
      index * sizeOf(destination),
      type === 'int8' ? fround(share / operation.outputScale) : share,
      type,
    );
  }
  bus.write(destination.base, to);
}

/** Rows that overlap would let a few bytes of memory ask for work without end. @throws device/fault */
function checkStrides(place: Placed, { width, height, channel }: Placed): void {
  const { atomBytes, lineStride, surfaceStride } = place;
  const row = Math.max(1, width) * atomBytes;
  const plane = (height - 1) * lineStride + row;
  const runs = Math.ceil((channel * sizeOf(place)) / atomBytes);
  for (const [count, stride, least, name] of [
    [height, lineStride, row, 'line'],
    [runs, surfaceStride, plane, 'surface'],
  ] as const) {
    if (count <= 1 || stride >= least) continue;
    const detail = { expected: `at least ${least}`, actual: stride };
    fail('device/fault', `the ${name} stride of a cube of the emulator is too small`, {}, detail);
  }
}

function raise(operation: EmulatorOperation, source: Placed, destination: Placed, bus: Bus): void {
  const { fround } = Math;
  const { type, width, height, channel } = source;
  const size = sizeOf(source);
  for (const place of [source, destination]) checkStrides(place, source);
  const row = Math.max(1, width);
  const at = (place: Placed, c: number, y: number): bigint => {
    const perAtom = place.atomBytes / size;
    const offset = Math.floor(c / perAtom) * place.surfaceStride + y * place.lineStride + (c % perAtom) * size;
    return place.base + BigInt(offset);
  };
  for (let c = 0; c < channel; c++) {
    for (let y = 0; y < height; y++) {
      const reach = (row - 1) * source.atomBytes + size;
      const from = bus.read(at(source, c, y), reach);
      const to = bus.read(at(destination, c, y), (row - 1) * destination.atomBytes + size);
      const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
      const out = new DataView(to.buffer, to.byteOffset, to.byteLength);
      for (let x = 0; x < width; x++) {
        const read = readElement(view, x * source.atomBytes, type);
        const value = type === 'int8' ? fround(read * operation.inputScale) : read;
        const base = fround(operation.shift + fround(operation.scale * value));
        const result = fround(pow(base, operation.power));
        const scaled = type === 'int8' ? fround(result / operation.outputScale) : result;
        writeElement(out, x * destination.atomBytes, scaled, type);
      }
      bus.write(at(destination, c, y), to);
    }
  }
}
