/**
 * What stands behind an estimate: whether its very number was published, whether the network was judged, whether at least the
 * machine, the mode, the precision and the kinds of layers are those of the fit (docs/hardware/estimate-model.md#trust).
 */

import type { Plan } from '../../program/program.ts';
import type { Module, PowerMode } from '../../targets/target.ts';
import type { LayerEstimate } from '../estimate-result.ts';

/** The release whose published throughput was fitted, and its pool of managed SRAM. */
export const fittedRelease = 'JetPack 5.1.1';
export const fittedSram = 2 ** 20;

export const evidenceClasses = ['published cell', 'judged network', 'unseen network', 'never seen'] as const;

export interface Evidence {
  /**
   * `published cell`: NVIDIA publishes the throughput of this network at this batch in this mode, and the model was fitted to it.
   * `judged network`: predicted before it was compared, at other clocks. `unseen network`: machine, mode, precision and kinds of
   * layers are those of the fit, the network is not. `never seen`: one of them is not.
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
  /** By how much the predictions missed (docs/hardware/judged-comparison.md). */
  readonly judged?: Readonly<Record<'int8' | 'fp16', string>>;
}

const published: readonly Known[] = [
  { title: 'RetinaNet ResNeXt-50', gmac: 201.21, batch: 1, size: [800, 800] },
  { title: 'ResNet-34 backbone', gmac: 71.77, batch: 1, size: [768, 1280] },
  { title: 'RetinaNet ResNet-34', gmac: 184.8, batch: 1, size: [768, 1280] },
  { title: 'SSD-ResNet-34', gmac: 216.42, batch: 1, size: [1200, 1200] },
  { title: 'ResNet-50', gmac: 4.089, batch: 2, size: [224, 224] },
  { title: 'SSD-MobileNetV1', gmac: 1.237, batch: 2, size: [300, 300] },
];

const judged: readonly Known[] = [
  {
    title: 'ResNet-50',
    gmac: 4.089,
    batch: 1,
    size: [224, 224],
    judged: { int8: '+0 to +9 % on DRIVE Orin', fp16: '+43 to +51 % on DRIVE Orin' },
  },
  {
    title: 'EfficientNet-Lite0',
    gmac: 0.385,
    batch: 1,
    size: [224, 224],
    judged: { int8: '−3 to +1 % on DRIVE Orin', fp16: 'not known: no figure in FP16' },
  },
  {
    title: 'Inception v3',
    gmac: 5.713,
    batch: 1,
    size: [299, 299],
    judged: { int8: '+50 to +63 % on DRIVE Orin', fp16: '+60 to +68 % on DRIVE Orin' },
  },
];

/** Modes of the published cells. */
const publishedModes: ReadonlySet<string> = new Set(['MAXN', '50W', '30W', '15W']);

export interface Subject {
  readonly plan: Plan;
  readonly module: Module;
  readonly powerMode: PowerMode;
  readonly layers: readonly LayerEstimate[];
  /** Whether nothing about the plan and the module lies outside the fit. */
  readonly validated: boolean;
  /** Whether anything but the DLA's own launches is in the time. */
  readonly asBuilt: boolean;
}

export function evidenceOf(subject: Subject): Evidence {
  const { module, powerMode, validated, asBuilt } = subject;
  const seen = validated && publishedModes.has(powerMode.name) && !asBuilt;
  const cell = seen && builtAsPublished(subject.plan) ? find(published, subject) : undefined;
  if (cell !== undefined)
    return { class: 'published cell', error: 'fitted to: 1.7 % mean, 4.4 % largest on all cells' };
  const network = module.validated && !asBuilt ? find(judged, subject) : undefined;
  const half = subject.layers.some(({ placed, macs }) => placed?.engine === 'rubik' && macs > 0);
  if (network !== undefined) {
    return { class: 'judged network', error: network.judged![half ? 'fp16' : 'int8'] };
  }
  if (seen) return { class: 'unseen network', error: '2.8 % mean, 7.6 % largest with one network left out' };
  return { class: 'never seen', error: 'not known' };
}

/** The release and the managed SRAM of the published cells. */
const builtAsPublished = ({ release, segments }: Plan): boolean =>
  release === fittedRelease &&
  segments.every((segment) => segment.kind === 'dla' && segment.program.sram === fittedSram);

/** The network of a list that a plan is, by its size: names differ from file to file. */
function find(list: readonly Known[], { plan, layers }: Subject): Known | undefined {
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
