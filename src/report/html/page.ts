/** The report as one self-contained HTML page: no script, no font, no request; it can be mailed. */

import { notesOf } from '../estimate-text.ts';
import { gainText } from '../gains.ts';
import type { Change, Report } from '../report.ts';
import { formatRate, formatTime, percent } from '../table.ts';
import { accuracySection } from './accuracy.ts';
import { Markup, markup } from './markup.ts';
import { placementSection } from './placement.ts';
import { style, tabStyle } from './style.ts';
import { memorySection, rooflineSection, timingSection } from './timing.ts';

export function reportHtml(report: Report): string {
  const { estimates } = report;
  const css = [style, tabStyle('time', estimates.length), tabStyle('roof', estimates.length)].join('\n');
  return `${
    markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${report.network} on ${report.target}</title><style>${new Markup(css)}</style></head><body><main>
<h1>${report.network} on ${report.target}</h1>
<p class="soft">${report.release}, ${report.precision.toUpperCase()}, batch ${report.batch}${estimates[0] && `, ${estimates[0].module}`}</p>
${tiles(report)}
${changesSection(report)}
${placementSection(report)}
${estimates.length > 0 && [timingSection(estimates), rooflineSection(estimates)]}
${memorySection(report.segments)}
${report.evaluation && accuracySection(report.evaluation)}
<footer>${report.ranges === 'dummy' && 'Compiled with dummy ranges: times mean something, values do not. '}${notesOf(estimates).join(' ')} Made by dlakit ${report.dlakit}.</footer>
</main></body></html>`.text
  }\n`;
}

function tiles(report: Report): Markup {
  const best = report.estimates[0];
  const accuracy = report.evaluation?.accuracy;
  const { macs } = report.prepared;
  const share = macs.total > 0 ? macs.dla / macs.total : 0;
  const loadables = report.segments.filter((segment) => segment.kind === 'dla').length;
  const tile = (value: string, label: string) => markup`<div class="tile"><b>${value}</b><span>${label}</span></div>`;
  return markup`<div class="tiles">
${best && [tile(formatRate(best.imagesPerSecond), `images/s, ${best.powerMode}, ${best.cores} core${best.cores > 1 ? 's' : ''}: estimated, ${best.evidence.class}`), tile(formatTime(best.latency), `latency, ${best.powerMode}: estimated, ${best.evidence.class}`)]}
${tile(percent(share), 'of multiply-accumulates on the DLA')}
${tile(String(loadables), loadables === 1 ? 'loadable' : 'loadables')}
${accuracy && tile(percent(accuracy.dla.top1, 2), `Top-1 in ${report.precision.toUpperCase()}, ${percent(accuracy.fp32.top1, 2)} in FP32`)}
</div>`;
}

function changesSection(report: Report): Markup {
  const applied = report.applied.filter((entry) => entry.nodes.length > 0);
  return markup`<section id="changes"><h2>What to change</h2>
${report.changes.length === 0 ? markup`<p>Nothing: no rule refuses a node.</p>` : markup`<ol class="changes">${report.changes.map((item) => change(item, report.prepared.elsewhere))}</ol>`}
${report.changes.length > 0 && markup`<p><b>All rewrites together:</b> ${gainText(report.gain, report.prepared.elsewhere)}.${report.estimates[0] && ` Times are estimates: ${report.estimates[0].powerMode}, ${report.estimates[0].evidence.class}.`}</p>`}
${applied.length > 0 && markup`<p class="soft">Already done in the prepared model: ${applied.map((entry) => `${entry.pass} (${entry.nodes.length})`).join(', ')}.</p>`}
</section>`;
}

function change(item: Change, elsewhere: Report['prepared']['elsewhere']): Markup {
  const names = item.nodes.slice(0, 4).join(', ') + (item.nodes.length > 4 ? ` and ${item.nodes.length - 4} more` : '');
  return markup`<li><b>${item.advice}</b> ${item.rewrite && markup`<span class="badge dla">dla does it: ${item.rewrite}</span>`}<br>
<span class="soft"><code>${item.rule}</code> · ${names}</span>
${item.gain && markup`<br>Gain: ${gainText(item.gain, elsewhere)}`}</li>`;
}
