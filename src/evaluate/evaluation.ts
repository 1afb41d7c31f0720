/** What evaluate says: FP32 beside the DLA on the same samples. */

import type { Precision } from '../base/data-type.ts';

export interface Accuracy {
  /** Fractions in [0, 1]. */
  readonly top1: number;
  readonly top5: number;
}

export interface TensorDivergence {
  readonly value: string;
  /** Signal-to-noise ratio in dB of the DLA's tensor, as real numbers, against FP32; Infinity when equal. */
  readonly snr: number;
  /** Share of elements at the end of the type's range: ±127 and −128, ±65504 and infinities in FP16. */
  readonly saturated: number;
}

export interface Evaluation {
  readonly network: string;
  readonly target: string;
  /** Precision of the DLA segments. */
  readonly precision: Precision;
  /** Samples whose classes were compared; without labels those over which tensors were. */
  readonly samples: number;
  readonly calibration: string;
  /** Absent when the samples have no labels. */
  readonly accuracy?: {
    readonly fp32: Accuracy;
    readonly dla: Accuracy;
    /** Share of samples on which both give the same top-1 class. */
    readonly agreement: number;
  };
  /** Per tensor, in execution order, measured on a few samples; empty when not asked for. */
  readonly tensors: readonly TensorDivergence[];
  /** The first tensor below 20 dB, when there is one. */
  readonly firstDivergence?: string;
}
