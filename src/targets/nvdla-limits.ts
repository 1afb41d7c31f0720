/**
 * What the registers of the open NVDLA have room for, and what its units can be set to: nvdla/hw `spec/manual/*.rdl` for the
 * widths of fields, nvdla/doc for what a unit does with them. The same in every configuration; what configurations differ in
 * is in their targets. Ranges are closed.
 */

type Range = readonly [low: number, high: number];

export const nvdlaLimits = {
  /** Columns, rows and channels of a feature cube: fields of 13 bits that hold one less. */
  extent: [1, 8192],
  /** CC and CSC. */
  convolution: {
    kernels: [1, 8192],
    kernel: [1, 32],
    stride: [1, 8],
    dilation: [1, 32],
    /** Left and top; right and bottom, which end where the last window does, have a bit more. */
    padding: [0, 31],
    paddingBehind: [0, 63],
  },
  /** PDP. */
  pooling: { window: [1, 8], stride: [1, 8], padding: [0, 7] },
  /** CDP: channels that are summed. */
  normalization: { sizes: [3, 5, 7, 9] },
} as const satisfies {
  readonly extent: Range;
  readonly convolution: Readonly<Record<string, Range>>;
  readonly pooling: Readonly<Record<string, Range>>;
  readonly normalization: { readonly sizes: readonly number[] };
};
