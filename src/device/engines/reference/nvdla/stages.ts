/**
 * The stages of the open NVDLA, integers and nv_full's floats. Each stage goes by what it is given: integers pass between
 * stages as they are, floats as bit patterns, of singles from convolution to SDP and of halves elsewhere.
 */

import { fail } from '../../../../base/errors.ts';
import { isNvdlaSdp } from '../../../../program/layer.ts';
import type { Stages, StageValues } from '../stages.ts';
import { convolutionMacs, convolve } from './convolution.ts';
import { readValues, writeValues } from './feature.ts';
import { normalizeFloats } from './float16/normalize.ts';
import { poolFloats } from './float16/pooling.ts';
import { singlePointFloats } from './float16/single-point.ts';
import { normalizeIntegers } from './int8/normalize.ts';
import { poolIntegers } from './int8/pooling.ts';
import { singlePointIntegers } from './int8/single-point.ts';

export const nvdlaStages: Stages<StageValues> = {
  convolve,
  singlePoint(sdp, input, bus, state) {
    if (!isNvdlaSdp(sdp)) return fail('device/fault', 'a pipeline of NVDLA with an SDP of another target');
    return sdp.arithmetic === 'nvdla-float16'
      ? singlePointFloats(sdp, input, bus, state)
      : singlePointIntegers(sdp, input, bus, state);
  },
  pool: (pdp, input, _, state) =>
    pdp.output.dtype === 'float16' ? poolFloats(pdp, input, state) : poolIntegers(pdp, input),
  normalize: (cdp, input, state) =>
    cdp.input.dtype === 'float16' ? normalizeFloats(cdp, input, state) : normalizeIntegers(cdp, input, state),
  resize: () => fail('device/unsupported', 'the open NVDLA has no resize engine'),
  copy: () => fail('device/unsupported', 'the open NVDLA moves no channels'),
  read: readValues,
  write: writeValues,
  macs: convolutionMacs,
};
