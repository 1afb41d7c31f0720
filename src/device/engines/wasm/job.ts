/**
 * The layout of a job: what the host writes into memory and the kernels read. Compiled by TypeScript for the host and by
 * AssemblyScript for the kernels, so both see the same byte offsets. Every field is a 32-bit word; `…F` fields are
 * float32. A job is cut into units that threads take from `jobNext` one by one; the order never shows in the result.
 */

// What every job has.
export const jobKind = 0;
export const jobUnits = 4;
export const jobNext = 8;
/** First byte and size of each thread's own scratch. */
export const jobScratch = 12;
export const jobScratchSize = 16;

export const kindConv = 0;
export const kindDepthwise = 1;
export const kindPoint = 2;
export const kindPool = 3;
export const kindNearest = 4;
export const kindLinear = 5;
export const kindCopy = 6;
// Of the open NVDLA; their fields are in nvdla/job.ts.
export const kindIntegerPoint = 7;
export const kindIntegerPool = 8;
export const kindConvert = 9;
// Of the open NVDLA in float16; their fields are in nvdla/float16/job.ts.
export const kindFloatLists = 10;
export const kindFloatConv = 11;
export const kindFloatPoint = 12;
export const kindFloatPool = 13;

// Of orin and xavier in float16; their fields are in float16/job.ts.
export const kindHalfConv = 14;
export const kindHalfLanes = 15;
export const kindHalfPool = 16;
export const kindHalfLinear = 17;
export const kindHalfSoftmax = 18;
export const kindHalfLrn = 19;

// Where results go, for every kind: (batch, row, pixel, run of 32 channels) each a step of bytes.
export const outAddress = 32;
export const outBatch = 36;
export const outRow = 40;
export const outPixel = 44;
export const outSurface = 48;
export const outHeight = 52;
export const outWidth = 56;
export const outChannels = 60;
export const batch = 64;

// Where data comes from, likewise.
export const inAddress = 72;
export const inBatch = 76;
export const inRow = 80;
export const inPixel = 84;
export const inSurface = 88;
export const inHeight = 92;
export const inWidth = 96;
export const inChannels = 100;

// Windows of convolution, depthwise convolution and pooling.
export const kernelH = 112;
export const kernelW = 116;
export const strideH = 120;
export const strideW = 124;
export const dilationH = 128;
export const dilationW = 132;
export const padTop = 136;
export const padLeft = 140;
/** 32 bytes that stand in the padding. */
export const padAtom = 144;
/** Whether a window may leave the image. */
export const padded = 148;

// Single-point stage. Vectors hold one word for each channel, filled up to whole blocks of 8.
export const bias = 160;
export const scale = 164;
/** 0: none. */
export const shift = 168;
/** 0: none. */
export const slope = 172;
/** 0: none; else the address of entry 128, for the integer 0. */
export const lut = 176;
/** 0: none. */
export const operandOp = 180;
export const operandScaleF = 184;
export const operandAddress = 188;
export const operandBatch = 192;
export const operandRow = 196;
export const operandPixel = 200;
export const operandSurface = 204;
export const low = 208;
export const high = 212;
/** Results beyond these were cut off at the ends of int8; out of int16's reach where the clamp is narrower than int8. */
export const saturatedBelow = 216;
export const saturatedAbove = 220;

export const operandAdd = 1;
export const operandSub = 2;
export const operandMul = 3;
export const operandMax = 4;
export const operandMin = 5;

// Convolution.
export const weights = 240;
/** Channel pairs of all taps: weights of a block of 8 kernels take 32 bytes for each. */
export const pairs = 244;
export const chunkTiles = 248;
export const chunks = 252;
/** Blocks of 8 kernels. */
export const blocks = 256;
export const splitBlocks = 260;
/** Blocks that have weights; those behind them start and end with the bias. */
export const weightBlocks = 284;
/** 1: the input is a padded NHWC copy, read in runs of consecutive bytes. */
export const compact = 264;
export const runs = 268;
export const runLength = 272;
export const runOffsets = 276;
/** For each block of 8 kernels, the first input channel it reads (grouped convolutions). */
export const starts = 280;

// Depthwise: taps of the kernel in pairs.
export const tapPairs = 288;
/** Rows of output that a unit computes (depthwise, pool, resize, copy). */
export const unitRows = 292;
export const rowUnits = 296;

// Pool.
export const poolMode = 304;
export const poolCount = 308;
export const poolMax = 0;
export const poolMin = 1;
export const poolAverage = 2;

// Resize: 16 bytes for each output row and column: first, second, weight of first, weight of second.
export const rowTaps = 320;
export const columnTaps = 324;
export const factorF = 328;

// Copy between any two layouts: channel c lies at (c / atom) · surface + c mod atom.
export const copyChannels = 336;
export const inFirst = 340;
export const inAtom = 344;
export const outFirst = 348;
export const outAtom = 352;
/** Output (y, x) takes input (y − copyTop, x − copyLeft); outside the input it is `copyFill`. */
export const copyTop = 356;
export const copyLeft = 360;
export const copyFill = 364;
/** Channels that the last atom of the output has room for, to be zeroed behind the last channel. */
export const outRoom = 368;

// Fields from byte 384 on are in nvdla/job.ts, nvdla/float16/job.ts and float16/job.ts.

export const jobBytes = 1024;

// Each thread's scratch: a counter of saturated results at 0, pixel tables, accumulators, then a panel (or padded rows).
export const scratchSpill = 64;
export const scratchOutTable = 128;
/** The most tiles of 4 pixels that a chunk may have: more and panels of few channels leave the first-level cache. */
export const mostTiles = 32;
export const scratchOperandTable = 640;
export const scratchAccumulators = 1152;
export const scratchPanel = 5248;

// The mailbox through which a pool of threads is driven (threads build).
/** The job on offer, 0 when none is. */
export const boxJob = 0;
/** Raised for every job and at the end: sleepers wait on it. */
export const boxTicket = 64;
/** Helpers at work. The launching thread waits for 0. */
export const boxActive = 128;
export const boxStop = 192;
/** Helpers that have started. */
export const boxUp = 256;
/** Set when a helper died. */
export const boxFailed = 320;
export const boxBytes = 384;
