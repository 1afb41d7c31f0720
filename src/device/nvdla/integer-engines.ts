/** The scalar reference of integer-scale arithmetic: the open NVDLA's engines on int8 and int16. */

import { fail } from '../../graph/errors.ts';
import { type Stages, type StageValues, scalarEngines } from '../reference/engines.ts';
import type { Engines } from '../state.ts';
import { convolutionMacs, convolveIntegers } from './integer-convolution.ts';
import { readIntegers, writeIntegers } from './integer-feature.ts';
import { normaliseIntegers } from './integer-normalise.ts';
import { poolIntegers } from './integer-pooling.ts';
import { singlePointIntegers } from './integer-single-point.ts';

const integerScaleStages: Stages<StageValues> = {
  convolve: convolveIntegers,
  singlePoint: singlePointIntegers,
  pool: poolIntegers,
  normalise: normaliseIntegers,
  resize: () => fail('device/unsupported', 'the open NVDLA has no resize engine'),
  copy: () => fail('device/unsupported', 'moving data with the bridge DMA is not modelled'),
  read: readIntegers,
  write: writeIntegers,
  macs: convolutionMacs,
};

export const nvdlaEngines = (): Engines => scalarEngines('nvdla reference', integerScaleStages);
