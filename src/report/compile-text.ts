/** A compiled network as terminal text: segments, memory, and what the emulator leaves to the host. */

import { preprocessText } from '../graph/preprocess.ts';
import type { Plan } from '../program/program.ts';
import { segmentSummaries } from './plan-summary.ts';
import { formatBytes, heading, paint, printable, shorten, type TextOptions, table } from './table.ts';

export interface CompileTextOptions extends TextOptions {
  /** What `coverageText` says of the scales. */
  readonly scales?: string;
}

export function compileText(
  plan: Plan,
  notEmulated: ReadonlyMap<string, string>,
  options: CompileTextOptions = {},
): string {
  const summaries = segmentSummaries(plan);
  const loadables = summaries.filter((segment) => segment.kind === 'dla').length;
  const rows = summaries.map((segment, index) => [
    String(index),
    segment.kind === 'dla' ? paint('DLA', 'green', options) : paint('host', 'yellow', options),
    shorten(printable(segment.name), 70),
    String(segment.nodes),
    segment.kind === 'dla' ? String(segment.layers) : '',
    segment.kind === 'dla' ? formatBytes(segment.weightBytes) : '',
    segment.kind === 'dla' ? formatBytes(segment.sramBytes) : '',
    segment.kind === 'dla' ? formatBytes(segment.localDramBytes) : '',
  ]);
  const lines = [
    heading(
      `Compiled ${printable(plan.network)} for ${plan.target}, ${plan.release}, batch ${plan.batch}: ${loadables} loadable${loadables === 1 ? '' : 's'}`,
      options,
    ),
    table(
      [
        { title: '#', align: 'right' },
        { title: 'runs on' },
        { title: 'segment' },
        { title: 'nodes', align: 'right' },
        { title: 'layers', align: 'right' },
        { title: 'weights', align: 'right' },
        { title: 'SRAM', align: 'right' },
        { title: 'local DRAM', align: 'right' },
      ],
      rows,
      options,
    ),
  ];
  if (plan.preprocess) lines.push(`pictures: ${preprocessText(plan.preprocess)}`);
  if (plan.ranges === 'dummy') {
    lines.push(
      paint('dummy ranges: times mean something, values do not; calibrate first to run it', 'yellow', options),
    );
  }
  if (options.scales) lines.push('', options.scales);
  if (notEmulated.size > 0) {
    lines.push(
      '',
      heading('Accepted by the rules, not emulated (run on the host)', options),
      ...[...notEmulated].map(([node, why]) => `  ${printable(node)}: ${why}`),
    );
  }
  return lines.join('\n');
}
