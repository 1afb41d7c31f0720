/**
 * How a node of ONNX is read. The files of this folder hold one typed view for each kind of operator: attributes and
 * constant inputs with their defaults, their meaning in the opset of the graph, and their validity. Shape inference, rules,
 * rewrites and the compiler read nodes through these views, so that one node means one thing to all of them.
 *
 * A view needs the node and three small questions about the values around it ({@link Lookup}), not a graph. What depends
 * on a value that is computed at run time is `'run-time'`. A node that breaks the operator's specification (an attribute of
 * another kind, a float where an index belongs) is a user's mistake and throws onnx/graph or shape/mismatch.
 */

import { fail } from '../../base/errors.ts';
import type { Attribute, Dim, Graph, Node } from '../graph.ts';
import { elementCount, numbers, type Tensor } from '../tensor.ts';

/** What a view may ask about the values around a node. */
export interface Lookup {
  /** Version of the operator domain of the node. */
  readonly opset: number;
  /** Undefined while the rank is not known. */
  shape(value: string): readonly Dim[] | undefined;
  constant(value: string): Tensor | undefined;
  /** A short list of integers of which only some are numbers. Shape inference alone knows such lists. */
  elements?(value: string): readonly Dim[] | undefined;
}

export const lookupOf = (graph: Graph): Lookup => ({
  opset: graph.opsets[''] ?? 1,
  shape: (value) => graph.values.get(value)?.shape,
  constant: (value) => graph.constants.get(value),
});

/** A list that a node takes from a constant or an attribute, or that is not known before run time. */
export type List<Element = number> = readonly Element[] | 'run-time';

/** A list, where it is known before run time. */
export const known = <Element>(list: List<Element> | undefined): readonly Element[] | undefined =>
  list === 'run-time' ? undefined : list;

/** Lists that operators take (axes, pads, sizes) are short: longer ones are not read. */
const longestList = 1024;

/** @throws onnx/graph */
export const malformed = (node: Node, message: string, actual?: string | number): never =>
  fail(
    'onnx/graph',
    `${node.op}: ${message}`,
    { node: node.name },
    { ...(actual !== undefined && { actual: short(actual) }) },
  );

/** @throws shape/mismatch */
export const mismatch = (node: Node, message: string, expected?: string | number, actual?: string | number): never =>
  fail(
    'shape/mismatch',
    `${node.op}: ${message}`,
    { node: node.name },
    {
      ...(expected !== undefined && { expected: short(expected) }),
      ...(actual !== undefined && { actual: short(actual) }),
    },
  );

/** A hostile list may be endless; a message is not. */
const short = (text: string | number): string => {
  const whole = String(text);
  return whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
};

type Values = { readonly [A in Attribute as A['kind']]: A['value'] };

function attribute<Kind extends keyof Values>(node: Node, name: string, kind: Kind): Values[Kind] | undefined {
  const found = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
  if (found === undefined) return undefined;
  if (found.kind !== kind) return malformed(node, `the attribute ${name} is of another kind than ${kind}`, found.kind);
  return found.value as Values[Kind];
}

export function int(node: Node, name: string, otherwise: number): number {
  const value = attribute(node, name, 'int') ?? otherwise;
  return Number.isInteger(value) ? value : malformed(node, `the attribute ${name} is no integer`, value);
}

export const optionalInt = (node: Node, name: string): number | undefined =>
  node.attributes[name] === undefined ? undefined : int(node, name, 0);

export const flag = (node: Node, name: string, otherwise = false): boolean => int(node, name, Number(otherwise)) !== 0;

/** Whole numbers are floats as well: printed graphs do not tell them apart. */
export const float = (node: Node, name: string, otherwise: number): number =>
  node.attributes[name]?.kind === 'int' ? int(node, name, otherwise) : (attribute(node, name, 'float') ?? otherwise);

export const string = (node: Node, name: string, otherwise: string): string =>
  attribute(node, name, 'string') ?? otherwise;

/** A string attribute that is one of a few. @throws onnx/graph */
export function choice<Value extends string>(
  node: Node,
  name: string,
  values: readonly Value[],
  otherwise: Value,
): Value {
  const given = string(node, name, otherwise);
  return values.find((value) => value === given) ?? malformed(node, `${name} is unknown`, given);
}

export function ints(node: Node, name: string): readonly number[] | undefined {
  const values = attribute(node, name, 'ints');
  if (values?.every(Number.isInteger) === false) return malformed(node, `${name} are no integers`, values.join(', '));
  return values;
}

export const floats = (node: Node, name: string): readonly number[] | undefined => attribute(node, name, 'floats');

export const tensor = (node: Node, name: string): Tensor | undefined => attribute(node, name, 'tensor');

/** Whether the optional input is given. */
export const has = (node: Node, index: number): boolean => Boolean(node.inputs[index]);

/** The elements of a short constant input, whatever its type; undefined where the input is absent. */
export function inputNumbers(node: Node, lookup: Lookup, index: number): List | undefined {
  const name = node.inputs[index];
  if (!name) return undefined;
  const constant = lookup.constant(name);
  if (constant === undefined || constant.dtype === 'string') return 'run-time';
  return elementCount(constant.shape) <= longestList ? numbers(constant) : 'run-time';
}

/** The elements of a short constant input of integers. @throws onnx/graph when it holds anything else */
export function inputInts(node: Node, lookup: Lookup, index: number): List | undefined {
  const constant = lookup.constant(node.inputs[index] ?? '');
  if (constant !== undefined && !integerTypes.has(constant.dtype)) {
    return malformed(node, `input ${index + 1} holds no integers`, constant.dtype);
  }
  return inputNumbers(node, lookup, index);
}

const integerTypes: ReadonlySet<string> = new Set([
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
]);

/** The same, where elements that are not known are symbols. */
export function inputDims(node: Node, lookup: Lookup, index: number): List<Dim> | undefined {
  const known = inputInts(node, lookup, index);
  return known === 'run-time' ? (lookup.elements?.(node.inputs[index]!) ?? known) : known;
}

/** A list that is an input in newer opsets and was an attribute in older ones. */
export const listed = (node: Node, lookup: Lookup, name: string, index: number): List | undefined =>
  has(node, index) ? inputInts(node, lookup, index) : ints(node, name);

/** An axis counted from the front; ONNX counts negative ones from the end. @throws shape/mismatch */
export function axisIn(node: Node, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    return mismatch(node, "the axis is not one of the input's", `${-rank} to ${rank - 1}`, axis);
  }
  return positive;
}

/** The attribute `axis`, counted from the front. */
export const axisOf = (node: Node, rank: number, otherwise: number): number =>
  axisIn(node, int(node, 'axis', otherwise), rank);
