/**
 * What the performance counters of one launch count: elements, not cycles (stalls and latencies are read as 0, for
 * nothing here takes time). The reference counts as it computes; kernels count what has no enable bit, and a launch whose
 * registers ask for more is counted by the reference besides.
 *
 * What counts follows nvdla/hw's C-model. SDP and CDP do not agree on lookups: CDP counts what its manual says, each
 * element once; SDP's hits of one table include those of both, and its underflows and overflows those of the table that
 * answers where the tables miss on different sides (cmod/hls/sdp/sdp_y_idx.cpp, cmod/hls_wrapper/sdp_hls_wrapper.cpp).
 */

import type { Generation } from '../../../nvdla/registers/register-table.ts';
import { isHalfNaN } from './float16/float.ts';
import type { NoteLookup } from './lookup-table.ts';

export interface LookupCounts {
  underflow: number;
  overflow: number;
  hybrid: number;
  le: number;
  lo: number;
}

export interface SpecialCounts {
  nan: number;
  infinite: number;
}

export interface HardwareCounts {
  readonly generation: Generation;
  /** Whether a register asks for what kernels do not count. */
  readonly needed: boolean;
  /** `saturated`: sums that CACC hands on at an end of int32. */
  readonly conv: { readonly data: SpecialCounts; readonly weights: SpecialCounts; saturated: number };
  /** `saturated`: results that leave the 17 bits of the output converter, or become the largest float16. */
  readonly sdp: {
    readonly input: SpecialCounts;
    nanOutput: number;
    saturated: number;
    readonly lookup: LookupCounts;
    /** Whether any comparison found a difference. */
    unequal: boolean;
  };
  readonly pdp: { readonly input: SpecialCounts; nanOutput: number };
  readonly cdp: {
    readonly input: SpecialCounts;
    nanOutput: number;
    saturated: number;
    readonly lookup: LookupCounts;
  };
}

const noSpecials = (): SpecialCounts => ({ nan: 0, infinite: 0 });
const noLookups = (): LookupCounts => ({ underflow: 0, overflow: 0, hybrid: 0, le: 0, lo: 0 });

export const noCounts = (generation: Generation, needed: boolean): HardwareCounts => ({
  generation,
  needed,
  conv: { data: noSpecials(), weights: noSpecials(), saturated: 0 },
  sdp: { input: noSpecials(), nanOutput: 0, saturated: 0, lookup: noLookups(), unequal: false },
  pdp: { input: noSpecials(), nanOutput: 0 },
  cdp: { input: noSpecials(), nanOutput: 0, saturated: 0, lookup: noLookups() },
});

export function countSpecials(counts: SpecialCounts, halves: ArrayLike<number>): void {
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i]!;
    if ((bits & 0x7c00) !== 0x7c00) continue;
    if (isHalfNaN(bits)) counts.nan++;
    else counts.infinite++;
  }
}

export function countNaN(halves: ArrayLike<number>): number {
  const counts = noSpecials();
  countSpecials(counts, halves);
  return counts.nan;
}

/** The largest finite float16 of either sign, which every overflow becomes. */
export const isLargestHalf = (bits: number): boolean => (bits & 0x7fff) === 0x7bff;

/**
 * Whether a converter reports that `product / 2^shift` became `clamped`, an end of its range. nv_full compares what lies
 * below with the result and lets a step of one pass (cmod/hls/include/nvdla_int.h, IntShiftRightSat); the generation
 * after it compares what was rounded (vmod/vlibs/NV_NVDLA_HLS_shiftrightsatsu.v).
 */
export function reportsSaturation(
  generation: Generation,
  product: number,
  shift: number,
  rounded: number,
  clamped: number,
): boolean {
  if (generation === 'v2') return rounded !== clamped;
  return Math.abs(Math.floor(product / 2 ** shift) - clamped) > 1;
}

/** Counts what SDP looks up. */
export const sdpLookups =
  (counts: LookupCounts): NoteLookup =>
  (le, lo, answer) => {
    if (le === 'hit') counts.le++;
    if (lo === 'hit') counts.lo++;
    if (answer === 'hit') counts.hybrid++;
    else counts[answer]++;
  };

/** Counts what CDP looks up. */
export const cdpLookups =
  (counts: LookupCounts): NoteLookup =>
  (le, lo) => {
    if (le === lo && le !== 'hit') counts[le]++;
    else if ((le === 'hit') === (lo === 'hit')) counts.hybrid++;
    else if (le === 'hit') counts.le++;
    else counts.lo++;
  };
