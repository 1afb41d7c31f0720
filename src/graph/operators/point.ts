/** Operators that work element by element, channel by channel, or on matrices: their bounds, factors and forms. */

import type { Node } from '../graph.ts';
import { elementCount, numbers } from '../tensor.ts';
import { flag, float, int, type Lookup } from './read.ts';

export interface ClipBounds {
  /** −Infinity where there is none. */
  readonly min: number | 'run-time';
  /** Infinity where there is none. Where the bounds cross, the result is max everywhere. */
  readonly max: number | 'run-time';
}

/** Attributes before opset 11, inputs since. */
export function clipBounds(node: Node, lookup: Lookup): ClipBounds {
  const bound = (name: 'min' | 'max', index: number, none: number): number | 'run-time' => {
    const input = node.inputs[index];
    if (!input) return float(node, name, none);
    const constant = lookup.constant(input);
    if (constant === undefined || constant.dtype === 'string' || elementCount(constant.shape) !== 1) return 'run-time';
    return numbers(constant)[0]!;
  };
  return { min: bound('min', 1, Number.NEGATIVE_INFINITY), max: bound('max', 2, Number.POSITIVE_INFINITY) };
}

/** What LeakyRelu multiplies negative elements by. */
export const leakySlope = (node: Node): number => float(node, 'alpha', 0.01);

/** HardSigmoid(x) = clip(alpha·x + beta, 0, 1). */
export const hardSigmoidOf = (node: Node): { readonly alpha: number; readonly beta: number } => ({
  alpha: float(node, 'alpha', 0.2),
  beta: float(node, 'beta', 0.5),
});

/** LRN: x / (bias + alpha / size · Σ x²)^beta over `size` channels around each. */
export interface Lrn {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

/** `size` is 0 where the node does not state it, as it must. */
export const lrnOf = (node: Node): Lrn => ({
  size: int(node, 'size', 0),
  alpha: float(node, 'alpha', 0.0001),
  beta: float(node, 'beta', 0.75),
  bias: float(node, 'bias', 1),
});

export interface BatchNormalization {
  readonly epsilon: number;
  /** Whether it normalizes by the statistics of its own batch (opset 14). */
  readonly training: boolean;
  /** Whether there is one mean for each channel; before opset 9 there could be one for each element. */
  readonly perChannel: boolean;
}

export const batchNormalizationOf = (node: Node, { opset }: Lookup): BatchNormalization => ({
  epsilon: float(node, 'epsilon', 1e-5),
  training: opset >= 14 && flag(node, 'training_mode'),
  perChannel: opset >= 9 || flag(node, 'spatial', true),
});

/** Whether a Dropout hands its input on: its training mode (opset 12) is off. */
export function dropsNothing(node: Node, lookup: Lookup): boolean {
  const training = lookup.opset < 12 ? undefined : node.inputs[2];
  if (!training) return true;
  const constant = lookup.constant(training);
  return constant !== undefined && numbers(constant).every((value) => value === 0);
}

/** Gemm: alpha · A′ · B′ + beta · C, where ′ transposes if asked to. */
export interface Gemm {
  readonly alpha: number;
  readonly beta: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Of a Gemm; a MatMul of matrices is one without factors. */
export const gemmOf = (node: Node): Gemm =>
  node.op === 'MatMul'
    ? { alpha: 1, beta: 1, transA: false, transB: false }
    : {
        alpha: float(node, 'alpha', 1),
        beta: float(node, 'beta', 1),
        transA: flag(node, 'transA'),
        transB: flag(node, 'transB'),
      };
