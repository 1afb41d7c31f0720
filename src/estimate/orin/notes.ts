/**
 * What an estimate does not claim: the limits of the model (docs/hardware/estimate-model.md#trust) and where a plan
 * leaves them.
 */

import type { Layer } from '../../program/layer.ts';
import { kindOf } from '../../program/layers/table.ts';
import type { Plan } from '../../program/program.ts';
import type { EstimateOptions } from '../estimate.ts';
import type { LayerEstimate, PlacedPart } from '../estimate-result.ts';
import { fitErrors, fittedRelease, fittedSram } from './evidence.ts';
import { promotedKinds } from './promotion.ts';

/** The errors of the model and of simpler ones, shown beside every estimate. */
const { inSample, leftOut } = fitErrors;
const modelBaselines =
  `Model: ${inSample.mean} mean and ${inSample.largest} largest error on the 40 published cells it was fitted to; leaving one network out, ${leftOut.mean} and ${leftOut.largest} ` +
  '(4.5 % and 14 % when the structure of its earlier form is chosen anew). For comparison, leaving one network out: max-roofline 15 % and 35 %, constant utilisation 25 % and 83 %.';

const largestFittedBatch = 2;

/** `fitted` is false as soon as one thing of the plan or the module lies outside what was held against measurements. */
export function estimateNotes(
  plan: Plan,
  { target, module, powerMode, cores }: EstimateOptions,
  timed: { readonly layers: readonly LayerEstimate[]; readonly parts: readonly PlacedPart[] },
): { readonly fitted: boolean; readonly notes: readonly string[] } {
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
  const half = timed.layers.filter(({ placed, macs }) => placed?.engine === 'rubik' && macs > 0);
  if (half.length > 0) {
    doubts.push(
      `${half.length} FP16 convolution${half.length === 1 ? '' : 's'} in Rubik: the rate fits engines of one convolution within 20 %, 6 % on average; two networks on DRIVE Orin took 30 to 40 % less than was predicted.`,
    );
  }
  doubts.push(...promotionNotes(timed.layers));
  for (const what of new Set(layers.map(beyondTheFit))) {
    if (what === undefined) continue;
    const found = layers.filter((layer) => beyondTheFit(layer) === what);
    doubts.push(`${found.length} × ${what}: not in the fitted networks, priced by analogy (first: ${found[0]!.name}).`);
  }
  const untimed = plan.segments.filter((segment) => segment.kind === 'host' && segment.reason === 'not emulated');
  if (untimed.length > 0) {
    doubts.push(
      `${untimed.length} segment${untimed.length > 1 ? 's' : ''} that the board's DLA takes and that ${untimed.length > 1 ? 'are' : 'is'} not emulated: not timed.`,
    );
  }
  const notes = [modelBaselines, ...doubts];
  if (plan.release !== fittedRelease) {
    notes.push(`The published figures are of ${fittedRelease}; other releases of NVIDIA's compiler differ.`);
  }
  const programs = plan.segments.flatMap((segment) => (segment.kind === 'dla' ? [segment.program] : []));
  if (programs.some(({ sram }) => sram !== fittedSram)) {
    notes.push('The fit has 1 MiB of managed SRAM.');
  }
  if (programs.length > 1) notes.push(`${programs.length} DLA tasks, 20 µs each beside their layers.`);
  const ongpu = timed.parts.filter(({ kind }) => kind === 'gpu').reduce((sum, { count }) => sum + count, 0);
  if (ongpu > 0) {
    notes.push(
      `${ongpu} node${ongpu > 1 ? 's' : ''} on the GPU: what launching ${ongpu > 1 ? 'them' : 'it'} costs is in the latency, ${ongpu > 1 ? 'their' : 'its'} work is not known.`,
    );
  }
  if (powerMode.dlaClock.status === 'assumed') {
    notes.push(`The DLA clock of ${powerMode.name} is assumed: ${powerMode.dlaClock.source}.`);
  }
  if (powerMode.secondDlaClock && cores > 1) {
    const { value } = powerMode.secondDlaClock;
    notes.push(
      `In ${powerMode.name} the second core runs at ${value} MHz: the latency is that of the first, images a second those of both.`,
    );
  }
  notes.push('No absolute power is claimed: only ratios are published.');
  return { fitted: doubts.length === 0, notes };
}

/** Layers whose tables of int8 stand for operators that the board runs in FP16, and what that takes. */
function promotionNotes(layers: readonly LayerEstimate[]): readonly string[] {
  const promoted = layers.filter((layer) => layer.promoted !== undefined && layer.promoted.length > 0);
  if (promoted.length === 0) return [];
  const launches = promotedKinds(promoted).map(({ what, count }) => `${count} × ${what}`);
  return [
    `${promoted.length} layer${promoted.length === 1 ? '' : 's'} with Sigmoid, Tanh or a gate: the board runs them in launches of their own, Sigmoid and Tanh in FP16 between conversions: ${launches.join(', ')}. Assumed, not measured (first: ${promoted[0]!.name}).`,
  ];
}

/** Kinds of layers that the fitted networks have, deconvolutions aside. */
const fitted: ReadonlySet<Layer['kind']> = new Set(['conv', 'pdp', 'resize']);

/** What a layer is that no fitted network has; undefined for the others. */
function beyondTheFit(layer: Layer): string | undefined {
  if (layer.kind === 'conv' && layer.conv.transposed) return 'transposed convolution';
  return fitted.has(layer.kind) ? undefined : kindOf(layer).title;
}
