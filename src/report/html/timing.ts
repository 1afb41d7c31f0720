/**
 * A plan over time: the time of each hardware layer with what bounds it, and the roofline, one panel per power mode; and which surfaces
 * lie in memory from which launch to which.
 */

import type { Estimate, LayerEstimate } from '../../estimate/estimate-result.ts';
import { boundShares, dramTraffic, roofline } from '../../estimate/orin/roofline.ts';
import { timeline } from '../../estimate/timeline.ts';
import { findTarget } from '../../targets/find.ts';
import { enginesText, layerNumbers, promotedText } from '../estimate-text.ts';
import type { MemoryBlock, SegmentSummary } from '../report.ts';
import { formatBytes, formatMacs, formatRate, formatTime, percent, shorten } from '../table.ts';
import { coordinate, type Markup, markup } from './markup.ts';

const bounds = ['compute', 'memory', 'overhead'] as const;

export function timingSection(estimates: readonly Estimate[]): Markup {
  const overlap = estimates[0]?.stripe
    ? 'A launch takes the longest of its engines and its memory, coloured by the longer of the two, and then launch, fill and drain; launches that do not wait for one another overlap. The word behind a bar is what takes the most.'
    : 'A layer that has the machine to itself takes the overlap of its compute and memory time, coloured by the longer of the two, and then a fixed overhead. The word behind a bar is the largest of the three. The schedule shows when layers run, on which engine, and what runs side by side.';
  return markup`<section id="time"><h2>Time per hardware layer</h2>
<p class="soft">Estimated. ${overlap}</p>
${tabs('time', estimates, timingPanel)}</section>`;
}

export function rooflineSection(estimates: readonly Estimate[]): Markup {
  return markup`<section id="roofline"><h2>Roofline</h2>
<p class="soft">Each dot is a hardware layer: how many multiply-accumulates it does per byte of DRAM traffic, and how fast. The lines are what the DLA and its DRAM allow.</p>
${tabs('roof', estimates, rooflinePanel)}</section>`;
}

function tabs(group: string, estimates: readonly Estimate[], panel: (estimate: Estimate) => Markup): Markup {
  const buttons = estimates.map(
    (estimate, index) =>
      markup`<input type="radio" name="${group}" id="${group}-${index}"${index === 0 && markup` checked`}><label for="${group}-${index}">${estimate.powerMode}</label>`,
  );
  const panels = estimates.map((estimate, index) => markup`<div class="panel panel-${index}">${panel(estimate)}</div>`);
  return markup`<div class="tabs">${buttons}${panels}</div>`;
}

function timingPanel(estimate: Estimate): Markup {
  const { layers } = estimate;
  const number = layerNumbers(estimate);
  const promoted = promotedText(layers);
  const shares = boundShares(estimate);
  const longest = Math.max(...layers.map((layer) => layer.total), 1e-9);
  const row = 19;
  const left = 250;
  const right = 620;
  const height = layers.length * row + 8;
  const scale = (right - 0) / longest;
  const bars = layers.map((layer, index) => {
    const y = index * row + 4;
    const length = Math.max(1, layer.total * scale);
    const overlapped = (layer.total - layer.overhead) * scale;
    const longer = layer.compute >= layer.memory ? 'compute' : 'memory';
    return markup`<g><title>${describe(layer)}</title>
<text x="${left - 8}" y="${y + 12}" text-anchor="end">${shorten(layer.name, 38)}</text>
<rect x="${left}" y="${y}" width="${coordinate(overlapped)}" height="${row - 5}" fill="var(--${longer})"/>
<rect x="${coordinate(left + overlapped)}" y="${y}" width="${coordinate(length - overlapped)}" height="${row - 5}" fill="var(--overhead)"/>
<text class="soft" x="${coordinate(left + length + 6)}" y="${y + 12}">${formatTime(layer.total)}, ${layer.bound}${layer.macs > 0 && ` · ${percent(layer.utilisation, 0)}`}</text></g>`;
  });
  return markup`<p><b>${formatRate(estimate.imagesPerSecond)} images/s</b> (${estimate.evidence.class}: error ${estimate.evidence.error}) on ${estimate.cores} core${estimate.cores > 1 && 's'}, latency ${formatTime(estimate.latency)}, utilisation ${percent(estimate.utilisation)}, ${formatBytes(Math.round(estimate.dramBytesPerImage))} of DRAM traffic per image</p>
${estimate.asBuilt && estimate.asBuilt.parts.length > 0 && markup`<p>Around the DLA, ${formatTime(estimate.asBuilt.time)} of the latency with ${estimate.asBuilt.bindings} bindings: ${estimate.asBuilt.parts.map(({ what, time }) => `${what} ${formatTime(time)}`).join('; ')}</p>`}
${promoted !== '' && markup`<p>Launches that the board needs besides: ${promoted}</p>`}
<p>${bounds.map((bound) => markup`<span class="key"><i style="background:var(--${bound})"></i>${bound}-bound, ${percent(shares[bound].share, 0)} of the time</span>`)}</p>
${estimate.schedule && schedule(estimate)}<div class="scroll"><svg role="img" aria-label="time per layer" width="${left + right + 130}" height="${height}">${bars}</svg></div>
<details><summary>As a table</summary><div class="scroll"><table>
<tr><th class="n">#</th><th>layer</th><th>engines</th><th class="n">MACs</th><th class="n">compute</th><th class="n">memory</th><th class="n">overhead</th><th class="n">total</th><th>bound</th><th class="n">utilisation</th><th>nodes</th>${estimate.stripe && markup`<th>why</th>`}</tr>
${layers.map((layer) => markup`<tr><td class="n">${number(layer)}</td><td><code>${shorten(layer.name, 48)}</code></td><td>${enginesText(layer)}</td><td class="n">${layer.macs > 0 && formatMacs(layer.macs)}</td><td class="n">${formatTime(layer.compute)}</td><td class="n">${formatTime(layer.memory)}</td><td class="n">${formatTime(layer.overhead)}</td><td class="n">${formatTime(layer.total)}</td><td>${layer.stripe?.limit ?? layer.bound}</td><td class="n">${layer.macs > 0 && percent(layer.utilisation)}</td><td class="wrap">${layer.origin.join(', ')}</td>${layer.stripe && markup`<td class="wrap">${layer.stripe.reasons.join('; ')}</td>`}</tr>`)}
</table></div></details>`;
}

