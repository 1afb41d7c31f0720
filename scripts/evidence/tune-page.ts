/** docs/tune.md: what tuning wins back. */

import { causeText } from '../../src/report/loss-text.ts';
import { percent } from '../../src/report/table.ts';
import { markdownTable } from './markdown.ts';
import type { TuneEvidence } from './tune.ts';

const shownLosses = 6;

export function tunePage(results: readonly TuneEvidence[], runtime: string): string {
  return [
    '# What tuning wins back',
    '',
    '`dla tune` looks for what wins back most of what a network loses in INT8, for the least estimated time on `orin`. First it finds',
    'the tensors that matter: each is rounded alone, everything else in floating point, and the noise at the outputs is measured. Then',
    'it tries remedies, those first that cost least: channels of a tensor that differ in size made alike, by factors that the weights',
    'around it take in; another range for single tensors; and FP16 for the operators that lose most. Each is judged by a run of the',
    'compiled network beside FP32. Every line below is one more remedy than the line above.',
    '',
    `FP32 is the network as it was given, on ${runtime}. Signal-to-noise ratios, scores and estimates are of data that tuning did not see.`,
    ...results.flatMap(section),
  ].join('\n');
}

function section({ title, score, tuned, judged, tuning, points }: TuneEvidence): readonly string[] {
  const first = points[0]!;
  return [
    '',
    `## ${title}`,
    '',
    `Tuned on ${tuned}; judged on ${judged}.`,
    '',
    markdownTable(
      [{ title: 'tensor' }, { title: 'share of the loss', right: true }, { title: 'why' }],
      tuning.losses
        .slice(0, shownLosses)
        .map(({ value, share, reason }) => [`\`${value}\``, percent(share), causeText(reason)]),
    ),
    '',
    markdownTable(
      [
        { title: 'remedy' },
        { title: 'estimated, ms', right: true },
        { title: 'added', right: true },
        { title: 'SNR, dB', right: true },
        { title: score, right: true },
      ],
      points.map(({ remedy, time, snr, score: mean, isChosen }) => [
        isChosen ? `**${remedy}** (chosen within 15 %)` : remedy,
        (time / 1000).toFixed(3),
        percent(time / first.time - 1),
        snr.toFixed(1),
        mean.toFixed(3),
      ]),
    ),
  ];
}
