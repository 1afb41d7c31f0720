/**
 * A network as a stock loadable runs it: tasks one after the other, some for the hardware and some for the emulator on the
 * host, and the tensors that cross between them or that the application binds. A tensor goes by its name: in a Program it is an
 * `io` surface, in an emulator's operation the memory that a buffer lies in.
 */

import type { Program } from '../../program/program.ts';
import type { Surface } from '../../program/surface.ts';

/** What an operation of the emulator reads or writes. */
export interface EmulatedBuffer
  extends Pick<Surface, 'shape' | 'dtype' | 'format' | 'lineStride' | 'surfaceStride' | 'size'> {
  readonly tensor: string;
  /** Bytes from the start of the tensor's memory. */
  readonly offset: number;
}

/** Softmax over channels that lie side by side, or (shift + scale · x) to a power, in float32 (nvdla-facts section 2). */
export type EmulatedFunction =
  | { readonly kind: 'softmax'; readonly axis: number }
  | { readonly kind: 'power'; readonly power: number; readonly scale: number; readonly shift: number };

export type EmulatedOperation = EmulatedFunction & {
  readonly input: EmulatedBuffer;
  readonly output: EmulatedBuffer;
  /** Real value of an integer's step; 1 where the emulator's descriptors have none. */
  readonly inputScale: number;
  readonly outputScale: number;
};

export type NetworkTask =
  | { readonly kind: 'dla'; readonly program: Program }
  | { readonly kind: 'emulator'; readonly operations: readonly EmulatedOperation[] };

export interface TaskNetwork {
  /** The name of a target. */
  readonly target: string;
  /** What the application binds, by bind ids. */
  readonly inputs: readonly Surface[];
  readonly outputs: readonly Surface[];
  /** In the order they run. */
  readonly tasks: readonly NetworkTask[];
}

/** A Program is a network of one task. */
export const networkOf = (program: Program): TaskNetwork => ({
  target: program.target,
  inputs: program.inputs.map((id) => program.surfaces[id]!),
  outputs: program.outputs.map((id) => program.surfaces[id]!),
  tasks: [{ kind: 'dla', program }],
});
