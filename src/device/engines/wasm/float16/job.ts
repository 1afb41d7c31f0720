/**
 * Fields of jobs that touch float16 on orin and xavier, beside those of job.ts. The words are those of the open NVDLA's jobs
 * (nvdla/job.ts), which are never the same jobs.
 */

/** 1: the single-point stage goes by the fields below, in float32; 0: int8 in and out. */
export const floatStage = 512;
/** 1: accumulators are float32; 0: int32. */
export const floatSums = 516;
/** 1: the stage reads float16 (point-wise jobs). */
export const halfInput = 520;
export const halfOperand = 524;
export const halfOutput = 528;
/** Bounds of float16 results, infinities where there is none. */
export const lowF = 532;
export const highF = 536;
/** 0: none; else where a table of 65,536 halves lies. */
export const halfTable = 540;

// Convolution of halves: taps at so many rows and columns from the first pixel of a window, 8 bytes each.
export const tapTable = 544;
export const tapCount = 548;
/** Input channels of a group. */
export const tapChannels = 552;
/** For each block of 8 kernels, the first input channel of each; 0 for a depthwise convolution, where it is the kernel's own number. */
export const laneChannels = 556;

// Softmax and LRN: what lies along one axis, many times.
export const pencilAxis = 560;
export const axisChannels = 0;
export const axisRows = 1;
export const axisColumns = 2;
/** Pencils of a unit. */
export const unitPencils = 564;
/** Channels of LRN's window on either side of the middle. */
export const lrnReach = 568;
export const lrnShareF = 572;
export const lrnBiasF = 576;
export const lrnBetaF = 580;
