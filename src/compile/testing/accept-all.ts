/** A checker's result that accepts every node, in one DLA segment or in those given. */

import type { Graph } from '../../graph/graph.ts';
import type { CheckedSegment, CheckResult } from '../../support/verdict.ts';

export function acceptAll(graph: Graph, segments?: readonly CheckedSegment[]): CheckResult {
  const names = graph.nodes.map((node) => node.name);
  const whole: CheckedSegment = {
    kind: 'dla',
    name: `{ForeignNode[${names[0]}...${names.at(-1)}]}`,
    nodes: names,
    macs: 0,
  };
  const used = segments ?? [whole];
  const onDla = new Set(used.flatMap((segment) => (segment.kind === 'dla' ? segment.nodes : [])));
  return {
    network: graph.name,
    target: 'orin',
    release: 'JetPack 6.0',
    precision: 'int8',
    elsewhere: 'gpu',
    verdicts: graph.nodes.map(({ name, op }) => ({
      node: name,
      op,
      placement: onDla.has(name) ? 'dla' : 'gpu',
      refusals: [],
      warnings: [],
    })),
    segments: used,
    macs: { total: 0, dla: 0 },
    notes: [],
  };
}
