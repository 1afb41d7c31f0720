/**
 * What the registers of the open NVDLA have room for, and what its units can be set to: nvdla/hw `spec/manual/*.rdl` for the
 * widths of fields, nvdla/sw kmd `conv.c`, `sdp.c`, `pdp.c`, `cdp.c`, `bdma.c` and `common.h` for what the firmware takes,
 * nvdla/doc for what a unit does with them. The same in every configuration; what configurations differ in is in their
 * targets. Checker, compiler, validators and firmware read them here. Ranges are closed.
 */

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
    /** Bits that the accumulator shifts right. */
    truncate: [0, 31],
    /** Images of one launch. */
    batch: [1, 32],
    /** Rows that are fetched or released at a time. */
    rows: [1, 4096],
    bytesPerKernel: [1, 2 ** 18],
    /** The converter on the way in: signed bits of its offset. */
    convert: { offsetBits: 16, shift: [0, 63] },
  },
  /** SDP. */
  point: {
    batch: [1, 32],
    /** Of the operands of X1 and X2, and of their products; of Y's product. */
    shift: [0, 63],
    elementShift: [0, 1023],
    /** Signed bits of operands in registers of X1 and X2; Y's have 32. */
    operandBits: 16,
    convert: { offsetBits: 32, shift: [0, 63] },
  },
  /** PDP. */
  pooling: {
    window: [1, 8],
    stride: [1, 8],
    padding: [0, 7],
    /** Signed bits of what padding adds to a sum. */
    padValueBits: 19,
    /** Vertical stripes, and columns of one, of input and result. */
    stripes: [1, 256],
    stripeColumns: [1, 1024],
  },
  /** CDP. */
  normalization: {
    /** Channels that are summed. */
    sizes: [3, 5, 7, 9],
    /** Signed bits of the converters' offsets; of int8 only the low ones count (nvdla/hw cmod/hls/cdp_libs). */
    input: { offsetBits: 16, int8OffsetBits: 8, shift: [0, 31] },
    output: { offsetBits: 32, int8OffsetBits: 25, shift: [0, 63] },
  },
  /** Of SDP and CDP. */
  lookup: {
    /** Entries of the two tables. */
    entries: { le: 65, lo: 257 },
    /** Signed bits of where a table starts and ends. */
    endBits: { sdp: 32, cdp: 38 },
    /** Of the lines beyond the ends. */
    slopeShift: [-16, 15],
  },
  bdma: {
    /** Lines are counted in so many bytes. */
    lineUnit: 32,
    /** Lines of a surface, and surfaces of a transfer. */
    repeats: [1, 8192],
    /** Of one operation. */
    transfers: [1, 20],
  },
} as const;

/** PDP's line buffer (docs/hardware/nvdla-timing.md#pooling-line-buffer): its bytes, and the bits that an element takes in it. */
const lineBuffer = { bytes: 7 * 1024, int8Bits: 14, wideBits: 28 } as const;

/**
 * Columns of a pooling's result that its line buffer holds: rows that windows share wait there. A wider cube is worked through
 * in vertical stripes, which only a cube in memory can be.
 * @param elementBytes 1 or 2
 */
export function lineBufferColumns(
  kernelRows: number,
  rowStride: number,
  elementBytes: number,
  memoryAtom: number,
): number {
  const rows = Math.ceil(kernelRows / rowStride);
  const elements = memoryAtom / elementBytes;
  const bits = elementBytes === 1 ? lineBuffer.int8Bits : lineBuffer.wideBits;
  return Math.floor((lineBuffer.bytes * 8) / (rows * elements * bits));
}
