/** Plays a trace of nv_full's test bench on a device whose pace is `stepped`: it watches the hardware work. */

import { fail, type Place } from '../../graph/errors.ts';
import type { Bus } from '../bus.ts';
import type { NvdlaDevice } from '../nvdla/nvdla-device.ts';
import type { TraceOptions, TraceResult } from './player.ts';
import { parseMemoryDump, type TxnCommand } from './txn-program.ts';

/** The memories of the test bench: primary and secondary. */
const memories = [
  { base: 0x8000_0000n, size: 0x200_0000 },
  { base: 0x5000_0000n, size: 0x200_0000 },
] as const;

/**
 * Runs every command; the first check that fails ends the run.
 * @throws trace/syntax, trace/check, device/fault, device/unsupported, device/memory
 */
export function playTxn(trace: readonly TxnCommand[], device: NvdlaDevice, options: TraceOptions): TraceResult {
  mapMemories(trace, device.bus);
  let checks = 0;
  let registerWrites = 0;
  for (const command of trace) {
    const place: Place = { line: command.line, ...(options.file !== undefined && { file: options.file }) };
    switch (command.kind) {
      case 'load_mem':
        device.bus.write(command.address, contents(command, options, place));
        break;
      case 'write_reg':
        device.write(command.address, command.value);
        registerWrites++;
        break;
      case 'read_reg':
        readRegister(command, device, place);
        checks++;
        break;
      case 'wait':
        while (!device.interruptLine) {
          if (!device.advance()) fail('trace/check', 'the interrupt never comes', place);
        }
        checks++;
        break;
      case 'dump_mem': {
        const expected = contents(command, options, place);
        const actual = device.bus.read(command.address, command.size);
        const at = expected.findIndex((byte, index) => byte !== actual[index]);
        if (at >= 0) {
          const detail = { expected: expected[at]!, actual: actual[at]! };
          fail('trace/check', `memory differs from ${command.file} at byte ${at}`, place, detail);
        }
        checks++;
        break;
      }
    }
  }
  while (device.advance());
  return { checks, registerWrites };
}

/** Waits until the hardware shows the value; what never moves again never will. */
function readRegister(command: Extract<TxnCommand, { kind: 'read_reg' }>, device: NvdlaDevice, place: Place): void {
  for (;;) {
    const actual = device.read(command.address);
    if (((actual ^ command.value) & command.mask) === 0) return;
    if (device.advance()) continue;
    const hex = (value: number): string => `0x${((value & command.mask) >>> 0).toString(16)}`;
    const detail = { expected: hex(command.value), actual: hex(actual) };
    fail('trace/check', `register 0x${command.address.toString(16)} never has the value`, place, detail);
  }
}

/** As many bytes of a memory image as the command asks for. */
function contents(
  command: Extract<TxnCommand, { readonly size: number }>,
  { load }: TraceOptions,
  place: Place,
): Uint8Array {
  const bytes = parseMemoryDump(load(command.file), command.file);
  if (bytes.length < command.size) {
    const detail = { expected: command.size, actual: bytes.length };
    fail('trace/syntax', 'a memory image is shorter than its command asks', { ...place, value: command.file }, detail);
  }
  return bytes.subarray(0, command.size);
}

/** Traces do not say which memory there is: the test bench has both, and those that a trace reaches are mapped. */
function mapMemories(trace: readonly TxnCommand[], bus: Bus): void {
  for (const { base, size } of memories) {
    const used = trace.some(
      (command) => 'size' in command && command.address >= base && command.address < base + BigInt(size),
    );
    if (used) bus.map(base, size);
  }
}
