/**
 * A recording as an `input.txn`. The test bench sees one interrupt line, so for each interrupt all others are masked; the
 * mask is read back before the trace waits for the line, since a write takes effect late. A read compares the whole
 * register: the test bench of nvdla/hw knows no masks (verif/synth_tb/csb_master_seq.v).
 *
 * Memory is not assumed to be zero: everything that the task reaches is loaded, zeros from one file.
 */

import { fail } from '../../../base/errors.ts';
import { addressOf, type RegisterPlace, registerNamed } from '../registers/register-map.ts';
import { memoryFile, type RecordedMemory, type Recording, remarkOf, type TraceFiles } from './recording.ts';
import type { Remarked } from './trace-program.ts';
import { dumpLineBytes, printMemoryDump, printTxn, type TxnStatement } from './txn-program.ts';

const txnName = 'input.txn';

const zeroFile = 'zeros.dat';
const mostZeros = 2 ** 16;

/** @throws trace/record when memory lies where the form has no addresses for it */
export function writeTxn({ registers, memories, events }: Recording): TraceFiles {
  const images = new Map<string, string>();
  const statements: Remarked<TxnStatement>[] = [];
  const placeOf = (name: string): RegisterPlace => registerNamed(registers, `NVDLA_${name}_0`)!;
  const write = (place: RegisterPlace, value: number): void => {
    const remark = `NVDLA_${place.block.name}.${place.register.name}_0`;
    statements.push({ kind: 'write_reg', address: addressOf(place), value, remark });
  };
  const read = (place: RegisterPlace, value: number): void => {
    statements.push({ kind: 'read_reg', address: addressOf(place), mask: place.register.readable, value });
  };
  let zeros = 0;
  for (const memory of memories) {
    checkAddresses(memory);
    const { label, address, bytes } = memory;
    for (let at = 0; at < bytes.length; at += mostZeros) {
      const size = Math.min(mostZeros, bytes.length - at);
      zeros = Math.max(zeros, size);
      const remark = remarkOf(label);
      statements.push({ kind: 'load_mem', address: address + BigInt(at), size, file: zeroFile, remark });
    }
    const content = contentOf(bytes);
    if (!content) continue;
    const file = memoryFile(address);
    images.set(file, printMemoryDump(content.bytes));
    const size = content.bytes.length;
    statements.push({ kind: 'load_mem', address: address + BigInt(content.offset), size, file });
  }
  images.set(zeroFile, printMemoryDump(new Uint8Array(zeros)));

  const [mask, status] = [placeOf('GLB.S_INTR_MASK'), placeOf('GLB.S_INTR_STATUS')];
  let flushed = false;
  let checks = 0;
  for (const event of events) {
    switch (event.kind) {
      case 'write': {
        const { block, register } = event.place;
        if (!flushed && block.name === 'CDMA' && register.name === 'D_OP_ENABLE') {
          flushed = true;
          read(placeOf('CDMA.S_CBUF_FLUSH_STATUS'), 1);
        }
        write(event.place, event.value);
        break;
      }
      case 'interrupts':
        for (const { name, bit } of event.interrupts) {
          const others = (mask.register.writable & ~(1 << bit)) >>> 0;
          write(mask, others);
          read(mask, others);
          statements.push({ kind: 'wait', remark: name });
          write(status, 2 ** bit);
        }
        break;
      case 'check': {
        // The converters of nvdla/hw read whole lines only.
        const size = event.bytes.length - (event.bytes.length % dumpLineBytes);
        if (size === 0) break;
        checkAddresses(event);
        const file = `expected_${checks++}.dat`;
        images.set(file, printMemoryDump(event.bytes.subarray(0, size)));
        statements.push({ kind: 'dump_mem', address: event.address, size, file, remark: remarkOf(event.label) });
        break;
      }
    }
  }
  return new Map([[txnName, printTxn(statements)], ...images]);
}

function checkAddresses({ address, bytes }: RecordedMemory): void {
  const end = address + BigInt(bytes.length);
  if (end <= 2n ** 32n) return;
  const detail = { expected: 'memory below 0x100000000', actual: `0x${address.toString(16)}` };
  fail('trace/record', 'an input.txn has 32 bits for an address; a .cfg program has 64', {}, detail);
}

/** The whole lines from the first byte that is not zero to the last. */
function contentOf(bytes: Uint8Array): { readonly offset: number; readonly bytes: Uint8Array } | undefined {
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first < 0) return undefined;
  const last = bytes.findLastIndex((byte) => byte !== 0);
  const offset = first - (first % dumpLineBytes);
  const end = Math.ceil((last + 1) / dumpLineBytes) * dumpLineBytes;
  return { offset, bytes: bytes.subarray(offset, end) };
}
