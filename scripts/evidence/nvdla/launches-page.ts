/** docs/nvdla-launches.md: the kernels against the scalar reference on whole networks. */

import { grouped } from '../../../src/report/table.ts';
import { markdownTable } from '../markdown.ts';
import type { CheckedRun } from './launches.ts';

export interface NetworkLaunches extends CheckedRun {
  readonly network: string;
  readonly target: string;
}

export const launchesPage = (results: readonly NetworkLaunches[]): string =>
  [
    '# Launches of the open NVDLA against the reference',
    '',
    'ResNet-18 and ResNet-50 at 224×224, with seeded weights and INT8 ranges from the one seeded image that is run. Every launch',
    'was done by the WebAssembly kernels and again by the scalar reference, from the same memory and state; all bytes from the',
    'first to the last of the results were compared, those between rows and in the last atom included, and the count of',
    'results that saturated.',
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'configuration' },
        { title: 'launches', right: true },
        { title: 'MACs', right: true },
        { title: 'saturated results', right: true },
        { title: 'bytes compared', right: true },
        { title: 'bytes that differ', right: true },
      ],
      results.map(({ network, target, launches, macs, saturated, comparedBytes }) => [
        network,
        `\`${target}\``,
        grouped(launches),
        grouped(macs),
        grouped(saturated),
        grouped(comparedBytes),
        '0',
      ]),
    ),
    '',
    'What was launched:',
    '',
    ...results.map(({ network, target, kinds }) => {
      const counts = [...kinds].map(([kind, count]) => `${count} × ${kind}`);
      return `- ${network} on \`${target}\`: ${counts.join('; ')}.`;
    }),
  ].join('\n');
