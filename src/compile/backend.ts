/**
 * A backend: all in which the compiler differs between accelerators. The passes between them ask it, and never for a target. There is
 * one for orin and xavier and one for the configurations of the open NVDLA.
 */

import type { Precision } from '../base/data-type.ts';
import type { Shape4, SurfaceFormat } from '../program/surface.ts';
import type { LaunchPolicy } from './assign.ts';
import type { Lower } from './emit.ts';
import type { InputFormat } from './input-format.ts';
import type { Operation } from './operation.ts';
import type { Placement } from './place.ts';

export interface Backend {
  readonly policy: LaunchPolicy;
  /** The format of feature surfaces; `int8` ones have a scale. */
  readonly featureFormat: (dtype: Precision) => SurfaceFormat;
  /** The shape of a value's surface: of the whole batch, or of one element of it where a program runs once for each. */
  readonly surfaceOf: (shape: Shape4) => Shape4;
  /** Whoever writes an atom writes all of it. */
  readonly wholeAtoms: boolean;
  /** Whether host nodes of different reasons become different segments (segments.ts). */
  readonly hostApart: boolean;
  /** Key of operations that may share a loadable. @param segment the checker's, to which the operation belongs */
  readonly loadableOf: (operation: Operation, segment: number) => string;
  /**
   * Why an input cannot have a format, as the end of "the input cannot be …: "; undefined when it can.
   * @param asked the caller wants that format and no other
   */
  readonly inputObstacle: (
    input: string,
    format: Exclude<InputFormat, 'auto'>,
    placement: Placement,
    asked: boolean,
  ) => string | undefined;
  readonly lower: (scaleOf: (value: string) => number) => Lower;
}
