/**
 * What an estimate does not claim: the limits of the model (docs/hardware/estimate-model.md#trust) and where a plan
 * leaves them.
 */

import type { Layer } from '../../program/layer.ts';
import { kindOf } from '../../program/layers/table.ts';
import type { Plan } from '../../program/program.ts';
import type { EstimateOptions } from '../estimate.ts';

/** The errors of the model and of simpler ones, shown beside every estimate. */
const modelBaselines =
  'Model: 1.7 % mean and 4.4 % largest error on the 40 published cells it was fitted to; leaving one network out, 2.8 % and 7.6 % ' +
  '(4.5 % and 14 % when the structure of its earlier form is chosen anew). For comparison, leaving one network out: max-roofline 15 % and 35 %, constant utilisation 25 % and 76 %.';

/** The release whose published throughput was fitted. */
const fittedRelease = 'JetPack 5.1.1';
const fittedSram = 2 ** 20;
const largestFittedBatch = 2;

/** `validated` is false as soon as one thing about the plan or the module lies outside what was held against measurements. */
export function estimateNotes(
  plan: Plan,
  { target, module, powerMode }: EstimateOptions,
): { readonly validated: boolean; readonly notes: readonly string[] } {
  const doubts: string[] = [];
  if (!module.validated) {
    doubts.push(`${module.title} was not held against measurements; the parameters are those of Jetson AGX Orin 64GB.`);
  }
  if (target.generation !== 'orin') {
    doubts.push(`${target.title} is another generation; overheads and overlap were fitted on Orin.`);
  }
  if (plan.batch > largestFittedBatch) {
    doubts.push(`Batch ${plan.batch}: the fit has batches of 1 and 2 only.`);
  }
  const layers = plan.segments.flatMap((segment) => (segment.kind === 'dla' ? segment.program.layers : []));
  for (const what of new Set(layers.map(beyondTheFit))) {
    if (what === undefined) continue;
    const found = layers.filter((layer) => beyondTheFit(layer) === what);
    doubts.push(`${found.length} × ${what}: not in the fitted networks, priced by analogy (first: ${found[0]!.name}).`);
  }
  const notes = [modelBaselines, ...doubts];
  if (plan.release !== fittedRelease) {
    notes.push(`The published figures are of ${fittedRelease}; other releases of NVIDIA's compiler differ.`);
  }
  const programs = plan.segments.flatMap((segment) => (segment.kind === 'dla' ? [segment.program] : []));
  if (programs.some(({ sram }) => sram !== fittedSram)) {
    notes.push('The fit has 1 MiB of managed SRAM.');
  }
  if (programs.length > 1)
    notes.push(`${programs.length} DLA tasks, 20 µs each beside their layers; the time between tasks is not counted.`);
  const host = plan.segments.filter(({ kind }) => kind === 'host').length;
  if (host > 0) notes.push(`${host} segment${host > 1 ? 's' : ''} outside the DLA: not timed.`);
  if (powerMode.dlaClock.status === 'assumed') {
    notes.push(`The DLA clock of ${powerMode.name} is assumed: ${powerMode.dlaClock.source}.`);
  }
  notes.push('No absolute power is claimed: only ratios are published.');
  return { validated: doubts.length === 0, notes };
}

/** Kinds of layers that the fitted networks have, deconvolutions aside. */
const fitted: ReadonlySet<Layer['kind']> = new Set(['conv', 'pdp', 'resize']);

/** What a layer is that no fitted network has; undefined for the others. */
function beyondTheFit(layer: Layer): string | undefined {
  if (layer.kind === 'conv' && layer.conv.transposed) return 'transposed convolution';
  return fitted.has(layer.kind) ? undefined : kindOf(layer).title;
}
