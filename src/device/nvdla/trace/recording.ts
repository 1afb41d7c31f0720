/**
 * What was seen of a task on the device: enough to have hardware do the same. A trace of either form is made of it
 * (write-cfg.ts, write-txn.ts).
 *
 * Software that watches hardware waits for interrupts and then goes on; a trace has the same waits at the same points, so
 * that no write comes before the completion that it depends on. The order in which the interrupts between two such points
 * come is the hardware's affair.
 */

import type { RegisterMap, RegisterPlace } from '../registers/register-map.ts';
import type { TraceMemory } from './trace-program.ts';

export interface Recording {
  readonly registers: RegisterMap;
  /** All that the task reaches, as it was before. */
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
  /** Nothing goes on before all of these have come. */
  | { readonly kind: 'interrupts'; readonly interrupts: readonly Interrupt[] }
  /** What memory holds then. */
  | ({ readonly kind: 'check' } & RecordedMemory);

export interface Interrupt {
  /** `SDP_0` */
  readonly name: string;
  /** Of GLB's interrupt registers. */
  readonly bit: number;
}

/** Files of a trace, by name; the trace itself is the first. */
export type TraceFiles = ReadonlyMap<string, string>;

/** Of one line, in the characters that every tool reads. */
export const remarkOf = (label: string): string => label.replaceAll(/[^ -~]+/g, '?').slice(0, 60);

/** Names of files are letters, digits, `_` and `.` alone (nvdla/hw verif/tools/nvdla_trace_parser.py). */
export const memoryFile = (address: bigint): string => `memory_${address.toString(16)}.dat`;
