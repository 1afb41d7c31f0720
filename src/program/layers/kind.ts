/**
 * A kind of hardware layer is described once: in a file of its own, listed in table.ts.
 * Printer, parser, validator, liveness, binder, estimators and recorder go through these; only engines and lowering know the
 * kinds one by one.
 */

import type { NvdlaTarget, Target } from '../../targets/target.ts';
import type { LayerKindName, LayerOf } from '../layer.ts';
import type { ElementType, Shape4, Surface } from '../surface.ts';
import type { LayerContext } from './context.ts';
import type { Extent, Fields } from './fields.ts';

export interface LayerKind<K extends LayerKindName> {
  readonly kind: K;
  /** What people call a layer of it. */
  readonly title: string;
  /** The schema of each field beside `kind` and what all layers have. */
  readonly fields: Fields<Omit<LayerOf<K, number>, 'kind'>>;
  /** `engines` compute it; `descriptors`: the open NVDLA's firmware has it done, and no pipeline is launched. */
  readonly runs: 'engines' | 'descriptors';
  /** What the launch needs and the target lacks, as the end of "has no …"; undefined where the target runs it. */
  lacks(target: Target): string | undefined;
  /**
   * The same launch over other surfaces. Calls `visit` once for each reference to memory, in the order of the stages, which
   * also tells what a layer reads and writes.
   */
  map<S, T>(launch: LayerOf<K, S>, visit: Visit<S, T>): LayerOf<K, T>;
  /** Checks that shapes, types, formats and numbers fit together. @throws program/invalid */
  check(context: LayerContext, launch: LayerOf<K, number>): void;
  /**
   * Checks that the open NVDLA's registers can hold the launch; absent where it has no such layer. @throws
   * program/invalid
   */
  checkRegisters?(context: LayerContext, launch: LayerOf<K, number>, target: NvdlaTarget): void;
  /** The work of a launch, engine by engine in the order that data passes them. */
  work<S>(launch: LayerOf<K, S>, typeOf: (surface: S) => CubeType): readonly StageWork[];
}

export type Visit<S, T> = (surface: S, access: Access) => T;

type Access = ReadAccess | WriteAccess;

export interface ReadAccess extends PartialAccess {
  /** `bytes`: whatever the surface holds, as the bridge DMA copies it. */
  readonly role: 'input' | 'operand' | 'weights' | 'vector' | 'bytes';
  /** The field it is named in, for messages: `conv.weights`. */
  readonly field: string;
  /** Through which client of the open NVDLA's memory interface it comes; absent where it is no traffic there. */
  readonly client?: ReadClient;
}

export interface WriteAccess extends PartialAccess {
  readonly role: 'output';
  readonly field: string;
  /** The channels that fill up the last atom are left as they were; otherwise they are zeroed. */
  readonly keepsRest?: boolean;
}

/** The part of a surface that is accessed; all of it where nothing is set. */
interface PartialAccess {
  readonly channels?: ChannelRange;
  readonly comb?: Comb;
  /** Bytes that the bridge DMA moves, which counts no elements. */
  readonly bytes?: number;
}

/** [from, to) */
export interface ChannelRange {
  readonly from: number;
  readonly to: number;
}

/** So many pixels of a grid. */
interface Comb extends PixelGrid {
  readonly rows: number;
  readonly columns: number;
}

/** Every step-th row and column from a first one on. */
export interface PixelGrid {
  readonly row: number;
  readonly column: number;
  readonly step: Extent;
}

/** nvdla/hw `NV_NVDLA_MCIF_read`: each has buffers of its own. */
export type ReadClient =
  | 'features'
  | 'weights'
  | 'sdp'
  | 'sdp x1'
  | 'sdp x2'
  | 'sdp y'
  | 'pdp'
  | 'cdp'
  | 'rubik'
  | 'bdma';

/** The engines, by NVDLA's names; each raises `done` when its part of a launch is complete. */
export const engineNames = ['conv', 'sdp', 'pdp', 'cdp', 'rubik', 'bdma', 'resize', 'softmax'] as const;
export type EngineName = (typeof engineNames)[number];

/** The properties of a surface that decide how much work it is. */
export type CubeType = Pick<Surface, 'shape' | 'dtype' | 'format'>;

/** The work of one engine in a launch, without prices: those belong to a performance model. */
export interface StageWork {
  readonly engine: EngineName;
  /** The elements that enter and leave it. */
  readonly enters: Shape4;
  readonly leaves: Shape4;
  /** The type in which the engine works: of its input; for pooling, of its output. */
  readonly dtype: ElementType;
  /** Multiply-accumulates of the convolution core. */
  readonly macs?: MacWork;
}

/** The shape of a convolution's multiplications. */
export interface MacWork {
  readonly inputChannels: number;
  readonly kernels: number;
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  /** Pixels of one image, before any fused pooling; those of the input where the convolution is transposed. */
  readonly pixels: number;
  /** Reads dla_hwc4. */
  readonly image: boolean;
  readonly sparse: boolean;
}
