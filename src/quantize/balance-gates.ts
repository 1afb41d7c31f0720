/**
 * Gates under the equal-range rule. A squeeze-and-excitation block multiplies a feature map by one number per channel that
 * lies between 0 and 1: Mul(x, gate). Both operands of an element-wise operation must have the same range
 * (docs/hardware/orin.md#int8-ranges), so that a gate beside features of ±1,000 has a step of 8: every gate becomes 0,
 * and nothing is left of the block's output.
 *
 * The cure is a factor k, the ratio of the two ranges: Mul(x, k · gate) · 1/k. The scaled gate has the range of x and
 * keeps all its levels; the features are not touched. Both factors are Scale layers that fuse into their neighbours.
 *
 * What bounds a gate is known from its operator (Clip, Sigmoid); that also serves where a calibration cache holds the scales
 * after the equal-range rules.
 */

import { type Graph, type Node, producers, staticShape, type ValueType } from '../graph/graph.ts';
import { clipBounds } from '../graph/operators/point.ts';
import { lookupOf } from '../graph/operators/read.ts';
import { elementCount, float32Tensor } from '../graph/tensor.ts';
import { equalizeRanges } from './equalize-ranges.ts';

export interface BalancedGates {
  readonly graph: Graph;
  readonly scales: ReadonlyMap<string, number>;
  /** Names of the multiplications whose gates were scaled, in order. */
  readonly gates: readonly string[];
}

/** Gates that lose no more than this factor keep the range of the features. */
const tolerated = 2;

interface Gate {
  readonly features: string;
  readonly gate: string;
  /** The scale that the gate needs by itself. */
  readonly scale: number;
}

/**
 * Scales are as calibrated, or after the equal-range rules; scales of new values are added.
 * @param keptWithout as for {@link equalizeRanges}
 */
export function balanceGates(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  keptWithout: ReadonlySet<string> = new Set(),
): BalancedGates {
  const found = new Map<Node, Gate>();
  const made = producers(graph);
  for (const node of graph.nodes) {
    const gate = gateOf(node, graph, made, scales);
    if (gate) found.set(node, gate);
  }
  if (found.size === 0) return { graph, scales, gates: [] };
  const own = new Map(scales);
  for (const { gate, scale } of found.values()) own.set(gate, scale);
  const equal = equalizeRanges(graph, own, keptWithout).scales;

  const nodes: Node[] = [];
  const constants = new Map(graph.constants);
  const values = new Map(graph.values);
  const result = new Map(scales);
  const gates: string[] = [];
  const taken = new Set([...graph.values.keys(), ...graph.constants.keys(), ...graph.nodes.map(({ name }) => name)]);
  const fresh = (base: string): string => {
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base}${number}`;
    taken.add(name);
    return name;
  };
  const add = (map: { set(name: string, value: ValueType): void }, name: string, like: string): string => {
    const type = graph.values.get(like);
    if (type) map.set(name, type);
    return name;
  };
  const constant = (name: string, value: number): string => {
    const tensor = float32Tensor([], [value]);
    constants.set(name, tensor);
    values.set(name, { dtype: tensor.dtype, shape: [] });
    return name;
  };

  for (const node of graph.nodes) {
    const gate = found.get(node);
    const target = equal.get(gate?.features ?? '');
    if (!gate || target === undefined || !(target > tolerated * gate.scale)) {
      nodes.push(node);
      continue;
    }
    const factor = Math.fround(target / gate.scale);
    const [output] = node.outputs as [string];
    const larger = add(values, fresh(`${gate.gate}:scaled`), gate.gate);
    const product = add(values, fresh(`${output}:scaled`), output);
    const up = constant(fresh(`${node.name}:factor`), factor);
    const down = constant(fresh(`${node.name}:inverse`), 1 / factor);
    const scaling = { op: 'Mul', domain: '', attributes: {}, origin: node.origin };
    nodes.push(
      { ...scaling, name: fresh(`${node.name}:gate`), inputs: [gate.gate, up], outputs: [larger] },
      {
        ...node,
        inputs: node.inputs.map((input) => (input === gate.gate ? larger : input)),
        outputs: [product],
      },
      { ...scaling, name: fresh(`${node.name}:restore`), inputs: [product, down], outputs: [output] },
    );
    result.set(gate.gate, gate.scale);
    result.set(larger, target);
    const outputScale = scales.get(output);
    if (outputScale !== undefined) result.set(product, Math.fround(outputScale * factor));
    gates.push(node.name);
  }
  return gates.length === 0
    ? { graph, scales, gates }
    : { graph: { ...graph, nodes, constants, values }, scales: result, gates };
}

/** A product of a feature map and one bounded number per channel of it. */
function gateOf(
  node: Node,
  graph: Graph,
  made: ReadonlyMap<string, Node>,
  scales: ReadonlyMap<string, number>,
): Gate | undefined {
  if (node.op !== 'Mul' || node.domain !== '' || node.inputs.length !== 2) return undefined;
  const [a, b] = node.inputs as [string, string];
  for (const [features, gate] of [
    [a, b],
    [b, a],
  ] as const) {
    const [map, perChannel] = [staticShape(graph, features), staticShape(graph, gate)];
    const producer = made.get(gate);
    const scale = scales.get(gate);
    if (graph.values.get(gate)?.dtype !== 'float32' || graph.constants.has(features)) continue;
    if (map?.length !== 4 || perChannel?.length !== 4 || !producer || scale === undefined || !(scale > 0)) continue;
    if (perChannel[2] !== 1 || perChannel[3] !== 1 || elementCount(map) <= elementCount(perChannel)) continue;
    const bound = boundOf(producer, graph);
    if (bound !== undefined) return { features, gate, scale: Math.min(scale, Math.fround(bound / 127)) };
  }
  return undefined;
}

/** The largest magnitude that an operator can give, when it has one. */
function boundOf(node: Node, graph: Graph): number | undefined {
  if (node.domain !== '') return undefined;
  if (node.op === 'Sigmoid') return 1;
  if (node.op !== 'Clip') return undefined;
  const { min, max } = clipBounds(node, lookupOf(graph));
  if (min === 'run-time' || max === 'run-time') return undefined;
  const bound = Math.max(Math.abs(min), Math.abs(max));
  return Number.isFinite(bound) && bound > 0 ? bound : undefined;
}
