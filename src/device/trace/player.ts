/**
 * Plays a register trace on the device. Memory that the trace initialises is mapped first, neighbouring regions
 * together, in whole pages; then the commands run in order. The device completes a pipeline as soon as it is enabled, so
 * an interrupt that a trace waits for is there or never comes.
 */

import { fail, type Place } from '../../graph/errors.ts';
import type { Bus } from '../bus.ts';
import { interruptBits, type NvdlaDevice } from '../nvdla/nvdla-device.ts';
import { crc32 } from './crc32.ts';
import { type ImageChunk, parseMemoryImage } from './memory-image.ts';
import type { TraceCommand } from './trace-program.ts';

export interface TraceResult {
  readonly checks: number;
  readonly registerWrites: number;
}

export interface TraceOptions {
  /** The text of a memory image that the trace names. */
  readonly load: (file: string) => string;
  /** Names the trace in errors. */
  readonly file?: string;
}

const pageSize = 4096n;

/**
 * Runs every command; the first check that fails ends the run.
 * @throws trace/syntax, trace/check, device/fault, device/unsupported, device/memory
 */
export function playTrace(trace: readonly TraceCommand[], device: NvdlaDevice, options: TraceOptions): TraceResult {
  const images = new Map<string, readonly ImageChunk[]>();
  for (const command of trace) {
    if (command.kind !== 'mem_load' || images.has(command.file)) continue;
    images.set(command.file, parseMemoryImage(options.load(command.file), command.file));
  }
  mapMemory(trace, images, device.bus);
  let checks = 0;
  let registerWrites = 0;
  for (const command of trace) {
    const place: Place = { line: command.line, ...(options.file !== undefined && { file: options.file }) };
    switch (command.kind) {
      case 'mem_init':
        device.bus.write(command.address, new Uint8Array(command.size));
        break;
      case 'mem_load':
        for (const { offset, bytes } of images.get(command.file)!) {
          device.bus.write(command.address + BigInt(offset), bytes);
        }
        break;
      case 'reg_write':
        device.write(address(command.register, device, place), command.value);
        registerWrites++;
        break;
      case 'poll_reg_equal': {
        const actual = device.read(address(command.register, device, place));
        if (actual !== command.value) {
          fail('trace/check', `${command.register} never has the value`, place, hex(command.value, actual));
        }
        checks++;
        break;
      }
      case 'intr_notify':
        serveInterrupt(command.interrupt, device, place);
        checks++;
        break;
      case 'check_crc': {
        const actual = crc32(device.bus.read(command.address, command.size));
        if (actual !== command.crc) {
          fail('trace/check', 'memory has another checksum', place, hex(command.crc, actual));
        }
        checks++;
        break;
      }
      case 'check_nothing':
        break;
    }
  }
  return { checks, registerWrites };
}

const hex = (expected: number, actual: number) => ({
  expected: `0x${expected.toString(16)}`,
  actual: `0x${actual.toString(16)}`,
});

function address(register: string, device: NvdlaDevice, place: Place): number {
  return device.addressOf(register) ?? fail('trace/syntax', `there is no register ${register}`, place);
}

/** `SDP_0` is the interrupt of SDP's group 0. */
function serveInterrupt(name: string, device: NvdlaDevice, place: Place): void {
  const match = /^(\w+)_([01])$/.exec(name);
  const base = match && Object.hasOwn(interruptBits, match[1]!);
  if (!match || !base) fail('trace/syntax', `there is no interrupt ${name}`, place);
  const bit = 1 << (interruptBits[match[1] as keyof typeof interruptBits] + Number(match[2]));
  if ((device.interrupts & bit) === 0) {
    fail('trace/check', `the interrupt ${name} never comes`, place, { expected: name, actual: 'none' });
  }
  device.write(device.addressOf('NVDLA_GLB.S_INTR_STATUS_0')!, bit);
}

/** Maps the pages that the trace initialises or loads. */
function mapMemory(trace: readonly TraceCommand[], images: ReadonlyMap<string, readonly ImageChunk[]>, bus: Bus): void {
  const touched = trace.flatMap((command): { address: bigint; size: number }[] => {
    if (command.kind === 'mem_init') return [command];
    if (command.kind !== 'mem_load') return [];
    // Images have gaps, which devices read as zeros.
    const end = Math.max(0, ...images.get(command.file)!.map(({ offset, bytes }) => offset + bytes.length));
    return end === 0 ? [] : [{ address: command.address, size: end }];
  });
  const regions = touched
    .map(({ address: start, size }) => ({
      start: (start / pageSize) * pageSize,
      end: ((start + BigInt(size) + pageSize - 1n) / pageSize) * pageSize,
    }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const merged: { start: bigint; end: bigint }[] = [];
  for (const region of regions) {
    const last = merged.at(-1);
    if (!last || region.start > last.end) merged.push({ ...region });
    else if (region.end > last.end) last.end = region.end;
  }
  for (const { start, end } of merged) bus.map(start, Number(end - start));
}
