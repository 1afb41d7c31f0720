/** How a network stands on a target: what is compared when a rewrite is to bring something. */

import { type Graph, type Node, staticShape } from '../graph/graph.ts';
import { cubeOf } from '../support/rules/nvdla/base.ts';
import type { CheckResult } from '../support/verdict.ts';
import { isReshape } from './pattern.ts';

/** Less is better; an earlier number weighs more than all later ones together. */
export type Standing = readonly [macsOffDla: number, nodesOffDla: number, loadables: number];

export const standingOf = (graph: Graph, { macs, verdicts, segments, elsewhere }: CheckResult): Standing => [
  macs.total - macs.dla,
  graph.nodes.filter((node, index) => verdicts[index]!.placement === elsewhere && !endsNetwork(node, graph)).length,
  segments.filter(({ kind }) => kind === 'dla').length,
];

/** Whether a node is a reshape at an output that moves nothing, [N, C, 1, 1] to [N, C]: the network for the board ends before it. */
export function endsNetwork(node: Node, graph: Graph): boolean {
  if (!isReshape(node) || graph.nodes.some(({ inputs }) => inputs.includes(node.outputs[0]!))) return false;
  const [from, to] = [node.inputs[0], node.outputs[0]].map((value) => cubeOf(staticShape(graph, value ?? '')));
  return from !== undefined && from.join() === to?.join();
}

export function isWorse(standing: Standing, than: Standing): boolean {
  const differing = standing.findIndex((value, index) => value !== than[index]);
  return differing >= 0 && standing[differing]! > than[differing]!;
}
