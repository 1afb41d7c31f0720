/** What passes ask of the surroundings of a node: constants, per-channel vectors, shapes, reshapes. */

import type { Attribute, Dim, Node } from '../graph/graph.ts';
import { isPerChannel } from '../graph/operators/broadcast.ts';
import { groupsOf } from '../graph/operators/window.ts';
import {
  computedTensor,
  elementCount,
  float32Tensor,
  float32Values,
  readFloat32,
  type Tensor,
} from '../graph/tensor.ts';
import { multipliedScales } from '../graph/weight-scales.ts';
import type { NewNode, View } from './pass.ts';

export const int = (value: number): Attribute => ({ kind: 'int', value });
const float = (value: number): Attribute => ({ kind: 'float', value });
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });

/** Whether a node is one of ONNX's own operators with one of these names. */
export const isOp = <Op extends string>(
  node: Node | undefined,
  ...ops: readonly Op[]
): node is Node & { readonly op: Op } =>
  node !== undefined &&
  (node.domain === '' || node.domain === 'ai.onnx') &&
  (ops as readonly string[]).includes(node.op);

/** A float32 constant; undefined for anything else. */
export function floatConstant(view: Pick<View, 'constant'>, value: string | undefined): Tensor | undefined {
  const tensor = value ? view.constant(value) : undefined;
  return tensor?.dtype === 'float32' ? tensor : undefined;
}

