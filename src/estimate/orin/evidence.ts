/**
 * What stands behind an estimate: whether its very number was published, whether the network was judged, whether at least the
 * machine, the mode, the precision and the kinds of layers are those of the fit (docs/hardware/estimate-model.md#trust).
 */

import type { Plan } from '../../program/program.ts';
import type { ElementType } from '../../program/surface.ts';
import type { Module, PowerMode } from '../../targets/target.ts';
import type { LayerEstimate } from '../estimate-result.ts';

/** The release whose published throughput was fitted, and its pool of managed SRAM. */
export const fittedRelease = 'JetPack 5.1.1';
export const fittedSram = 2 ** 20;

/** Errors of the model on the 40 published cells, and on those of a network that was left out of the fit (docs/estimate-fit.md). */
export const fitErrors = {
  inSample: { mean: '1.7 %', largest: '4.4 %' },
  leftOut: { mean: '2.8 %', largest: '7.6 %' },
} as const;

export const evidenceClasses = ['published cell', 'judged network', 'unseen network', 'never seen'] as const;

export interface Evidence {
  /**
   * `published cell`: NVIDIA publishes the throughput of this network at this batch in this mode, and the model was fitted to it.
   * `judged network`: predicted before it was compared, on DRIVE Orin. `unseen network`: machine, mode, precision and kinds of
   * layers are those of the fit, the network is not. `never seen`: one of them is not, or something has no time.
   */
  readonly class: (typeof evidenceClasses)[number];
  /** What is known of the error, for people. */
  readonly error: string;
}

interface Known {
  readonly title: string;
  /** 10⁹ multiply-accumulates of an image. */
  readonly gmac: number;
  readonly batch: number;
  /** Height and width of the image. */
  readonly size: readonly [number, number];
}

interface Published extends Known {
  /** Whether NVIDIA publishes it with sparse weights too. */
  readonly sparse: boolean;
}

const published: readonly Published[] = [
  { title: 'RetinaNet ResNeXt-50', gmac: 201.21, batch: 1, size: [800, 800], sparse: true },
  { title: 'ResNet-34 backbone', gmac: 71.77, batch: 1, size: [768, 1280], sparse: true },
  { title: 'RetinaNet ResNet-34', gmac: 184.8, batch: 1, size: [768, 1280], sparse: true },
  { title: 'SSD-ResNet-34', gmac: 216.42, batch: 1, size: [1200, 1200], sparse: true },
  { title: 'ResNet-50', gmac: 4.089, batch: 2, size: [224, 224], sparse: false },
  { title: 'SSD-MobileNetV1', gmac: 1.237, batch: 2, size: [300, 300], sparse: false },
];

/** Networks that are INT8 or FP16 whole, and by how much the predictions missed (docs/hardware/judged-comparison.md). */
interface Judged extends Known {
  readonly missed: { readonly int8: string; readonly float16?: string };
}

const judged: readonly Judged[] = [
  {
    title: 'ResNet-50',
    gmac: 4.089,
    batch: 1,
    size: [224, 224],
    missed: { int8: '+0 to +9 %', float16: '+43 to +51 %' },
  },
  { title: 'EfficientNet-Lite0', gmac: 0.385, batch: 1, size: [224, 224], missed: { int8: '−3 to +1 %' } },
  {
    title: 'Inception v3',
    gmac: 5.713,
    batch: 1,
    size: [299, 299],
    missed: { int8: '+50 to +63 %', float16: '+60 to +68 %' },
  },
];

/** Modes of the published cells. */
const publishedModes: ReadonlySet<string> = new Set(['MAXN', '50W', '30W', '15W']);

export interface Subject {
  readonly plan: Plan;
  readonly module: Module;
  readonly powerMode: PowerMode;
  readonly layers: readonly LayerEstimate[];
  /** Whether nothing of the plan and the module lies outside the fit. */
  readonly fitted: boolean;
  /** Whether the DLA's own launches are all there is. */
  readonly onlyDla: boolean;
}

export function evidenceOf(subject: Subject): Evidence {
  const { plan, module, powerMode, fitted, onlyDla } = subject;
  const seen = fitted && publishedModes.has(powerMode.name) && onlyDla;
  if (seen && builtAsPublished(plan) && isPublished(subject)) {
    const { mean, largest } = fitErrors.inSample;
    return { class: 'published cell', error: `fitted to: ${mean} mean, ${largest} largest on all cells` };
  }
  const missed = module.validated && onlyDla ? missedOf(subject) : undefined;
  if (missed !== undefined) {
    return { class: 'judged network', error: `${missed} on DRIVE Orin at 1,331 to 1,408 MHz` };
  }
  if (!seen) return { class: 'never seen', error: 'not known' };
  const { mean, largest } = fitErrors.leftOut;
  const elsewhere = plan.release === fittedRelease ? '' : ` in ${fittedRelease}; not known in ${plan.release}`;
  return { class: 'unseen network', error: `${mean} mean, ${largest} largest with one network left out${elsewhere}` };
}

function isPublished(subject: Subject): boolean {
  const found = find(published, subject);
  return found !== undefined && (found.sparse || !isSparse(subject.plan));
}

/** By how much the prediction of a judged network missed; undefined where the plan is not what was judged. */
function missedOf(subject: Subject): string | undefined {
  const { plan, layers } = subject;
  const precisions = new Set(convolutions(plan).map(({ dtype }) => dtype));
  const asJudged = precisions.size === 1 && !isSparse(plan) && !layers.some(({ promoted }) => promoted?.length);
  const missed = asJudged ? find(judged, subject)?.missed : undefined;
  return precisions.has('float16') ? missed?.float16 : missed?.int8;
}

const isSparse = (plan: Plan): boolean => convolutions(plan).some(({ sparse }) => sparse);

const convolutions = ({ segments }: Plan): readonly { readonly dtype: ElementType; readonly sparse: boolean }[] =>
  segments.flatMap((segment) => {
    if (segment.kind !== 'dla') return [];
    const { layers, surfaces } = segment.program;
    return layers.flatMap((layer) =>
      layer.kind === 'conv' ? [{ dtype: surfaces[layer.conv.input]!.dtype, sparse: layer.conv.sparse }] : [],
    );
  });

/** The release and the managed SRAM of the published cells. */
const builtAsPublished = ({ release, segments }: Plan): boolean =>
  release === fittedRelease &&
  segments.every((segment) => segment.kind === 'dla' && segment.program.sram === fittedSram);

/** The network of a list that a plan is, by its size: names differ from file to file. */
function find<T extends Known>(list: readonly T[], { plan, layers }: Subject): T | undefined {
  const gmac = layers.reduce((sum, { macs }) => sum + macs, 0) / plan.batch / 1e9;
  const input = plan.tensors.find(({ name }) => name === plan.inputs[0])?.shape ?? [];
  return list.find(
    (known) =>
      Math.abs(gmac / known.gmac - 1) < 0.005 &&
      plan.batch === known.batch &&
      input.at(-2) === known.size[0] &&
      input.at(-1) === known.size[1],
  );
}
