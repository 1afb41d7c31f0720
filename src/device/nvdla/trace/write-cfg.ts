/**
 * A recording as a `.cfg` program. The suite's own player works through the writes of each block on their own, so their
 * order has to be written down: before its next write a block waits (`sync_wait`) for the interrupts that software waited
 * for, which GLB gathers into one step (`step_1`, `step_2`, …), and for the block that was enabled before it.
 */

import type { BlockName } from '../registers/register-map.ts';
import { nonZeroChunks, printMemoryImage } from './memory-image.ts';
import { memoryFile, type Recording, remarkOf, type TraceFiles } from './recording.ts';
import { crc32 } from './trace-memory.ts';
import { printTrace, type Remarked, type TraceStatement } from './trace-program.ts';

const cfgName = 'trace.cfg';

export function writeCfg(recording: Recording): TraceFiles {
  const images = new Map<string, string>();
  const statements: Remarked<TraceStatement>[] = [];
  for (const { label, memory, address, bytes } of recording.memories) {
    statements.push({ kind: 'mem_init', memory, address, size: bytes.length, remark: remarkOf(label) });
    const chunks = nonZeroChunks(bytes);
    // The suite's player cannot read an image without entries.
    if (chunks.length === 0) continue;
    const file = memoryFile(address);
    images.set(file, printMemoryImage(chunks));
    statements.push({ kind: 'mem_load', memory, address, file });
  }
  statements.push({ kind: 'reg_write', register: nameOf('GLB', 'S_INTR_MASK'), value: 0 });
  const order = new Order();
  for (const event of recording.events) {
    switch (event.kind) {
      case 'write': {
        const { block, register } = event.place;
        statements.push(...order.before(block.name, register.name));
        statements.push({ kind: 'reg_write', register: nameOf(block.name, register.name), value: event.value });
        break;
      }
      case 'interrupts':
        statements.push(...order.waitFor(event.interrupts.map(({ name }) => name)));
        break;
      case 'check': {
        const { label, memory, address, bytes } = event;
        const [size, crc] = [bytes.length, crc32(bytes)];
        statements.push({
          kind: 'check_crc',
          sync: order.step,
          memory,
          address,
          size,
          crc,
          remark: remarkOf(label),
        });
        break;
      }
    }
  }
  return new Map([[cfgName, printTrace(statements)], ...images]);
}

const nameOf = (block: BlockName, register: string): string => `NVDLA_${block}.${register}_0`;
const nvdla = (block: BlockName): string => `NVDLA_${block}`;

/** Makes the statements by which blocks wait for one another. */
class Order {
  #interrupts = 0;
  #steps = 0;
  #enables = 0;
  /** The last step that each block has waited for. */
  readonly #waited = new Map<BlockName, number>();
  #enabled: BlockName | undefined;
  #flushed = false;

  get step(): string {
    return `step_${this.#steps}`;
  }

  /** The waits that a write needs before it. */
  before(block: BlockName, register: string): readonly TraceStatement[] {
    const statements: TraceStatement[] = [];
    if ((this.#waited.get(block) ?? 0) < this.#steps) {
      statements.push({ kind: 'sync_wait', block: nvdla(block), sync: this.step });
      this.#waited.set(block, this.#steps);
    }
    if (register !== 'D_OP_ENABLE') return statements;
    if (this.#enabled !== undefined && this.#enabled !== block) {
      const sync = `enable_${++this.#enables}`;
      statements.push({ kind: 'sync_notify', block: nvdla(this.#enabled), sync });
      statements.push({ kind: 'sync_wait', block: nvdla(block), sync });
    }
    this.#enabled = block;
    if (block === 'CDMA' && !this.#flushed) {
      this.#flushed = true;
      statements.push({ kind: 'poll_reg_equal', register: nameOf('CDMA', 'S_CBUF_FLUSH_STATUS'), value: 1 });
    }
    return statements;
  }

  waitFor(names: readonly string[]): readonly TraceStatement[] {
    const interrupts = names.map((name) => ({ interrupt: name, sync: `intr_${++this.#interrupts}` }));
    this.#steps++;
    this.#waited.set('GLB', this.#steps);
    this.#enabled = undefined;
    return [
      ...interrupts.map((each): TraceStatement => ({ kind: 'intr_notify', ...each })),
      ...interrupts.map(({ sync }): TraceStatement => ({ kind: 'sync_wait', block: nvdla('GLB'), sync })),
      { kind: 'sync_notify', block: nvdla('GLB'), sync: this.step },
    ];
  }
}
