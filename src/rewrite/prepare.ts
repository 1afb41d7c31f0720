/** Preparing a network for a target: all rewrites, but for those that make it stand worse there. */

import { type Graph, type Node, staticShape } from '../graph/graph.ts';
import { judge } from '../support/check.ts';
import type { CheckOptions } from '../support/rule.ts';
import { cubeOf } from '../support/rules/nvdla/base.ts';
import type { Judgement } from '../support/verdict.ts';
import { float16ToFloat32 } from './passes/float16-to-float32.ts';
import { quantizationToScales } from './passes/quantization-to-scales.ts';
import { isReshape } from './pattern.ts';
import { type Asymmetric, type ReadQuantization, readQuantization } from './quantization/read-quantization.ts';
import { preparePasses, type RewriteResult, rewrite } from './rewrite.ts';

/**
 * The form that goes to the board: also reconstructs operators that the DLA lacks out of those it has. A network never stands
 * worse for it on the target, release and precision that it is prepared for: passes without which it stands better are left
 * out, one after the other, and where nothing helps it stays as it is.
 * @param asymmetric what becomes of integers that the DLA does not have
 */
export function prepare(given: Graph, options: CheckOptions, asymmetric: Asymmetric = 'keep'): RewriteResult {
  const read = asymmetric === 'keep' ? undefined : readQuantized(given, asymmetric);
  const first = read && { graph: read.graph, applied: [{ pass: quantizationToScales.name, nodes: read.nodes }] };
  const graph = first?.graph ?? given;
  const asItIs = standingOf(graph, judge(graph, options));
  const attempt = (names: readonly string[]) => {
    const result = rewrite(graph, { passes: names });
    return { names, result, standing: standingOf(result.graph, judge(result.graph, options)) };
  };
  let best = attempt(preparePasses);
  while (isWorse(best.standing, asItIs)) {
    const { names, result } = best;
    const removable = result.applied.filter(({ pass }) => names.includes(pass));
    if (removable.length === 0) return first ?? { graph, applied: [] };
    best = removable
      .map(({ pass }) => attempt(names.filter((name) => name !== pass)))
      .reduce((a, b) => (isWorse(a.standing, b.standing) ? b : a));
  }
  return first ? { ...best.result, applied: [...first.applied, ...best.result.applied] } : best.result;
}

/** A network of any float type with its quantization read; undefined where there is none. */
export function readQuantized(graph: Graph, asymmetric?: Asymmetric): ReadQuantization | undefined {
  return readQuantization(float16ToFloat32.rewrite(graph)?.graph ?? graph, asymmetric);
}

/** How a network stands on a target. Less is better; an earlier number weighs more than all later ones together. */
export type Standing = readonly [macsOffDla: number, nodesOffDla: number, loadables: number];

export function standingOf(graph: Graph, { macs, verdicts, segments, elsewhere }: Judgement): Standing {
  const ends = endOf(graph);
  return [
    macs.total - macs.dla,
    graph.nodes.filter((node, index) => verdicts[index]!.placement === elsewhere && !ends(node)).length,
    segments.filter(({ kind }) => kind === 'dla').length,
  ];
}

/**
 * Tells of each node whether it is a reshape at an output that moves nothing, [N, C, 1, 1] to [N, C]: the network for the board
 * ends before it.
 */
export function endOf(graph: Graph): (node: Node) => boolean {
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  return (node) => {
    if (!isReshape(node) || read.has(node.outputs[0]!)) return false;
    const [from, to] = [node.inputs[0], node.outputs[0]].map((value) => cubeOf(staticShape(graph, value ?? '')));
    return from !== undefined && from.join() === to?.join();
  };
}

export function isWorse(standing: Standing, than: Standing): boolean {
  const differing = standing.findIndex((value, index) => value !== than[index]);
  return differing >= 0 && standing[differing]! > than[differing]!;
}
