/**
 * Which counters the registers of a launch enable, and what they show once it is complete. A counter that is not enabled
 * keeps what it showed before. Those without an enable bit always count: CACC's saturation, NaN and infinity of CDMA, PDP
 * and CDP, lookups of CDP (whose enable bit nvdla/hw's C-model ignores).
 */

import { isNvdlaSdp, looksUp, type SdpUnit } from '../../program/layer.ts';
import type { HardwareCounts, LookupCounts } from '../engines/reference/nvdla/hardware-counts.ts';
import type { Cube, Launch } from '../launch.ts';
import type { RegisterFile } from './registers/register-file.ts';

const unitY = ({ sdp }: Extract<Launch, { readonly kind: 'conv' | 'sdp' }>): SdpUnit<Cube> | undefined =>
  isNvdlaSdp(sdp) ? sdp.y : undefined;

const enables = (file: RegisterFile, field: string): boolean => file.current('SDP').field('D_PERF_ENABLE', field) === 1;

const countsInput = (file: RegisterFile): boolean =>
  file.current('SDP_RDMA').field('D_PERF_ENABLE', 'PERF_NAN_INF_COUNT_EN') === 1;

/** Whether the registers enable a counter that the kernels do not keep. */
export function needsCounts(pipeline: Launch, file: RegisterFile): boolean {
  if (pipeline.kind !== 'conv' && pipeline.kind !== 'sdp') return false;
  const { sdp } = pipeline;
  const isFloat = sdp.arithmetic === 'nvdla-float16';
  return (
    enables(file, 'PERF_SAT_EN') ||
    (enables(file, 'PERF_LUT_EN') && looksUp(unitY(pipeline))) ||
    unitY(pipeline)?.alu === 'equal' ||
    (isFloat && enables(file, 'PERF_NAN_INF_COUNT_EN')) ||
    (isFloat && sdp.input !== undefined && countsInput(file))
  );
}

/** Writes the counts of a launch into the registers; called before its groups are released. */
export function showCounts(pipeline: Launch, counts: HardwareCounts, file: RegisterFile): void {
  const { conv, sdp, pdp, cdp } = counts;
  if (pipeline.kind === 'conv') {
    file.show('CACC', 'D_OUT_SATURATION', conv.saturated);
    file.show('CDMA', 'D_NAN_INPUT_DATA_NUM', conv.data.nan);
    file.show('CDMA', 'D_INF_INPUT_DATA_NUM', conv.data.infinite);
    file.show('CDMA', 'D_NAN_INPUT_WEIGHT_NUM', conv.weights.nan);
    file.show('CDMA', 'D_INF_INPUT_WEIGHT_NUM', conv.weights.infinite);
  }
  if (pipeline.kind === 'conv' || pipeline.kind === 'sdp') {
    if (enables(file, 'PERF_SAT_EN')) file.show('SDP', 'D_PERF_OUT_SATURATION', sdp.saturated);
    if (enables(file, 'PERF_LUT_EN') && looksUp(unitY(pipeline))) showLookups(file, 'SDP', sdp.lookup);
    if (enables(file, 'PERF_NAN_INF_COUNT_EN')) file.show('SDP', 'D_STATUS_NAN_OUTPUT_NUM', sdp.nanOutput);
    if (unitY(pipeline)?.alu === 'equal') file.show('SDP', 'D_STATUS', Number(sdp.unequal));
    if (pipeline.sdp.input && countsInput(file)) {
      file.show('SDP_RDMA', 'D_STATUS_NAN_INPUT_NUM', sdp.input.nan);
      file.show('SDP_RDMA', 'D_STATUS_INF_INPUT_NUM', sdp.input.infinite);
    }
  }
  if ('pdp' in pipeline && pipeline.pdp) {
    file.show('PDP', 'D_NAN_INPUT_NUM', pdp.input.nan);
    file.show('PDP', 'D_INF_INPUT_NUM', pdp.input.infinite);
    file.show('PDP', 'D_NAN_OUTPUT_NUM', pdp.nanOutput);
  }
  if (pipeline.kind === 'cdp') {
    file.show('CDP', 'D_NAN_INPUT_NUM', cdp.input.nan);
    file.show('CDP', 'D_INF_INPUT_NUM', cdp.input.infinite);
    file.show('CDP', 'D_NAN_OUTPUT_NUM', cdp.nanOutput);
    file.show('CDP', 'D_OUT_SATURATION', cdp.saturated);
    showLookups(file, 'CDP', cdp.lookup);
  }
}

const lookupCounters = {
  underflow: 'D_PERF_LUT_UFLOW',
  overflow: 'D_PERF_LUT_OFLOW',
  hybrid: 'D_PERF_LUT_HYBRID',
  le: 'D_PERF_LUT_LE_HIT',
  lo: 'D_PERF_LUT_LO_HIT',
} as const satisfies Record<keyof LookupCounts, string>;

function showLookups(file: RegisterFile, unit: 'SDP' | 'CDP', counts: LookupCounts): void {
  for (const name of Object.keys(lookupCounters) as (keyof LookupCounts)[]) {
    file.show(unit, lookupCounters[name], counts[name]);
  }
}