/** The lanes of the engines over time, on orin and xavier. A layer that has both convolution pipes is drawn over both. */
function schedule(estimate: Estimate): Markup {
  const { tracks, spans } = timeline(estimate);
  const [left, width, row, top] = [90, 880, 26, 4];
  const onGpu = spans.some(({ kind }) => kind === 'part');
  const rows = [...tracks, ...(onGpu ? ['GPU'] : [])];
  const x = (time: number) => left + (time / estimate.latency) * width;
  const rowsOf = (span: (typeof spans)[number]): readonly [first: number, count: number] => {
    if (span.kind === 'layer') return [Math.min(...span.tracks), span.tracks.length];
    return span.kind === 'part' ? [tracks.length, 1] : [0, tracks.length];
  };
  const boxes = spans.map((span) => {
    const [first, count] = rowsOf(span);
    const box = markup`x="${coordinate(x(span.start))}" width="${coordinate(Math.max(0.5, x(span.end) - x(span.start)))}" y="${top + first * row}" height="${count * row - 4}"`;
    if (span.kind === 'task')
      return markup`<rect class="task" ${box} fill="var(--overhead)"><title>task</title></rect>`;
    if (span.kind === 'part')
      return markup`<rect class="part" ${box} fill="var(--gpu)"><title>${span.name}, ${formatTime(span.part.time)}</title></rect>`;
    return markup`<rect ${box} fill="var(--${span.layer.bound})" stroke="var(--card)"><title>${formatTime(span.start)} to ${formatTime(span.end)}\n${describe(span.layer)}</title></rect>`;
  });
  const names = rows.map(
    (title, track) => markup`<text x="${left - 8}" y="${top + track * row + 15}" text-anchor="end">${title}</text>`,
  );
  const { sequential, longestChain } = estimate.schedule!;
  return markup`<p class="soft">Schedule: ${formatTime(estimate.latency)}; one layer after the other ${formatTime(sequential)}, the longest chain of layers that wait for one another ${formatTime(longestChain)}.</p>
<div class="scroll"><svg role="img" aria-label="schedule" width="${left + width + 10}" height="${top + rows.length * row}">${names}${boxes}</svg></div>`;
}

const describe = (layer: LayerEstimate): string =>
  [
    layer.name,
    `${layer.kind}, ${layer.bound}-bound`,
    `compute ${formatTime(layer.compute)}, memory ${formatTime(layer.memory)}, overhead ${formatTime(layer.overhead)}`,
    `${formatMacs(layer.macs)}, ${formatBytes(Math.round(dramTraffic(layer)))} of DRAM traffic`,
    `input in ${layer.inputMemory}, output in ${layer.outputMemory}`,
    `nodes: ${layer.origin.join(', ')}`,
    ...(layer.promoted ?? []).map(({ what, total }) => `the board needs besides: ${what}, ${formatTime(total)}`),
    ...(layer.stripe?.reasons ?? []),
  ].join('\n');

/** A power of ten as people write it: 0.001, 10, 1e-6. */
const tick = (value: number): string => {
  const exponent = Math.round(Math.log10(value));
  return Math.abs(exponent) > 4 ? `1e${exponent}` : (10 ** exponent).toFixed(Math.max(0, -exponent));
};

/** Powers of ten around the data, for a logarithmic axis. */
function decades(values: readonly number[]): readonly [low: number, high: number] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  return [low, Math.max(high, low + 1)];
}

