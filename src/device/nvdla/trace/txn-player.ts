/** Plays a trace of nv_full's test bench on a device whose pace is `stepped`: it watches the hardware work. */

import { fail, locate, type Place } from '../../../base/errors.ts';
import type { NvdlaDevice } from '../nvdla-device.ts';
import type { TraceOptions, TraceResult } from './player.ts';
import { mapRegions, type Region } from './trace-memory.ts';
import { parseMemoryDump, type TxnCommand } from './txn-program.ts';

/** The memories of the test bench: primary and secondary. */
const memories: readonly Region[] = [
  { address: 0x8000_0000n, size: 0x200_0000 },
  { address: 0x5000_0000n, size: 0x200_0000 },
];

/**
 * Runs every command; the first check that fails ends the run.
 * @throws trace/syntax, trace/check, device/fault, device/unsupported, device/memory
 */
export function playTxn(trace: readonly TxnCommand[], device: NvdlaDevice, options: TraceOptions): TraceResult {
  mapRegions(regions(trace), device.bus);
  const images = new Map<string, Uint8Array>();
  const image = (file: string): Uint8Array => {
    const bytes = images.get(file) ?? parseMemoryDump(options.load(file), file);
    images.set(file, bytes);
    return bytes;
  };
  let checks = 0;
  let registerWrites = 0;
  const run = (command: TxnCommand): void => {
    switch (command.kind) {
      case 'load_mem':
        device.bus.write(command.address, contents(command, image));
        break;
      case 'write_reg':
        device.write(command.address, command.value);
        registerWrites++;
        break;
      case 'read_reg':
        readRegister(command, device);
        checks++;
        break;
      case 'wait':
        while (!device.interruptLine) {
          if (!device.advance()) fail('trace/check', 'the interrupt never comes');
        }
        checks++;
        break;
      case 'dump_mem': {
        const expected = contents(command, image);
        const actual = device.bus.read(command.address, command.size);
        const at = expected.findIndex((byte, index) => byte !== actual[index]);
        if (at >= 0) {
          const detail = { expected: expected[at]!, actual: actual[at]! };
          fail('trace/check', `memory differs from ${command.file} at byte ${at}`, {}, detail);
        }
        checks++;
        break;
      }
    }
  };
  const place: Place = options.file === undefined ? {} : { file: options.file };
  for (const command of trace) locate({ ...place, line: command.line }, () => run(command));
  locate(place, () => {
    while (device.advance());
  });
  return { checks, registerWrites };
}

/** Waits until the register has the value. @throws trace/check when the device has nothing left to do before that */
function readRegister(command: Extract<TxnCommand, { kind: 'read_reg' }>, device: NvdlaDevice): void {
  for (;;) {
    const actual = device.read(command.address);
    if (((actual ^ command.value) & command.mask) === 0) return;
    if (device.advance()) continue;
    const hex = (value: number): string => `0x${((value & command.mask) >>> 0).toString(16)}`;
    const detail = { expected: hex(command.value), actual: hex(actual) };
    fail('trace/check', `register 0x${command.address.toString(16)} never has the value`, {}, detail);
  }
}

/** As many bytes of a memory image as the command asks for. */
function contents(
  command: Extract<TxnCommand, { readonly size: number }>,
  image: (file: string) => Uint8Array,
): Uint8Array {
  const bytes = image(command.file);
  if (bytes.length < command.size) {
    const detail = { expected: command.size, actual: bytes.length };
    fail('trace/syntax', 'a memory image is shorter than its command asks', { value: command.file }, detail);
  }
  return bytes.subarray(0, command.size);
}

/**
 * The memory to map, which traces do not state: each of the test bench's two memories that the trace reaches, whole, and
 * whatever the trace loads or dumps beyond them.
 */
function regions(trace: readonly TxnCommand[]): readonly Region[] {
  const reached = trace.filter((command) => 'size' in command);
  const whole = memories.filter(({ address, size }) =>
    reached.some((region) => region.address >= address && region.address < address + BigInt(size)),
  );
  return [...whole, ...reached];
}
