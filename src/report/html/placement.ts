/** The placement graph: every node of the network as given, coloured by where it runs. Laid out by dagre. */

import dagre from '@dagrejs/dagre';
import type { Report, ReportNode } from '../report.ts';
import { shorten } from '../table.ts';
import { coordinate, type Markup, markup } from './markup.ts';

const width = 150;
const height = 34;
/** Nodes of a drawing at most: a larger one is not readable, and its layout takes long. The table of nodes remains. */
const mostNodes = 900;

const colours = {
  dla: '--dla',
  gpu: '--gpu',
  host: '--gpu',
  'not emulated': '--limit',
  'build-time': '--quiet',
} as const;

const keys = [
  ['dla', 'DLA'],
  ['gpu', 'GPU: a rule refuses it'],
  ['host', 'host: a rule refuses it'],
  ['not emulated', 'DLA on the board, not emulated here'],
  ['build-time', 'vanishes before anything runs'],
] as const;

export function placementSection(report: Report): Markup {
  const present = keys.filter(([placement]) => report.nodes.some((node) => node.placement === placement));
  return markup`<section id="placement"><h2>Placement</h2>
<p class="soft">Every node of the network as it was given, in ${report.release} on ${report.target}. Point at a node for its name and reason.</p>
<p>${present.map(([placement, text]) => markup`<span class="key"><i style="background:var(${colours[placement]})"></i>${text}</span>`)}</p>
${report.nodes.length <= mostNodes ? markup`<div class="scroll">${drawing(report)}</div>` : markup`<p>The network has ${report.nodes.length} nodes, too many to draw.</p>`}
${refusals(report)}
${notes(report)}
</section>`;
}

function drawing(report: Report): Markup {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', nodesep: 18, ranksep: 26, marginx: 14, marginy: 14 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of report.nodes) graph.setNode(node.name, { width, height });
  for (const edge of report.edges) graph.setEdge(edge.from, edge.to);
  dagre.layout(graph);
  const size = graph.graph();
  const edges = graph.edges().map((edge: { v: string; w: string }) => {
    const points = graph.edge(edge).points as readonly { x: number; y: number }[];
    const path = points
      .map((point, index) => `${index ? 'L' : 'M'}${coordinate(point.x)} ${coordinate(point.y)}`)
      .join('');
    return markup`<path class="edge" d="${path}" marker-end="url(#arrow)"/>`;
  });
  const boxes = report.nodes.map((node) => box(node, graph.node(node.name) as { x: number; y: number }));
  const w = Math.ceil(size.width ?? 0);
  const h = Math.ceil(size.height ?? 0);
  return markup`<svg role="img" aria-label="placement graph" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="var(--quiet)"/></marker></defs>
${edges}${boxes}</svg>`;
}

function box(node: ReportNode, at: { readonly x: number; readonly y: number }): Markup {
  const x = coordinate(at.x - width / 2);
  const y = coordinate(at.y - height / 2);
  const title = [node.name, node.op, node.shape?.join('×'), node.why].filter(Boolean).join('\n');
  return markup`<g><title>${title}</title><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="var(${colours[node.placement]})" fill-opacity="0.16" stroke="var(${colours[node.placement]})"/>
<text x="${coordinate(at.x)}" y="${coordinate(at.y - 2)}" text-anchor="middle" font-weight="600">${node.op}</text>
<text class="soft" x="${coordinate(at.x)}" y="${coordinate(at.y + 11)}" text-anchor="middle">${shorten(node.shape?.join('×') ?? node.name, 24)}</text></g>`;
}

/** Notes on the network as a whole: on the one that was given, and those that only the prepared one has. */
function notes({ original, prepared }: Report): Markup {
  const later = prepared.notes.filter((note) => !original.notes.includes(note));
  const list = (title: string, lines: readonly string[]) =>
    lines.length > 0 && markup`<h3>${title}</h3><ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul>`;
  return markup`${list('Notes on the network as given', original.notes)}${list('Notes on the prepared network', later)}`;
}

function refusals(report: Report): Markup {
  const refused = report.original.verdicts.filter((verdict) => verdict.refusals.length > 0);
  const limits = report.nodes.filter((node) => node.placement === 'not emulated');
  if (refused.length === 0 && limits.length === 0) return markup`<p>Every node runs on the DLA.</p>`;
  return markup`<h3>Not on the DLA</h3><div class="scroll" style="max-height:420px"><table>
<tr><th>node</th><th>operator</th><th>rule</th><th>why</th><th>fix</th></tr>
${refused.flatMap((verdict) =>
  verdict.refusals.map(
    (refusal) =>
      markup`<tr><td title="${verdict.node}"><code>${shorten(verdict.node, 34)}</code></td><td>${verdict.op}</td><td><span class="badge gpu">${refusal.rule}</span></td><td class="wrap">${refusal.message}<br><span class="soft">${refusal.doc} (${refusal.source})</span></td><td class="wrap">${refusal.fix?.advice ?? ''}</td></tr>`,
  ),
)}
${limits.map((node) => markup`<tr><td title="${node.name}"><code>${shorten(node.name, 34)}</code></td><td>${node.op}</td><td><span class="badge limit">not emulated</span></td><td class="wrap">${node.why}</td><td></td></tr>`)}
</table></div>`;
}