function rooflinePanel(estimate: Estimate): Markup {
  const found = roofline(estimate, findTarget(estimate.target));
  if (found.points.length === 0) return markup`<p>No layer multiplies.</p>`;
  // Rates are drawn in TMAC/s.
  const dots = found.points.map(({ layer, intensity, rate }) => ({ layer, x: intensity, y: rate / 1000 }));
  const [peak, bandwidth] = [found.peak / 1000, found.bandwidth / 1000];
  const [x0, x1] = decades([...dots.map((dot) => dot.x), found.ridge]);
  const [y0, y1] = decades([...dots.map((dot) => dot.y), peak]);
  const width = 900;
  const height = 380;
  const margin = { left: 64, right: 20, top: 14, bottom: 42 };
  const px = (x: number) =>
    coordinate(margin.left + ((Math.log10(x) - x0) / (x1 - x0)) * (width - margin.left - margin.right));
  const py = (y: number) =>
    coordinate(height - margin.bottom - ((Math.log10(y) - y0) / (y1 - y0)) * (height - margin.top - margin.bottom));
  const left = Math.max(10 ** x0, 10 ** y0 / bandwidth);
  const ticks = (low: number, high: number) =>
    Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return markup`<svg role="img" aria-label="roofline" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
${ticks(x0, x1).map((x) => markup`<line class="axis" x1="${px(x)}" x2="${px(x)}" y1="${margin.top}" y2="${height - margin.bottom}"/><text class="soft" x="${px(x)}" y="${height - margin.bottom + 16}" text-anchor="middle">${tick(x)}</text>`)}
${ticks(y0, y1).map((y) => markup`<line class="axis" x1="${margin.left}" x2="${width - margin.right}" y1="${py(y)}" y2="${py(y)}"/><text class="soft" x="${margin.left - 8}" y="${py(y) + 4}" text-anchor="end">${tick(y)}</text>`)}
<text class="soft" x="${width / 2}" y="${height - 6}" text-anchor="middle">multiply-accumulates per byte of DRAM traffic</text>
<text class="soft" transform="translate(14 ${height / 2}) rotate(-90)" text-anchor="middle">TMAC/s on one core</text>
<path d="M${px(left)} ${py(left * bandwidth)}L${px(found.ridge)} ${py(peak)}L${px(10 ** x1)} ${py(peak)}" fill="none" stroke="var(--ink)" stroke-width="1.5"/>
${dots.map((dot) => markup`<circle cx="${px(dot.x)}" cy="${py(dot.y)}" r="5" fill="var(--${dot.layer.bound})" fill-opacity="0.75"><title>${describe(dot.layer)}</title></circle>`)}
</svg><p class="soft">Peak ${peak >= 1 ? peak.toFixed(2) : peak.toPrecision(2)} TMAC/s; DRAM ${found.bandwidth.toFixed(1)} GB/s${!estimate.stripe && estimate.cores > 1 && ', which the cores share'}.</p>`;
}

const drawn = ['managed_sram', 'local_dram'] as const;
const titles = { managed_sram: 'Managed SRAM', local_dram: 'Local DRAM (intermediates)' } as const;

/** The memory plan: a surface is a box from the layer that writes it to the last that reads it. */
export function memorySection(segments: readonly SegmentSummary[]): Markup {
  const loadables = segments.filter((segment) => segment.kind === 'dla' && segment.memory.length > 0);
  return markup`<section id="memory"><h2>Memory plan</h2>
<p class="soft">Left to right: hardware layers in launch order. Bottom to top: addresses. A box lives from the layer that writes it to the last that reads it.</p>
${loadables.map((segment) => markup`<h3>${segment.name}</h3><p class="soft">${formatBytes(segment.weightBytes)} of weights and tables, ${formatBytes(segment.sramBytes)} of SRAM, ${formatBytes(segment.localDramBytes)} of local DRAM</p>${drawn.map((memory) => plan(segment, memory))}`)}
</section>`;
}

function plan(segment: SegmentSummary, memory: (typeof drawn)[number]): Markup {
  const blocks = segment.memory.filter((block) => block.memory === memory);
  if (blocks.length === 0) return markup``;
  const top = Math.max(...blocks.map((block) => block.offset + block.size));
  const width = 1080;
  const left = 8;
  const height = 150;
  const step = (width - left) / Math.max(1, segment.layers);
  const box = (block: MemoryBlock, index: number) => {
    const x = left + block.first * step;
    const h = Math.max(1.5, (block.size / top) * height);
    const y = height - (block.offset / top) * height - h + 2;
    const hue = (index * 47) % 360;
    return markup`<rect x="${coordinate(x)}" y="${coordinate(y)}" width="${coordinate(Math.max(2, (block.last - block.first + 1) * step - 1))}" height="${coordinate(h)}" fill="hsl(${hue} 55% 55%)" fill-opacity="0.75" stroke="var(--card)" stroke-width="0.5"><title>${`${block.surface}\n${formatBytes(block.size)} at ${block.offset}\nlayers ${block.first} to ${block.last}`}</title></rect>`;
  };
  return markup`<p style="margin-bottom:2px">${titles[memory]}: ${formatBytes(top)}</p><svg role="img" aria-label="${titles[memory]} over time" viewBox="0 0 ${width} ${height + 6}" width="${width}" height="${height + 6}"><line class="axis" x1="${left}" x2="${width}" y1="${height + 3}" y2="${height + 3}"/>${blocks.map(box)}</svg>`;
}
