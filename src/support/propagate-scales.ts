/**
 * Scales for tensors that have none, from a neighbour whose numbers they hold: through operators that keep the range of what they
 * read. That is all that can be told without data. A network output is left alone: a scale that is only its neighbour's has cost
 * networks their accuracy (docs/hardware/dla-software.md#missing-scales).
 */

import type { Graph, Node } from '../graph/graph.ts';
import { movesElements, scaledValues } from './equal-ranges.ts';

const bounding = new Set(['Relu', 'Clip', 'MaxPool', 'Concat', 'Pad', 'Dropout']);

/** Whether what a node gives lies in the range of what it reads. */
const keepsRange = (node: Node): boolean => node.domain === '' && (movesElements(node) || bounding.has(node.op));

/** Values that had no scale, each with the one that it gets and the value that it has it from, in the order in which they follow. */
export type PropagatedScales = ReadonlyMap<string, { readonly scale: number; readonly from: string }>;

/** Forwards first, then backwards, until nothing follows any more. */
export function propagateScales(graph: Graph, scales: ReadonlyMap<string, number>): PropagatedScales {
  const scaled = new Set(scaledValues(graph));
  const outputs = new Set(graph.outputs);
  const found = new Map<string, { scale: number; from: string }>();
  const scaleOf = (value: string): number | undefined => found.get(value)?.scale ?? scales.get(value);
  const give = (value: string, from: string): boolean => {
    const scale = scaleOf(from);
    if (scale === undefined || scaleOf(value) !== undefined || !scaled.has(value) || outputs.has(value)) return false;
    found.set(value, { scale, from });
    return true;
  };
  const forwards = (node: Node): boolean => {
    const from = rangeOfInputs(node, scaled, scaleOf);
    return from !== undefined && node.outputs.filter((value) => give(value, from)).length > 0;
  };
  const backwards = (node: Node): boolean => {
    const [output] = node.outputs;
    if (output === undefined || node.outputs.length > 1) return false;
    const read = node.op === 'Concat' ? node.inputs : node.inputs.slice(0, 1);
    return read.filter((value) => give(value, output)).length > 0;
  };
  const nodes = graph.nodes.filter(keepsRange);
  for (let again = true; again; ) {
    const before = found.size;
    for (const node of nodes) forwards(node);
    for (const node of nodes.toReversed()) backwards(node);
    again = found.size > before;
  }
  return found;
}

/** The input whose range holds all that a node reads; undefined where one has no scale. */
function rangeOfInputs(
  node: Node,
  scaled: ReadonlySet<string>,
  scaleOf: (value: string) => number | undefined,
): string | undefined {
  const read = (node.op === 'Concat' ? node.inputs : node.inputs.slice(0, 1)).filter((value) => scaled.has(value));
  if (read.length === 0 || read.some((value) => scaleOf(value) === undefined)) return undefined;
  return read.reduce((most, value) => (scaleOf(value)! > scaleOf(most)! ? value : most));
}
