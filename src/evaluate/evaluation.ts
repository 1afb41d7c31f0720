/** What evaluate says: FP32 beside INT8 on the same labelled samples. */

export interface Accuracy {
  /** Fractions in [0, 1]. */
  readonly top1: number;
  readonly top5: number;
}

export interface TensorDivergence {
  readonly value: string;
  /** Signal-to-noise ratio in dB of the dequantized INT8 tensor against FP32; Infinity when equal. */
  readonly snr: number;
  /** Share of elements at ±127/−128. */
  readonly saturated: number;
}

export interface Evaluation {
  readonly network: string;
  readonly target: string;
  readonly samples: number;
  readonly calibration: string;
  readonly fp32: Accuracy;
  readonly int8: Accuracy;
  /** Share of samples on which both give the same top-1 class. */
  readonly agreement: number;
  /** Per tensor, in execution order, measured on a few samples; empty when not asked for. */
  readonly tensors: readonly TensorDivergence[];
  /** The first tensor below 20 dB, when there is one. */
  readonly firstDivergence?: string;
}
