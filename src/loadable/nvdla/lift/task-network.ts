/**
 * A network as a stock loadable runs it: tasks one after the other, some for the hardware and some for the emulator on the
 * host, and the tensors that cross between them or that the application binds. A tensor goes by its name: in a Program it is an
 * `io` surface, in an emulator's operation the memory that a buffer lies in.
 */

import type { Program } from '../../../program/program.ts';
import type { Surface } from '../../../program/surface.ts';

/** A buffer that an operation of the emulator reads or writes. */
export interface EmulatedBuffer
  extends Pick<Surface, 'shape' | 'dtype' | 'format' | 'lineStride' | 'surfaceStride' | 'size'> {
  readonly tensor: string;
  /** Bytes from the start of the tensor's memory. */
  readonly offset: number;
}

/**
 * Softmax over channels that lie side by side, or (shift + scale · x) to a power
 * (docs/hardware/nvdla.md#host-operations).
 */
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

/** An input or output, to which the application binds a buffer. */
export interface NetworkTensor {
  readonly surface: Surface;
  /** Bytes of the buffer. */
  readonly size: number;
}

export interface TaskNetwork {
  /** The name of a target. */
  readonly target: string;
  /** By bind ids. */
  readonly inputs: readonly NetworkTensor[];
  readonly outputs: readonly NetworkTensor[];
  /** In the order they run. */
  readonly tasks: readonly NetworkTask[];
}

/** A Program is a network of one task. */
export function networkOf(program: Program): TaskNetwork {
  const tensors = (ids: readonly number[]): readonly NetworkTensor[] =>
    ids.map((id) => ({ surface: program.surfaces[id]!, size: program.surfaces[id]!.size }));
  return {
    target: program.target,
    inputs: tensors(program.inputs),
    outputs: tensors(program.outputs),
    tasks: [{ kind: 'dla', program }],
  };
}
