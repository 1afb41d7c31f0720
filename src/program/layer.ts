/**
 * Hardware layers. A layer is one launch of a *pipeline*, and a pipeline is a chain of stages that hand data on
 * without a surface between them: `conv → sdp → pdp` with any stage absent, or one of the engines that run alone.
 *
 * The stages are generic in how they refer to memory. In a Program they name surfaces (`Layer`, S = surface id); when
 * the firmware launches a layer it binds them to addresses (S = Cube of device/). One definition serves the compiler,
 * the estimator, the printer and the engines.
 *
 * A stage without `input` takes its data from the stage before it; one without `output` hands it to the next.
 *
 * Four arithmetics share these stages (docs/arithmetic.md). Orin and xavier: `float-scale` gives int8 (one float32 multiplication per
 * output channel, round half away from zero), `float16` gives binary16. The open NVDLA: `integer-scale` (multiply, shift, round half
 * away) and `nvdla-float16`. They differ only in the SDP's parameters, so that stage is a union.
 *
 * What there is to say about each kind is in layers/: its fields and their arithmetic, what it reads and writes, when it is valid, what it
 * costs. This file puts them together.
 */

import type { BdmaTransfer } from './layers/bdma.ts';
import type { Cdp } from './layers/cdp.ts';
import type { Conv } from './layers/conv.ts';
import type { Copy } from './layers/copy.ts';
import type { Lrn } from './layers/lrn.ts';
import type { Pdp } from './layers/pdp.ts';
import type { PixelCopy } from './layers/pixels.ts';
import type { Resize } from './layers/resize.ts';
import type { RubikMove } from './layers/rubik.ts';
import type { Sdp } from './layers/sdp.ts';
import type { Softmax } from './layers/softmax.ts';

export type { BdmaTransfer } from './layers/bdma.ts';
export type { Cdp } from './layers/cdp.ts';
export type { Conv, ConvCore, ImageInput } from './layers/conv.ts';
export type { Copy } from './layers/copy.ts';
export type { Convert, Extent, Padding } from './layers/fields.ts';
export type { PixelGrid } from './layers/kind.ts';
export type { Lookup, LookupCurve, LookupSlope } from './layers/lookup.ts';
export type { Lrn } from './layers/lrn.ts';
export type { IntegerAverage, Pdp } from './layers/pdp.ts';
export type { PixelCopy } from './layers/pixels.ts';
export type { LinearResize, NearestResize, Resize } from './layers/resize.ts';
export type { RubikMove } from './layers/rubik.ts';
export {
  type Float16Sdp,
  type FloatScaleSdp,
  isNvdlaSdp,
  type JetsonSdp,
  looksUp,
  type NvdlaSdp,
  nvdlaArithmetic,
  type PointSteps,
  resultType,
  type Sdp,
  type SdpUnit,
} from './layers/sdp.ts';
export type { Softmax } from './layers/softmax.ts';

export type Pipeline<S> =
  | { readonly kind: 'conv'; readonly conv: Conv<S>; readonly sdp: Sdp<S>; readonly pdp?: Pdp<S> }
  | { readonly kind: 'sdp'; readonly sdp: Sdp<S>; readonly pdp?: Pdp<S> }
  | { readonly kind: 'pdp'; readonly pdp: Pdp<S> }
  | { readonly kind: 'cdp'; readonly cdp: Cdp<S> }
  | { readonly kind: 'lrn'; readonly lrn: Lrn<S> }
  | { readonly kind: 'softmax'; readonly softmax: Softmax<S> }
  | { readonly kind: 'resize'; readonly resize: Resize<S> }
  | { readonly kind: 'copy'; readonly copy: Copy<S> };

/** What only moves bytes and only the open NVDLA has: no engine computes. */
export type Move<S> =
  | { readonly kind: 'pixels'; readonly pixels: PixelCopy<S> }
  | { readonly kind: 'rubik'; readonly rubik: RubikMove<S> }
  | { readonly kind: 'bdma'; readonly transfers: readonly BdmaTransfer<S>[] };

export type LayerKindName = (Pipeline<unknown> | Move<unknown>)['kind'];

/** A launch of one kind. */
export type LayerOf<K extends LayerKindName, S> = Extract<Pipeline<S> | Move<S>, { readonly kind: K }>;

/** A hardware layer of a Program: a pipeline or a move over surface ids. */
export type Layer = (Pipeline<number> | Move<number>) & {
  /** Index in Program.layers. */
  readonly id: number;
  /** The name of the last ONNX node it stands for. Unique in the Program. */
  readonly name: string;
  /** Every node of the original model that it stands for, in graph order. */
  readonly origin: readonly string[];
  /**
   * The ONNX operators that its lookup table of int8 stands for, `['Sigmoid', 'Mul']` of SiLU: one launch here, several on the board
   * (docs/hardware/orin.md#activation). Orin and Xavier; absent without a table.
   */
  readonly tableOf?: readonly string[];
  /** Layers that must be complete before this one starts. */
  readonly after: readonly number[];
};
