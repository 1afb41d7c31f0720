/** The outcome of calibration. */

import type { CalibrationMethod } from './range-of.ts';

export interface Calibration {
  readonly method: CalibrationMethod;
  /** Of method `percentile`. */
  readonly percentile?: number;
  /** Images, frames: the sum of the leading dimensions of the first input. */
  readonly samples: number;
  /** value → scale as measured, before the equal-range rules; see equalizeRanges. */
  readonly scales: ReadonlyMap<string, number>;
  /** value → largest |x| seen. */
  readonly largest: ReadonlyMap<string, number>;
}
