/** What a report shows of a Plan: the segments with their memory, and the nodes with where they run. */

import type { Graph } from '../graph/graph.ts';
import { producers } from '../graph/graph.ts';
import { liveRanges } from '../program/liveness.ts';
import type { Plan, Program } from '../program/program.ts';
import type { CheckResult } from '../support/verdict.ts';
import type { MemoryBlock, ReportEdge, ReportNode, SegmentSummary } from './report.ts';

export const segmentSummaries = (plan: Plan): readonly SegmentSummary[] =>
  plan.segments.map((segment): SegmentSummary => {
    if (segment.kind === 'host') {
      const { name, nodes } = segment;
      const nothing = { layers: 0, weightBytes: 0, sramBytes: 0, localDramBytes: 0, layerNames: [], memory: [] };
      return { kind: 'host', name, nodes: nodes.length, ...nothing };
    }
    const { name, program } = segment;
    const memory = memoryBlocks(program);
    const top = (wanted: MemoryBlock['memory']) =>
      memory
        .filter((block) => block.memory === wanted)
        .reduce((most, block) => Math.max(most, block.offset + block.size), 0);
    return {
      kind: 'dla',
      name,
      nodes: new Set(program.layers.flatMap((layer) => layer.origin)).size,
      layers: program.layers.length,
      weightBytes: program.constants.reduce((sum, { surface }) => sum + program.surfaces[surface]!.size, 0),
      sramBytes: top('managed_sram'),
      localDramBytes: top('local_dram'),
      layerNames: program.layers.map((layer) => layer.name),
      memory,
    };
  });

/** Every surface that is neither a constant nor a view, with the layers between which it lives. */
function memoryBlocks(program: Program): readonly MemoryBlock[] {
  const constants = new Set(program.constants.map(({ surface }) => surface));
  const ranges = liveRanges(program);
  return program.surfaces.flatMap((surface): readonly MemoryBlock[] => {
    const range = ranges[surface.id];
    if (!range || constants.has(surface.id)) return [];
    const { name, memory, offset, size } = surface;
    const last = Math.min(range.last, program.layers.length - 1);
    return [{ surface: name, memory, offset, size, first: Math.max(0, range.first), last: Math.max(0, last) }];
  });
}

/** The nodes of the network as given, with their placement. */
export function reportNodes(
  graph: Graph,
  checked: CheckResult,
  notEmulated: ReadonlyMap<string, string>,
): readonly ReportNode[] {
  const verdicts = new Map(checked.verdicts.map((verdict) => [verdict.node, verdict]));
  return graph.nodes.map((node): ReportNode => {
    const verdict = verdicts.get(node.name);
    const reason = notEmulated.get(node.name);
    const shape = graph.values.get(node.outputs[0] ?? '')?.shape;
    const placement = verdict?.placement ?? checked.elsewhere;
    const why = placement === 'dla' ? reason : verdict?.refusals.map((refusal) => refusal.rule).join(', ');
    return {
      name: node.name,
      op: node.op,
      placement: placement === 'dla' && reason !== undefined ? 'not emulated' : placement,
      ...(shape && { shape }),
      ...(why && { why }),
    };
  });
}

export function reportEdges(graph: Graph): readonly ReportEdge[] {
  const producer = producers(graph);
  const edges = graph.nodes.flatMap((node) => {
    const sources = new Set(node.inputs.map((input) => producer.get(input)?.name).filter((name) => name !== undefined));
    return [...sources].map((from): ReportEdge => ({ from, to: node.name }));
  });
  return edges;
}
