/**
 * The part of a job's layout (job.ts) that float16 pipelines of the open NVDLA have instead of nvdla/job.ts. Words are 32
 * bits.
 */

// Input of a convolution: for each block of channels and each pixel of the image (and one that stands in the padding)
// the list of its elements other than zero.
export const lists = 384;
/** Bytes that a list takes at most, and so from one list to the next. */
export const listBytes = 388;
/** Lists of one block: pixels of the image and one more. */
export const listCount = 392;
export const blockCount = 396;
/** Half that stands in the padding, 16 times. */
export const padSource = 400;
/** Of an image: where in a pixel each component lies, a byte each. Features: 0. */
export const imageOrder = 404;
/** Halves in a pixel of an image. */
export const imagePixel = 408;

// Convolution.
export const weightStream = 416;
export const kernels = 420;
/** Weights of one kernel. */
export const kernelLength = 424;
/** Steps, `stepBytes` each, and their parts, `partBytes` each. */
export const steps = 428;
export const stepCount = 432;
export const parts = 436;
/** Tables for the cut of products (float16/tables.ts). */
export const cutTables = 440;
export const chunkPixels = 444;
export const chunks = 448;

export const stepBytes = 16;
export const stepPart = 0;
export const stepEndPart = 4;
/** First weight of the step in a kernel, and their number. */
export const stepStart = 8;
export const stepLength = 12;

/** A part of a step is a pixel under the window: all of its block of channels. */
export const partBytes = 16;
export const partRow = 0;
export const partColumn = 4;
/** Bytes from the first block's lists to those of the part's. */
export const partLists = 8;
/** Bytes from the step's first row of weights. */
export const partWeights = 12;

/** Elements of a step, at most: what the sums of fractions allow. */
export const mostElements = 64;

// A list: a header, then a record for each element.
/** Where the elements of each run of 16 channels begin, in records, a byte each; then where the last ends. */
export const listStarts = 0;
/** A single: the first NaN. 0: there is none. */
export const listNaN = 8;
export const listHeader = 16;
export const recordBytes = 16;
/** The element, float64. */
export const recordValue = 0;
/** 7 − a quarter of the exponent, four times. */
export const recordExponent = 8;
/** Bit 14: the sign; bits 6 to 13: the mantissa's low byte; bits 0 to 5: the rest of it. */
export const recordParts = 12;
/** Bytes from the first row of weights of the block to the element's. */
export const recordWeights = 14;
/** What of `recordParts` is the offset in the tables. */
export const tableMask = 0x7fc0;
export const tableBytes = 64;

// A row of weights, made from the stream for one step: those of 16 kernels that one element meets.
export const rowBytes = 256;
/** 16 float64. */
export const rowValues = 0;
/** 7 − a quarter of the exponent, bytes; of zeros `noExponent`. */
export const rowExponents = 128;
/** The signed mantissa's lowest four bits, and the next four. */
export const rowLow = 144;
export const rowHigh = 160;
/** The same of the mantissa, inverted where the weight is negative. */
export const rowDigitsLow = 176;
export const rowDigitsHigh = 192;
/** Which half of the tables is a lane's: 0x0f, or where the weight is negative 0xf0. */
export const rowSide = 208;
/** 16 signed mantissas, int16. */
export const rowMantissas = 224;
export const noExponent = 0x90;

// Each thread's scratch.
/** What products cut by 12 bits and more leave, int16. */
export const scratchRest = 64;
export const scratchShifts = 96;
/** Singles of weights that are NaN in a step. */
export const scratchNaN = 128;
/** Of each part of a step that holds anything, `foundBytes`: first and end of its records, its first row of weights. */
export const scratchParts = 192;
export const foundBytes = 16;
/** A sum and its carries on their way through the tree. */
export const scratchTree = 1984;
export const scratchRows = 2048;
/** Products that wait to be cut: data, Booth digits, shifts, lanes; 16 bits each, in places of their own. */
export const scratchWaiting = 18432;
export const waitingDigits = 2080;
export const waitingShift = 4160;
export const waitingLane = 6240;
export const scratchSums = 26880;
/** Of each pixel: 16 accumulators, then 16 singles that are NaN. */
export const sumBytes = 128;
export const nanBytes = 64;

// Single-point stage. Each unit is `unitBytes` of fields.
export const x1 = 512;
export const x2 = 576;
export const y = 640;
export const unitBytes = 64;

/** 0: bypassed; 1: ALU, then multiplier (X1, X2); 2: the other way round (Y). */
export const unitOrder = 0;
/** As in nvdla/job.ts. */
export const unitAlu = 4;
export const unitMul = 8;
export const unitRelu = 12;
/** Where operands come from: one single in the field below, a table of halves by channel, or a cube of halves. */
export const aluSource = 16;
export const mulSource = 20;
export const aluBits = 24;
export const mulBits = 28;
export const operandAddress = 32;
/** Bytes of an element: 4 when it is a pair, the ALU's half first. */
export const operandElement = 36;
export const operandRow = 40;
export const operandSurface = 44;

export const fromRegister = 0;
export const fromTable = 1;
export const fromCube = 2;

// Pooling. For each output row, then for each output column: first and end of the window in the image.
export const poolRows = 704;
export const poolColumns = 708;
/** Reciprocals of an average, singles. */
export const recipWidthF = 712;
export const recipHeightF = 716;

// Lookup table of Y, laid out as below; 0: none.
export const lookup = 720;

// Two curves, then which answers when (0: LE; 1: LO). Numbers are singles, or float64 where a name ends in F.
export const curveLe = 0;
export const curveLo = 320;
export const curveStart = 0;
export const curveEnd = 4;
/** Where the straight line of an underflow begins: for an exponential table one first step on. */
export const curveEdge = 8;
export const curveLast = 12;
/** Of evenly spaced entries: one over their distance. */
export const curveScaleF = 16;
export const curveExponential = 24;
/** Of an exponential table: log2 of the distance of the first entry from the start. */
export const curveExponent = 28;
export const underflowSlope = 32;
export const overflowSlope = 36;
export const curveEntries = 40;
// As nvdla/job.ts has them, one after the other.
export const underflowPriority = 1392;
export const overflowPriority = 1396;
export const hybridPriority = 1400;
export const lookupBytes = 1408;
