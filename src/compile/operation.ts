/**
 * Abstract hardware operations over ONNX values, in real numbers, which the passes of the compiler hand on. `select` makes
 * one or more of each node, `fuse` merges what one launch can do, `place` decides which values share memory, and `emit` turns
 * them into layers with integers in them. Nothing here knows surfaces or addresses.
 */

import { type Graph, type Node, staticShape } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Extent, NearestResize, Padding, Pdp, PixelGrid, Softmax } from '../program/layer.ts';
import type { Shape4 } from '../program/surface.ts';

/** One element, or one per output channel. */
export type ChannelVector = Float64Array;

/** A function of one real number that the hardware looks up in a table of 256 entries. */
interface Table {
  /** The value whose scale the table's index has. */
  readonly input: string;
  readonly evaluate: (x: number) => number;
  /** The ONNX operators that the function is made of: `['Sigmoid', 'Mul']` of SiLU. */
  readonly operators: readonly string[];
}

/** The single-point stage in real numbers, steps in this order: · multiply, + add, ∘ operand, slope, clamp, table. */
export interface Point {
  readonly multiply?: ChannelVector;
  readonly add?: ChannelVector;
  readonly operand?: { readonly op: 'add' | 'sub' | 'mul' | 'max' | 'min'; readonly value: string };
  /** Factor of negative numbers. */
  readonly slope?: ChannelVector;
  readonly low: number;
  readonly high: number;
  readonly table?: Table;
}

/** The stage that changes nothing. */
export const plainPoint: Point = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

export interface Pooling {
  readonly mode: Pdp<unknown>['mode'];
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly padding: Padding;
  readonly countPadding: boolean;
}

export interface ConvShape {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly dilation: Extent;
  readonly padding: Padding;
  readonly groups: number;
  readonly transposed: boolean;
  readonly output: { readonly channels: number; readonly height: number; readonly width: number };
}

interface Common {
  /** The nodes of the graph it stands for, in graph order; the last one names the layer. */
  readonly nodes: readonly Node[];
  readonly output: string;
}

export interface ConvOperation extends Common {
  readonly kind: 'conv';
  readonly input: string;
  readonly shape: ConvShape;
  /** [K, C/groups, R, S]; transposed [C, K/groups, R, S]. */
  readonly weights: Tensor;
  /** One element per output channel. */
  readonly bias?: Tensor;
  readonly point: Point;
  readonly pool?: Pooling;
}

export interface PointOperation extends Common {
  readonly kind: 'point';
  readonly input: string;
  readonly point: Point;
  readonly pool?: Pooling;
}

export interface PoolOperation extends Common {
  readonly kind: 'pool';
  readonly input: string;
  readonly pool: Pooling;
}

/** Local response normalization: x / (bias + alpha / size · Σ x²)^beta over `size` channels around each. */
export interface NormalizeOperation extends Common {
  readonly kind: 'normalize';
  readonly input: string;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

/** e^xᵢ / Σ e^x along one axis. */
interface SoftmaxOperation extends Common {
  readonly kind: 'softmax';
  readonly input: string;
  readonly axis: Softmax<unknown>['axis'];
}

export interface ResizeOperation extends Common {
  readonly kind: 'resize';
  readonly input: string;
  readonly resize:
    | { readonly mode: 'linear'; readonly scale: Extent }
    | Pick<NearestResize<unknown>, 'mode' | 'coordinates' | 'rounding' | 'scale'>;
}

/** Along channels. */
interface ConcatOperation extends Common {
  readonly kind: 'concat';
  readonly inputs: readonly string[];
}

/** A run of channels of the input. */
interface SliceOperation extends Common {
  readonly kind: 'slice';
  readonly input: string;
  readonly channel: number;
}

/** Every step-th row and column of the input, from a first one on. */
export interface CropOperation extends Common {
  readonly kind: 'crop';
  readonly input: string;
  readonly from: PixelGrid;
  /** Size of the result. */
  readonly size: { readonly height: number; readonly width: number };
}

/** One below the other, or side by side. */
interface StackOperation extends Common {
  readonly kind: 'stack';
  readonly inputs: readonly string[];
  readonly axis: 'h' | 'w';
}

/** The same numbers at the same places under another name or shape. */
interface AliasOperation extends Common {
  readonly kind: 'alias';
  readonly input: string;
}

export type Operation =
  | ConvOperation
  | PointOperation
  | PoolOperation
  | NormalizeOperation
  | SoftmaxOperation
  | ResizeOperation
  | ConcatOperation
  | SliceOperation
  | CropOperation
  | StackOperation
  | AliasOperation;

/** The values that an operation reads from memory; one that is read twice appears twice. */
export function readsOf(operation: Operation): readonly string[] {
  if (operation.kind === 'concat' || operation.kind === 'stack') return operation.inputs;
  const operand = operation.kind === 'conv' || operation.kind === 'point' ? operation.point.operand : undefined;
  return operand === undefined ? [operation.input] : [operation.input, operand.value];
}

/** The values whose scale an operation needs: what it reads and writes, and the index of its table. */
export function scaledValues(operation: Operation): readonly string[] {
  const table = operation.kind === 'conv' || operation.kind === 'point' ? operation.point.table : undefined;
  return [...readsOf(operation), operation.output, ...(table === undefined ? [] : [table.input])];
}

export const lastNode = (operation: Operation): Node => operation.nodes.at(-1)!;

/** [N, C, H, W] of a value: as it is with four dimensions, [N, C] as N×C×1×1; undefined for any other. */
export function surfaceShape(graph: Graph, value: string): Shape4 | undefined {
  const shape = staticShape(graph, value);
  if (shape === undefined || shape.some((dim) => dim < 1)) return undefined;
  if (shape.length === 4) return [shape[0]!, shape[1]!, shape[2]!, shape[3]!];
  return shape.length === 2 ? [shape[0]!, shape[1]!, 1, 1] : undefined;
}

/** Why a node whose values have no surface shape is not emulated. */
export const noShape = 'its input or output does not have four static dimensions';

/** A list of two spatial axes. */
export const extent = (list: readonly number[]): Extent => ({ h: list[0]!, w: list[1]! });

/** ONNX's `pads` of two spatial axes: both begins, then both ends. */
export const padding = (pads: readonly number[]): Padding => ({
  top: pads[0]!,
  left: pads[1]!,
  bottom: pads[2]!,
  right: pads[3]!,
});
