/**
 * Plays a register trace on the device. Memory that the trace initialises is mapped first; then the commands run in
 * order. A wait ends when its interrupt is pending; a device whose pace is `stepped` advances until then. When
 * the device has nothing left to do, the wait fails.
 */

import { fail, locate, type Place } from '../../../base/errors.ts';
import { interruptBits, type NvdlaDevice } from '../nvdla-device.ts';
import { type ImageChunk, parseMemoryImage } from './memory-image.ts';
import { clearMemory, crc32, mapRegions, type Region } from './trace-memory.ts';
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
  mapRegions(
    trace.flatMap((command) => regionOf(command, images) ?? []),
    device.bus,
  );
  const syncs = new Set<string>();
  let checks = 0;
  let registerWrites = 0;
  const run = (command: TraceCommand): void => {
    switch (command.kind) {
      case 'mem_init':
        clearMemory(command, device.bus);
        break;
      case 'mem_load':
        for (const { offset, bytes } of images.get(command.file)!) {
          device.bus.write(command.address + BigInt(offset), bytes);
        }
        break;
      case 'reg_write':
        device.write(address(command.register, device), command.value);
        registerWrites++;
        break;
      case 'poll_reg_equal': {
        const register = address(command.register, device);
        while (device.read(register) !== command.value) {
          if (device.advance()) continue;
          const detail = hex(command.value, device.read(register));
          fail('trace/check', `${command.register} never has the value`, {}, detail);
        }
        checks++;
        break;
      }
      case 'intr_notify':
        serveInterrupt(command.interrupt.toUpperCase(), device);
        syncs.add(command.sync);
        checks++;
        break;
      case 'sync_notify':
        syncs.add(command.sync);
        break;
      case 'sync_wait':
        if (!syncs.has(command.sync)) {
          fail('trace/check', 'the trace waits for what nothing before has told of', {}, { actual: command.sync });
        }
        break;
      case 'check_crc': {
        const actual = crc32(device.bus.read(command.address, command.size));
        if (actual !== command.crc) fail('trace/check', 'memory has another checksum', {}, hex(command.crc, actual));
        checks++;
        break;
      }
      case 'check_nothing':
        break;
    }
  };
  const place: Place = options.file === undefined ? {} : { file: options.file };
  for (const command of trace) locate({ ...place, line: command.line }, () => run(command));
  locate(place, () => {
    while (device.advance());
  });
  return { checks, registerWrites };
}

const hex = (expected: number, actual: number) => ({
  expected: `0x${expected.toString(16)}`,
  actual: `0x${actual.toString(16)}`,
});

function address(register: string, device: NvdlaDevice): number {
  return device.addressOf(register) ?? fail('trace/syntax', `there is no register ${register}`);
}

/** `SDP_0` is the interrupt of SDP's group 0. */
function serveInterrupt(name: string, device: NvdlaDevice): void {
  const match = /^(\w+)_([01])$/.exec(name);
  if (!match || !Object.hasOwn(interruptBits, match[1]!)) {
    fail('trace/syntax', `there is no interrupt ${name}`);
  }
  const bit = 1 << (interruptBits[match[1] as keyof typeof interruptBits] + Number(match[2]));
  while ((device.interrupts & bit) === 0) {
    if (device.advance()) continue;
    fail('trace/check', `the interrupt ${name} never comes`, {}, { expected: name, actual: 'none' });
  }
  device.write(device.addressOf('NVDLA_GLB.S_INTR_STATUS_0')!, bit);
}

/** The memory that a command initializes. Images may have gaps, which read as zeros. */
function regionOf(command: TraceCommand, images: ReadonlyMap<string, readonly ImageChunk[]>): Region | undefined {
  if (command.kind === 'mem_init') return command;
  if (command.kind !== 'mem_load') return undefined;
  const size = images.get(command.file)!.reduce((end, { offset, bytes }) => Math.max(end, offset + bytes.length), 0);
  return { address: command.address, size };
}