export const sameShape = (a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean =>
  a !== undefined && b !== undefined && a.length === b.length && a.every((dim, index) => dim === b[index]);

/** [N, C, H, W] of which C, H and W are numbers. */
export function imageShape(
  view: View,
  value: string,
): { readonly n: Dim; readonly c: number; readonly h: number; readonly w: number } | undefined {
  const shape = view.shape(value);
  if (shape?.length !== 4) return undefined;
  const [n, c, h, w] = shape as readonly [Dim, Dim, Dim, Dim];
  return typeof c === 'number' && typeof h === 'number' && typeof w === 'number' ? { n, c, h, w } : undefined;
}

/**
 * The values of a float32 constant that is broadcast over data of the given shape along the channel axis (1) only:
 * one value, or one for each channel. Undefined when it varies along another axis or would widen the data.
 */
export function channelVector(
  view: View,
  value: string | undefined,
  data: readonly Dim[] | undefined,
): Float32Array | undefined {
  const tensor = floatConstant(view, value);
  return tensor && data && isPerChannel(tensor.shape, data) ? float32Values(tensor) : undefined;
}

/** A constant that multiplies or shifts the channels of data of a rank: a scalar, or [1, C, 1, …]. */
export const channelTensor = (values: ArrayLike<number>, rank: number): Tensor =>
  values.length === 1
    ? float32Tensor([], values)
    : float32Tensor(
        Array.from({ length: rank }, (_, axis) => (axis === 1 ? values.length : 1)),
        values,
      );

/** `Mul` or `Add` of data and a per-channel constant, whichever operand the constant is. */
export function channelOperation(
  view: View,
  node: Node | undefined,
):
  | { readonly node: Node; readonly op: 'Mul' | 'Add'; readonly data: string; readonly values: Float32Array }
  | undefined {
  if (!isOp(node, 'Mul', 'Add')) return undefined;
  const [a = '', b = ''] = node.inputs;
  for (const [data, constant] of [
    [a, b],
    [b, a],
  ] as const) {
    if (view.constant(data)) continue;
    const values = channelVector(view, constant, view.shape(data));
    if (values) return { node, op: node.op as 'Mul' | 'Add', data, values };
  }
  return undefined;
}

/** Element `channel` of a vector that has one element, or one for each channel. */
export const perChannel = (values: ArrayLike<number>, channel: number): number =>
  (values.length === 1 ? values[0] : values[channel])!;

export const allFinite = (values: Float32Array | Float64Array): boolean =>
  values.every((value) => Number.isFinite(value));

/** A Clip in the form of the graph's opset; an infinite bound is left out. */
export function clipNode(
  view: View,
  name: string,
  data: string,
  output: string,
  min: number,
  max: number,
): { readonly node: NewNode; readonly constants: readonly (readonly [string, Tensor])[] } {
  const common = { name, op: 'Clip', outputs: [output] };
  if (view.opset < 11) {
    const attributes = {
      ...(Number.isFinite(min) && { min: float(min) }),
      ...(Number.isFinite(max) && { max: float(max) }),
    };
    return { node: { ...common, inputs: [data], attributes }, constants: [] };
  }
  const sides = [
    ['min', min],
    ['max', max],
  ] as const;
  const constants = sides
    .filter(([, value]) => Number.isFinite(value))
    .map(([side, value]) => ({ side, name: view.fresh(name, side), tensor: float32Tensor([], [value]) }));
  const input = (side: string) => constants.find((constant) => constant.side === side)?.name ?? '';
  const inputs = input('max') ? [data, input('min'), input('max')] : [data, input('min')];
  return { node: { ...common, inputs }, constants: constants.map((constant) => [constant.name, constant.tensor]) };
}

/** A node that only gives its input another shape; elements keep their order. */
export const isReshape = (
  node: Node | undefined,
): node is Node & { readonly op: 'Reshape' | 'Flatten' | 'Squeeze' | 'Unsqueeze' } =>
  isOp(node, 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze');

/** Weights of a Conv or ConvTranspose with its bias, where both are float32 constants. */
export interface ConvWeights {
  readonly weights: Tensor;
  readonly bias: Float32Array | undefined;
  readonly outputs: number;
}

export function convWeights(view: View, node: Node): ConvWeights | undefined {
  const weights = floatConstant(view, node.inputs[1]);
  const biasName = node.inputs[2];
  const bias = floatConstant(view, biasName);
  if (!weights || weights.shape.length < 3 || (biasName && !bias)) return undefined;
  const outputs = node.op === 'ConvTranspose' ? weights.shape[1]! * groupsOf(node) : weights.shape[0]!;
  return { weights, bias: bias && float32Values(bias), outputs };
}

/** Multiplies the weights of each output channel by a factor, in float64, and rounds once. */
export function scaleOutputs(node: Node, weights: Tensor, factor: (channel: number) => number): Tensor {
  const { shape } = weights;
  const taps = shape.slice(2).reduce((product, dim) => product * dim, 1);
  const transposed = node.op === 'ConvTranspose';
  const perGroup = transposed ? shape[1]! : 0;
  const inputsPerGroup = transposed ? shape[0]! / groupsOf(node) : 0;
  // Elements that share a factor: all of a kernel, or (transposed) those of one input channel.
  const run = transposed ? taps : taps * shape[1]!;
  const channelOf = (row: number) =>
    transposed ? Math.floor(Math.floor(row / perGroup) / inputsPerGroup) * perGroup + (row % perGroup) : row;
  const factors = new Float64Array(elementCount(shape) / run).map((_, row) => factor(channelOf(row)));
  // The outputs of a transposed convolution in groups are not the positions of one axis.
  const own = transposed && groupsOf(node) > 1 ? undefined : weights.scales;
  const scales = own && multipliedScales(own, shape, transposed ? 1 : 0, factor);
  return computedTensor(
    shape,
    (start, into) => {
      readFloat32(weights, start, into);
      for (let at = 0, row = Math.floor(start / run); at < into.length; row++) {
        const end = Math.min((row + 1) * run - start, into.length);
        scaleRun(into, at, end, factors[row]!);
        at = end;
      }
    },
    scales,
  );
}

/** A function of its own, two elements at a time, so that engines compile its loop well. */
function scaleRun(values: Float32Array, start: number, end: number, by: number): void {
  let at = start;
  for (; at + 2 <= end; at += 2) {
    values[at] = values[at]! * by;
    values[at + 1] = values[at + 1]! * by;
  }
  if (at < end) values[at] = values[at]! * by;
}
