/**
 * QuantizeLinear and DequantizeLinear, integer = round(real / scale) + zero point, and the operators that compute on such integers
 * (QLinearConv and its kin), which carry scale and zero point of everything that they read and give among their inputs.
 */

import type { DataType } from '../../base/data-type.ts';
import type { Node } from '../graph.ts';
import { elementCount, numbers, type Tensor } from '../tensor.ts';
import { axisOf, int, type Lookup } from './read.ts';

/** How integers stand for real numbers. */
export interface Quantization {
  /** One, or one for each position along `axis`. */
  readonly scale: Tensor;
  /** As many as scales; all zero where absent. */
  readonly zero?: Tensor;
}

/** Whether a node is ONNX's own, or of ONNX Runtime's contributed operators, which have these two in more types. */
const quantizes = (node: Node, op: string): boolean =>
  node.op === op && (node.domain === '' || node.domain === 'com.microsoft');

export const isQuantize = (node: Node): boolean => quantizes(node, 'QuantizeLinear');
export const isDequantize = (node: Node): boolean => quantizes(node, 'DequantizeLinear');

/** The scale and zero point of which a node names the scale at an input; undefined where they are computed at run time. */
export function quantizationAt(
  node: Node,
  { constant }: Pick<Lookup, 'constant'>,
  at: number,
): Quantization | undefined {
  const scale = constant(node.inputs[at] ?? '');
  const zeroInput = node.inputs[at + 1];
  const zero = zeroInput ? constant(zeroInput) : undefined;
  if (scale === undefined || scale.dtype === 'string' || (zeroInput && zero === undefined)) return undefined;
  return { scale, ...(zero && { zero }) };
}

/** Whether one scale holds for the whole tensor. */
export const isPerTensor = ({ scale }: Quantization): boolean => elementCount(scale.shape) === 1;

/**
 * By element of a tensor of a shape, which of the scales of a QuantizeLinear or DequantizeLinear it has; undefined for scales in
 * blocks, and where their number does not fit.
 */
export function scaleAxis(node: Node, shape: readonly number[], scale: Tensor): number | 'tensor' | undefined {
  if (int(node, 'block_size', 0) !== 0) return undefined;
  if (elementCount(scale.shape) === 1) return 'tensor';
  const axis = axisOf(node, shape.length, 1);
  return scale.shape.length === 1 && scale.shape[0] === shape[axis] ? axis : undefined;
}

/** Whether integers of a type with these zero points are what the DLA has: int8, zero point 0. */
export function isSymmetricInt8(dtype: DataType | undefined, zero: Tensor | undefined): boolean {
  return dtype === 'int8' && (zero === undefined || numbers(zero).every((value) => value === 0));
}

interface Operand {
  readonly value: number;
  readonly scale: number;
}

/** An operator on integers as the one on real numbers that it stands for. */
export interface IntegerOperator {
  readonly op: string;
  readonly operands: (node: Node) => readonly Operand[];
  /** Input of the result's scale, its zero point next to it; a result in floating point where the node has no such input. */
  readonly result: number;
  /** Input of a bias in int32, at the product of the scales of the first two operands. */
  readonly bias?: number;
}

const first: Operand = { value: 0, scale: 1 };
const second: Operand = { value: 3, scale: 4 };
const two = { operands: () => [first, second], result: 6 } as const;
const one = { operands: () => [first], result: 3 } as const;

const integerOperators: Readonly<Record<string, Readonly<Record<string, IntegerOperator>>>> = {
  '': {
    QLinearConv: { op: 'Conv', ...two, bias: 8 },
    QLinearMatMul: { op: 'MatMul', ...two },
  },
  'com.microsoft': {
    QGemm: { op: 'Gemm', operands: () => [first, second], result: 7, bias: 6 },
    QLinearAdd: { op: 'Add', ...two },
    QLinearMul: { op: 'Mul', ...two },
    QLinearSigmoid: { op: 'Sigmoid', ...one },
    QLinearLeakyRelu: { op: 'LeakyRelu', ...one },
    QLinearSoftmax: { op: 'Softmax', ...one },
    QLinearAveragePool: { op: 'AveragePool', ...one },
    QLinearGlobalAveragePool: { op: 'GlobalAveragePool', ...one },
    QLinearReduceMean: { op: 'ReduceMean', ...one },
    QLinearConcat: {
      op: 'Concat',
      operands: ({ inputs }) =>
        Array.from({ length: Math.floor((inputs.length - 2) / 3) }, (_, index) => ({
          value: 2 + 3 * index,
          scale: 3 + 3 * index,
        })),
      result: 0,
    },
  },
};

/** Their names. */
export const integerOperatorNames: readonly string[] = Object.values(integerOperators).flatMap(Object.keys);

/** What an operator on integers stands for; undefined for every other node, and where channels come last. */
export function integerOperator(node: Node): IntegerOperator | undefined {
  const found = Object.hasOwn(integerOperators, node.domain) ? integerOperators[node.domain]! : {};
  if (!Object.hasOwn(found, node.op) || int(node, 'channels_last', 0) !== 0) return undefined;
  return found[node.op];
}
