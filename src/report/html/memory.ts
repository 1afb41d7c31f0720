/** The memory plan over time: a surface is a box from the layer that writes it to the last that reads it. */

import type { MemoryBlock, SegmentSummary } from '../report.ts';
import { formatBytes } from '../table.ts';
import { coordinate, type Markup, markup } from './markup.ts';

const drawn = ['managed_sram', 'local_dram'] as const;
const titles = { managed_sram: 'Managed SRAM', local_dram: 'Local DRAM (intermediates)' } as const;

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
