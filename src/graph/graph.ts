/**
 * The Graph that every pass works on: ONNX's own graph as plain readonly data, with every type and shape resolved
 * that could be. A pass takes a Graph and gives a new one; nothing is changed in place. Names are the user's: a node
 * remembers the nodes of the original model it came from (`origin`), so that every later number can be traced back.
 */

import type { DataType } from '../base/data-type.ts';
import type { Tensor } from './tensor.ts';

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph };

export interface Node {
  /** Unique in the graph; made up (`Conv_12`) where the model gives none. */
  readonly name: string;
  /** ONNX's spelling: `Conv`, `MaxPool`. */
  readonly op: string;
  /** '' is ONNX's default domain. */
  readonly domain: string;
  /** Value names; '' marks an absent optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Names of the nodes of the original model that this node stands for; [name] as read. */
  readonly origin: readonly string[];
}

/** A dimension is a number, or the name of a symbol that is not bound yet. */
export type Dim = number | string;

export interface ValueType {
  readonly dtype: DataType;
  /** Absent while the rank is not known. */
  readonly shape?: readonly Dim[];
}

export interface Graph {
  readonly name: string;
  /** Opset version of each operator domain; '' is the default one. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Names of the run-time inputs, in order; initializers are not among them. Types are in `values`. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** In topological order. */
  readonly nodes: readonly Node[];
  /** Constants: the model's initializers, its `Constant` nodes, and what folding made. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The type of every value whose type is known, constants included. */
  readonly values: ReadonlyMap<string, ValueType>;
  /**
   * The INT8 scales that the model itself states: value → scale, real = scale × integer. Absent where it states none: its ranges
   * are found by calibration.
   */
  readonly scales?: ReadonlyMap<string, number>;
}

/** The one node that produces a value, if a node does. */
export const producers = (graph: Graph): ReadonlyMap<string, Node> =>
  new Map(
    graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map((name) => [name, node] as const)),
  );

/**
 * The values that a node reads: its inputs, and what its subgraphs capture. Without '' and without repetition. The
 * subgraphs of If, Loop and Scan read values of the graphs around them by name; who removes or cuts nodes has to count
 * those as uses.
 */
export function readsOf(node: Node): readonly string[] {
  const names = new Set(node.inputs.filter((name) => name !== ''));
  for (const attribute of Object.values(node.attributes)) {
    if (attribute.kind === 'graph') for (const name of capturesOf(attribute.value)) names.add(name);
  }
  return [...names];
}

/** The values that a subgraph takes from outside, in the order in which it reads them. */
export function capturesOf(graph: Graph): readonly string[] {
  const defined = new Set([...graph.inputs, ...graph.constants.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs];
  return [...new Set(read)].filter((name) => !defined.has(name));
}

/** The nodes that read a value, in a subgraph too, in graph order; a node appears once however often it does. */
export function consumers(graph: Graph): ReadonlyMap<string, readonly Node[]> {
  const map = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const value of readsOf(node)) {
      const list = map.get(value);
      if (list) list.push(node);
      else map.set(value, [node]);
    }
  }
  return map;
}

/** Whether a node, or the caller, reads a value. */
export const isRead = (graph: Graph, value: string): boolean =>
  graph.outputs.includes(value) || graph.nodes.some((node) => readsOf(node).includes(value));

/** The shape of a value when every dimension is a number; undefined otherwise. */
export function staticShape(graph: Graph, value: string): readonly number[] | undefined {
  const shape = graph.values.get(value)?.shape;
  return shape?.every((dim) => typeof dim === 'number') ? (shape as readonly number[]) : undefined;
}

/** The batch of a network: the first dimension of its first input; 1 where that is not known. */
export const batchOf = (graph: Graph): number => {
  const [input] = graph.inputs;
  return (input === undefined ? undefined : staticShape(graph, input)?.[0]) ?? 1;
};
