/**
 * The passes, in the order in which they run. `normalize` passes give every network one form for one thing and leave as
 * little as possible to do; they are what checking and compiling start from. `reconstruct` passes build an operator that
 * the DLA lacks out of several that it has: they cost work where the operator could have run elsewhere, so that they are
 * off by default and on in `prepare`, which makes the network for the board.
 */

import type { GraphPass, Pass } from './pass.ts';
import { absorbInputCast } from './passes/absorb-input-cast.ts';
import { arithmeticToScale } from './passes/arithmetic-to-scale.ts';
import { batchNormToScale } from './passes/batch-norm-to-scale.ts';
import { cropDeconvolution } from './passes/crop-deconvolution.ts';
import { explicitPadding } from './passes/explicit-padding.ts';
import { float16ToFloat32 } from './passes/float16-to-float32.ts';
import { foldBatchNorm } from './passes/fold-batch-norm.ts';
import { foldPad } from './passes/fold-pad.ts';
import { foldScale } from './passes/fold-scale.ts';
import { gemmToConv } from './passes/gemm-to-conv.ts';
import { globalPoolToPool } from './passes/global-pool-to-pool.ts';
import { mergeReshapes } from './passes/merge-reshapes.ts';
import { mergeScales } from './passes/merge-scales.ts';
import { quantizationToScales } from './passes/quantization-to-scales.ts';
import { reconstructDepthToSpace } from './passes/reconstruct-depth-to-space.ts';
import { reconstructHardSigmoid } from './passes/reconstruct-hard-sigmoid.ts';
import { reconstructHardSwish } from './passes/reconstruct-hard-swish.ts';
import { reconstructNeg } from './passes/reconstruct-neg.ts';
import { removeDead } from './passes/remove-dead.ts';
import { removeNoOps } from './passes/remove-no-ops.ts';
import { rescalingPoolToConv } from './passes/rescaling-pool-to-conv.ts';
import { resizeScales } from './passes/resize-scales.ts';
import { simplifyClip } from './passes/simplify-clip.ts';
import { sinkFlatten } from './passes/sink-flatten.ts';
import { sumToAdd } from './passes/sum-to-add.ts';

/** Run first, whichever other passes are wanted: these work in float32. */
export const graphPasses: readonly GraphPass[] = [float16ToFloat32, quantizationToScales];

export const nodePasses: readonly Pass[] = [
  removeNoOps,
  absorbInputCast,
  removeDead,
  explicitPadding,
  reconstructHardSigmoid,
  reconstructHardSwish,
  reconstructNeg,
  reconstructDepthToSpace,
  simplifyClip,
  arithmeticToScale,
  sumToAdd,
  foldBatchNorm,
  batchNormToScale,
  mergeScales,
  foldScale,
  foldPad,
  globalPoolToPool,
  rescalingPoolToConv,
  gemmToConv,
  sinkFlatten,
  mergeReshapes,
  resizeScales,
  cropDeconvolution,
];

/** Every pass, in the order in which they run. */
export const passes: readonly (Pass | GraphPass)[] = [...graphPasses, ...nodePasses];
