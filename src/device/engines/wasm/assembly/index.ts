// Entry points of the kernels. `work` takes units of a job until none is left; in the threads build many threads do so
// at once, and `help` is what a helper thread runs from its start to the pool's end.

import { convUnit } from './convolution';
import { copyUnit } from './copy';
import { depthwiseUnit } from './depthwise';
import { halfConvUnit, halfLanesUnit } from './float16/convolution';
import { halfLinearUnit, halfPoolUnit } from './float16/images';
import { halfPencilsUnit } from './float16/pencils';
import * as job from '../job';
import { convertUnit } from './nvdla/convert';
import { floatConvUnit } from './nvdla/float16/conv';
import { listUnit } from './nvdla/float16/lists';
import { floatPointUnit } from './nvdla/float16/point';
import { floatPoolUnit } from './nvdla/float16/pool';
import { pointUnit } from './point';
import { integerPointUnit } from './nvdla/point';
import { integerPoolUnit } from './nvdla/pool';
import { poolUnit } from './pool';
import { resizeUnit } from './resize';

export function work(at: usize, thread: i32): void {
  const kind = load<i32>(at, job.jobKind);
  const units = load<i32>(at, job.jobUnits);
  const scratch = load<u32>(at, job.jobScratch) + <usize>thread * load<u32>(at, job.jobScratchSize);
  for (;;) {
    const unit = takeUnit(at);
    if (unit >= units) return;
    if (kind == job.kindConv) convUnit(at, scratch, unit);
    else if (kind == job.kindDepthwise) depthwiseUnit(at, scratch, unit);
    else if (kind == job.kindPoint) pointUnit(at, scratch, unit);
    else if (kind == job.kindIntegerPoint) integerPointUnit(at, scratch, unit);
    else if (kind == job.kindIntegerPool) integerPoolUnit(at, unit);
    else if (kind == job.kindConvert) convertUnit(at, unit);
    else if (kind == job.kindFloatConv) floatConvUnit(at, scratch, unit);
    else if (kind == job.kindFloatLists) listUnit(at, scratch, unit);
    else if (kind == job.kindFloatPoint) floatPointUnit(at, scratch, unit);
    else if (kind == job.kindFloatPool) floatPoolUnit(at, scratch, unit);
    else if (kind == job.kindHalfConv) halfConvUnit(at, scratch, unit);
    else if (kind == job.kindHalfLanes) halfLanesUnit(at, scratch, unit);
    else if (kind == job.kindHalfPool) halfPoolUnit(at, unit);
    else if (kind == job.kindHalfLinear) halfLinearUnit(at, unit);
    else if (kind == job.kindHalfSoftmax) halfPencilsUnit(at, scratch, unit, true);
    else if (kind == job.kindHalfLrn) halfPencilsUnit(at, scratch, unit, false);
    else if (kind == job.kindPool) poolUnit(at, unit);
    else if (kind == job.kindCopy) copyUnit(at, unit);
    else resizeUnit(at, unit, kind == job.kindLinear);
  }
}

@inline
function takeUnit(at: usize): i32 {
  if (ASC_FEATURE_THREADS) return atomic.add<i32>(at, 1, job.jobNext);
  const unit = load<i32>(at, job.jobNext);
  store<i32>(at, unit + 1, job.jobNext);
  return unit;
}
