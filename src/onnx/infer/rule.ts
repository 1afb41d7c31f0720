/**
 * Shape inference, one function per operator. A function sees the types of the inputs that are known, the constants among
 * them, and what is known of small integer tensors (a shape computed from a symbolic shape is half known); it gives the
 * types of the outputs. A dimension it cannot tell is a fresh symbol; a rank it cannot tell is no shape at all.
 */

import type { DataType } from '../../base/data-type.ts';
import { fail } from '../../base/errors.ts';
import {
  type Dim,
  floatAttribute,
  intAttribute,
  intsAttribute,
  type Node,
  stringAttribute,
  type ValueType,
} from '../../graph/graph.ts';
import { elementCount, numbers, type Tensor } from '../../graph/tensor.ts';
import { requireDataType } from '../data-type.ts';

/** Lists that shapes depend on (axes, pads, sizes) are short. */
const maxElements = 1024;

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
  readonly #known: Known;

  constructor(node: Node, opset: number, known: Known) {
    this.node = node;
    this.opset = opset;
    this.#known = known;
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

  /** The elements of a small constant input, whatever its type. */
  values(index: number): readonly number[] | undefined {
    const tensor = this.constant(index);
    return tensor && tensor.dtype !== 'string' && elementCount(tensor.shape) <= maxElements
      ? numbers(tensor)
      : undefined;
  }

  /** The elements of an integer input, where an unknown element is a symbol. */
  dims(index: number): readonly Dim[] | undefined {
    const name = this.node.inputs[index];
    return this.values(index) ?? (name ? this.#known.partial.get(name) : undefined);
  }

  int(name: string, otherwise: number): number {
    return intAttribute(this.node, name, otherwise);
  }

  float(name: string, otherwise: number): number {
    return floatAttribute(this.node, name, otherwise);
  }

  /** A type that an attribute names by number. @throws onnx/dtype */
  dataType(name: string, otherwise: number): DataType {
    return requireDataType(this.int(name, otherwise), { node: this.node.name });
  }

  ints(name: string): readonly number[] | undefined {
    return intsAttribute(this.node, name);
  }

  string(name: string, otherwise: string): string {
    return stringAttribute(this.node, name, otherwise);
  }

  /** A dimension that nothing is known of. Its name tells where it comes from, and is nobody else's. */
  unknown(axis: number, output = 0): string {
    return `${this.node.outputs[output] ?? this.node.name}[${axis}]`;
  }

  /** A shape of which only the rank is known. */
  unknownShape(rank: number, output = 0): readonly Dim[] {
    return Array.from({ length: rank }, (_, axis) => this.unknown(axis, output));
  }

  /** An axis counted from the end becomes one counted from the start. @throws shape/mismatch */
  axis(axis: number, rank: number, name = 'axis'): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
      this.mismatch(`the ${name} is not one of the input's`, `${-rank} to ${rank - 1}`, axis);
    }
    return positive;
  }

  /** @throws shape/mismatch */
  mismatch(message: string, expected?: string | number, actual?: string | number): never {
    return fail(
      'shape/mismatch',
      `${this.node.op}: ${message}`,
      { node: this.node.name },
      {
        ...(expected !== undefined && { expected: short(expected) }),
        ...(actual !== undefined && { actual: short(actual) }),
      },
    );
  }

  /** @throws onnx/graph */
  badAttribute(message: string, actual?: string | number): never {
    return fail(
      'onnx/graph',
      `${this.node.op}: ${message}`,
      { node: this.node.name },
      { ...(actual !== undefined && { actual: short(actual) }) },
    );
  }
}

/** A hostile list may be endless; a message is not. */
const short = (text: string | number): string => {
  const whole = String(text);
  return whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
};

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
