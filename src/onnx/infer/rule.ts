/**
 * Shape inference, one function per operator. A function sees the types of the inputs that are known, the constants among
 * them, and what is known of small integer tensors (a shape computed from a symbolic shape is half known); it gives the
 * types of the outputs. A dimension it cannot tell is a fresh symbol; a rank it cannot tell is no shape at all.
 */

import type { DataType } from '../../base/data-type.ts';
import type { Dim, Node, ValueType } from '../../graph/graph.ts';
import { broadcastShape } from '../../graph/operators/broadcast.ts';
import { inputDims, int, known, type Lookup, malformed, mismatch } from '../../graph/operators/read.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { requireDataType } from '../data-type.ts';

export type OutputTypes = readonly (ValueType | undefined)[];

export type InferRule = (context: InferContext) => OutputTypes;

/** A table of rules by operator name. */
export type InferRules = Readonly<Record<string, InferRule>>;

export interface Known {
  readonly types: ReadonlyMap<string, ValueType>;
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Integer scalars and lists of which only some elements are numbers. */
  readonly partial: ReadonlyMap<string, readonly Dim[]>;
}

/** What a rule may ask about one node. Inputs are asked for by position. */
export class InferContext {
  readonly node: Node;
  readonly opset: number;
  /** For the views of graph/operators. */
  readonly lookup: Lookup;
  readonly #known: Known;

  constructor(node: Node, opset: number, facts: Known) {
    this.node = node;
    this.opset = opset;
    this.#known = facts;
    this.lookup = {
      opset,
      shape: (value) => facts.types.get(value)?.shape,
      constant: (value) => facts.constants.get(value),
      elements: (value) => facts.partial.get(value),
    };
  }

  has(index: number): boolean {
    return Boolean(this.node.inputs[index]);
  }

  type(index: number): ValueType | undefined {
    const name = this.node.inputs[index];
    return name ? this.#known.types.get(name) : undefined;
  }

  dtype(index: number): DataType | undefined {
    return this.type(index)?.dtype;
  }

  shape(index: number): readonly Dim[] | undefined {
    return this.type(index)?.shape;
  }

  constant(index: number): Tensor | undefined {
    const name = this.node.inputs[index];
    return name ? this.#known.constants.get(name) : undefined;
  }

  /** The elements of an input of integers, where an unknown element is a symbol. @throws onnx/graph for other types */
  dims(index: number): readonly Dim[] | undefined {
    return known(inputDims(this.node, this.lookup, index));
  }

  /** A type that an attribute names by number. @throws onnx/dtype */
  dataType(name: string, otherwise: number): DataType {
    return requireDataType(int(this.node, name, otherwise), { node: this.node.name });
  }

  /** A dimension that nothing is known of. Its unique name says where it comes from. */
  unknown(axis: number, output = 0): string {
    return `${this.node.outputs[output] ?? this.node.name}[${axis}]`;
  }

  /** A shape of which only the rank is known. */
  unknownShape(rank: number, output = 0): readonly Dim[] {
    return Array.from({ length: rank }, (_, axis) => this.unknown(axis, output));
  }

  /** The shape that shapes broadcast to; undefined where one is not known. @throws shape/mismatch */
  broadcast(shapes: readonly (readonly Dim[] | undefined)[]): readonly Dim[] | undefined {
    const known = shapes.flatMap((shape) => (shape === undefined ? [] : [shape]));
    if (known.length < shapes.length) return undefined;
    const result = broadcastShape(known, (axis) => this.unknown(axis));
    return result ?? this.mismatch('the shapes do not broadcast', 'equal or 1', known.map(showShape).join(' and '));
  }

  /** @throws shape/mismatch */
  mismatch(message: string, expected?: string | number, actual?: string | number): never {
    return mismatch(this.node, message, expected, actual);
  }

  /** @throws onnx/graph */
  badAttribute(message: string, actual?: string | number): never {
    return malformed(this.node, message, actual);
  }
}

/** A type whose shape may be absent. */
export function typed(dtype: DataType | undefined, shape: readonly Dim[] | undefined): ValueType | undefined {
  if (dtype === undefined) return undefined;
  return shape === undefined ? { dtype } : { dtype, shape };
}

/** `f(dim)` for a number; a fresh symbol otherwise. */
export const mapDim = (dim: Dim, f: (dim: number) => number, otherwise: Dim): Dim =>
  typeof dim === 'number' ? f(dim) : otherwise;

export const isNumber = (dim: Dim | undefined): dim is number => typeof dim === 'number';

/** The product of dimensions, where every one is a number. */
export function product(dims: readonly Dim[]): number | undefined {
  let result = 1;
  for (const dim of dims) {
    if (typeof dim !== 'number') return undefined;
    result *= dim;
  }
  return result;
}

export const showShape = (shape: readonly Dim[]): string => `[${shape.join(', ')}]`;
