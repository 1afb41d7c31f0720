/**
 * A recording of a task on the device, from which a trace of either form is made (write-cfg.ts, write-txn.ts).
 *
 * Firmware waits for interrupts before it goes on; a trace has the same waits at the same points, so that no write comes
 * before the completion that it depends on. Interrupts between two such points may come in any order.
 */

import type { RegisterMap, RegisterPlace } from '../registers/register-map.ts';
import type { TraceMemory } from './trace-program.ts';

export interface Recording {
  readonly registers: RegisterMap;
  /** The memories that the task reaches, with their contents before it. */
  readonly memories: readonly RecordedMemory[];
  readonly events: readonly RecordedEvent[];
}

export interface RecordedMemory {
  readonly label: string;
  readonly memory: TraceMemory;
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export type RecordedEvent =
  | { readonly kind: 'write'; readonly place: RegisterPlace; readonly value: number }
  /** The trace goes on when all of these have come. */
  | { readonly kind: 'interrupts'; readonly interrupts: readonly Interrupt[] }
  /** Memory has to hold these bytes at this point. */
  | ({ readonly kind: 'check' } & RecordedMemory);

export interface Interrupt {
  /** `SDP_0` */
  readonly name: string;
  /** The bit in GLB's interrupt registers. */
  readonly bit: number;
}

/** Files of a trace, by name; the trace itself is the first. */
export type TraceFiles = ReadonlyMap<string, string>;

/** A label as a comment of one line, in ASCII: not every tool reads more. */
export const remarkOf = (label: string): string => label.replaceAll(/[^ -~]+/g, '?').slice(0, 60);

/** Names of files are letters, digits, `_` and `.` alone (nvdla/hw verif/tools/nvdla_trace_parser.py). */
export const memoryFile = (address: bigint): string => `memory_${address.toString(16)}.dat`;
