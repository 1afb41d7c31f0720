/**
 * A surface is a tensor as the hardware sees it: bytes at an offset of a memory, in a format, with strides. Feature
 * surfaces are cut into *atoms*: the channels of one pixel in runs of 8, 16 or 32 elements that lie side by side, so
 * element (n, c, y, x) of an int8 `chw32` surface is at
 *
 *     n·batchStride + ⌊c/32⌋·surfaceStride + y·lineStride + x·32 + c mod 32
 *
 * The channels that fill up the last atom are zero. Format names are TensorRT's (docs/hardware/orin.md#formats);
 * memories are named after TensorRT's pools (docs/hardware/orin.md#memory-pools).
 */

import type { Bytes } from '../base/units.ts';

export type ElementType = 'int8' | 'int16' | 'int32' | 'float16' | 'float32';

export type SurfaceFormat =
  | 'chw32' // feature atoms of 32 elements: int8 on orin, xavier, nv_full, nv_large
  | 'chw16' // 16 elements: 16-bit on the same, int8 on nv_medium_512
  | 'chw8' // 8 elements: int8 on nv_small
  | 'dla_hwc4' // image input: 1 or 4 interleaved channels a pixel
  | 'dla_linear' // planes of rows padded to 64 bytes
  | 'kcrs' // weights: kernel, input channel of the group, row, column
  | 'vector'; // one element per output channel: bias, scale, slope; or a table

export type MemoryName =
  | 'managed_sram' // kDLA_MANAGED_SRAM
  | 'local_dram' // kDLA_LOCAL_DRAM: intermediates
  | 'global_dram' // kDLA_GLOBAL_DRAM: weights and tables, constant
  | 'io'; // bound by the application: inputs and outputs of the task; each such surface has a buffer of its own

/** N, C, H, W; for weights K, C per group, R, S; for vectors 1, elements, 1, 1. */
export type Shape4 = readonly [n: number, c: number, h: number, w: number];

export interface Surface {
  /** Index in Program.surfaces. */
  readonly id: number;
  /** The ONNX value it holds, or `NODE:weights`, `NODE:bias`, … for constants. Unique in the Program. */
  readonly name: string;
  readonly shape: Shape4;
  readonly dtype: ElementType;
  readonly format: SurfaceFormat;
  readonly lineStride: Bytes;
  readonly surfaceStride: Bytes;
  readonly batchStride: Bytes;
  readonly size: Bytes;
  readonly memory: MemoryName;
  /** From the start of the memory; 0 for `io`. */
  readonly offset: Bytes;
  /** real value = scale × integer; absent for constants, floating-point surfaces and what a stock loadable keeps inside. */
  readonly scale?: number;
  /**
   * Set when this surface is a part of another: a run of channels (an input of a free concatenation), on integer-scale targets
   * also a run of rows (a convolution that is split by height). Same memory, format and strides, all columns; with A channels
   * in an atom, offset = parent's offset + channel/A · surfaceStride + row · lineStride.
   */
  readonly parent?: number;
}
