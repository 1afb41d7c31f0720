/** Accuracy: FP32 beside the DLA, and where the noise enters. */

import type { Evaluation } from '../../evaluate/evaluate.ts';
import { grouped, percent, shorten } from '../table.ts';
import { coordinate, type Markup, markup } from './markup.ts';

export function accuracySection(evaluation: Evaluation): Markup {
  const { accuracy } = evaluation;
  const kind = accuracy ? 'labelled samples' : 'samples without labels';
  return markup`<section id="accuracy"><h2>Accuracy</h2>
<p class="soft">${grouped(evaluation.samples)} ${kind}; ranges calibrated by ${evaluation.calibration}. ${evaluation.precision.toUpperCase()} is the bit-exact run of the compiled network.</p>
${accuracy && classes(accuracy, evaluation.precision.toUpperCase())}
${evaluation.tensors.length > 0 && noise(evaluation)}</section>`;
}

function classes({ fp32, dla, agreement }: NonNullable<Evaluation['accuracy']>, precision: string): Markup {
  const points = (dla.top1 - fp32.top1) * 100;
  return markup`<table style="max-width:520px"><tr><th></th><th class="n">Top-1</th><th class="n">Top-5</th></tr>
<tr><td>FP32 (onnxruntime)</td><td class="n">${percent(fp32.top1, 2)}</td><td class="n">${percent(fp32.top5, 2)}</td></tr>
<tr><td>${precision} (DLA)</td><td class="n">${percent(dla.top1, 2)}</td><td class="n">${percent(dla.top5, 2)}</td></tr>
<tr><td>difference</td><td class="n">${points >= 0 && '+'}${points.toFixed(2)}</td><td class="n"></td></tr></table>
<p>Both give the same decision on ${percent(agreement, 2)} of the samples.</p>`;
}

function noise(evaluation: Evaluation): Markup {
  const row = 17;
  const left = 260;
  const finite = evaluation.tensors.map((tensor) => (Number.isFinite(tensor.snr) ? tensor.snr : 80));
  const most = Math.max(40, ...finite);
  const scale = 560 / most;
  const bars = evaluation.tensors.map((tensor, index) => {
    const snr = Math.max(0, finite[index]!);
    const y = index * row + 2;
    return markup`<g><title>${`${tensor.value}\nSNR ${tensor.snr.toFixed(2)} dB\nsaturated ${percent(tensor.saturated, 3)}`}</title>
<text x="${left - 8}" y="${y + 11}" text-anchor="end">${shorten(tensor.value, 40)}</text>
<rect x="${left}" y="${y}" width="${coordinate(Math.max(1, snr * scale))}" height="${row - 5}" rx="2" fill="var(${snr < 20 ? '--gpu' : '--dla'})"/>
<text class="soft" x="${coordinate(left + snr * scale + 6)}" y="${y + 11}">${Number.isFinite(tensor.snr) ? tensor.snr.toFixed(1) : '∞'} dB</text></g>`;
  });
  return markup`<h3>Signal-to-noise ratio per tensor</h3>
<p class="soft">${evaluation.firstDivergence === undefined ? 'No tensor falls below 20 dB.' : `${evaluation.precision.toUpperCase()} first falls below 20 dB at ${evaluation.firstDivergence}.`}</p>
<div class="scroll"><svg role="img" aria-label="signal-to-noise ratio per tensor" width="${left + 640}" height="${evaluation.tensors.length * row + 6}">${bars}</svg></div>`;
}
