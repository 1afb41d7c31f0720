/**
 * The part of a job's layout (job.ts) that pipelines of the open NVDLA add: how integers leave the accumulators. Words are
 * 32 bits; `…F` fields are float64.
 */

/** 1: results leave through {@link x1} … {@link convertMode} instead of the float-scale stage. */
export const integer = 384;
/** log2 of the blocks of 8 channels that an atom of the output holds. */
export const outBlocks = 388;
/** What the accumulator's rounding shift leaves, 2^−shift; 1: no shift. */
export const accumulatorF = 392;
/** log2 of the blocks of 8 channels in an atom of the input (SDP and PDP alone, depthwise convolution). */
export const inBlocks = 400;

// Output converter: (x − offset) × factor, rounded.
/** 0: results are only saturated. */
export const convertMode = 404;
export const convertOffsetF = 408;
export const convertFactorF = 416;

// Address of the lookup table, laid out as below; 0: none.
export const lookup = 424;

/** 1: X1 and X2 are what the fields from {@link narrowLowF} on describe, in one pass (assembly/nvdla/narrow.ts). */
export const narrow = 428;

// Sub-units, `unitBytes` each.
export const x1 = 432;
export const x2 = 576;
export const y = 720;
export const unitBytes = 144;

// Of a sub-unit.
/** 0: the unit is bypassed. */
export const unitKind = 0;
export const unitAlu = 4;
export const unitMul = 8;
/** 1: negative results become 0. */
export const unitRelu = 12;
/** Operands that are the same for all points, one for each channel: float64 (X1, X2) or int32 (Y). 0: from memory. */
export const unitAluVector = 16;
export const unitMulVector = 20;
// Operands for each point: where they lie, as cubes do.
export const operandAddress = 24;
export const operandRow = 28;
export const operandPixel = 32;
export const operandSurface = 36;
/** log2 of the blocks of 8 channels in an atom. */
export const operandBlocks = 40;
/** Bytes of one value. */
export const operandBytes = 44;
/** 1: each element is a pair, the ALU's value first. */
export const operandPairs = 48;
/** Y: right shift after the multiplication. */
export const unitTruncate = 52;
/** X1, X2: 2^shift of the ALU's operand. */
export const unitAluFactorF = 56;
/** X1, X2: 2^−truncate. */
export const unitFactorF = 64;
// Y: converters of operands that come from memory, (x − offset) × factor.
export const aluConvert = 72;
export const mulConvert = 76;
export const aluConvertOffsetF = 80;
export const aluConvertFactorF = 88;
export const mulConvertOffsetF = 96;
export const mulConvertFactorF = 104;

/** X1 or X2 on operands for each channel, adding or not, multiplying or not. */
export const kindVector = 1;
/** X1 or X2 that adds an int8 for each point. */
export const kindAdd = 2;
/** X1 or X2 in general. */
export const kindLinear = 3;
export const kindElement = 4;

export const aluNone = 0;
export const aluSum = 1;
export const aluMax = 2;
export const aluMin = 3;
export const aluEqual = 4;

export const mulNone = 0;
export const mulAll = 1;
/** Positive values pass as they are. */
export const mulNegative = 2;

// The lookup table in memory: two curves, then which answers when. Entries follow: 65 of LE, 257 of LO, int16.
export const curveLe = 0;
export const curveLo = 64;
/** Start of the table, int64. */
export const curveStart = 0;
export const curveEnd = 8;
/** Where the straight line of an underflow begins, int64: for an exponential table one first step on. */
export const curveEdge = 16;
/** log2 of the distance of entries; of an exponential table, of the distance of the first entry from the start. */
export const curveExponent = 24;
export const curveLast = 28;
export const curveExponential = 32;
export const underflowScale = 36;
export const underflowShift = 40;
export const overflowScale = 44;
export const overflowShift = 48;
/** Byte offset of the entries from the start of the table. */
export const curveEntries = 52;
/** 0: LE answers; 1: LO does. */
export const underflowPriority = 128;
export const overflowPriority = 132;
export const hybridPriority = 136;
export const entriesLe = 144;
export const entriesLo = 276;
export const lookupBytes = 832;

// Pooling. For each output row, then for each output column: first and end of the window in the image, what its padding
// adds to a sum (rows: in all; columns: for each row of the image), 0.
export const poolRows = 864;
export const poolColumns = 868;
/** Reciprocals, over 2^16. */
export const recipWidthF = 872;
export const recipHeightF = 880;

// In one pass: X1 on vectors of its own, X2 that adds a point's int8 or none, the converter's shift.
/** What X1's results are cut to, float64. */
export const narrowLowF = 904;
/** 1: X2 adds the point's int8, shifted to the left by so much. */
export const narrowAdds = 912;
export const narrowAddShift = 916;
/** What X2's results are cut to from below. */
export const narrowFloor = 920;
/** The converter's rounding shift to the right. */
export const narrowShift = 924;

// Conversion of an input on its way into the convolution: tables of 256 results for each byte of a pixel.
export const convertTables = 888;
/** The table of byte i of a row is number i & mask. */
export const convertMask = 892;
/** Bytes of a row. */
export const convertRow = 896;
