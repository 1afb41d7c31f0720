/** Every shape rule, by operator. */

import { convolutionRules } from './convolution.ts';
import { elementwiseRules } from './elementwise.ts';
import { generatingRules } from './generating.ts';
import { matrixRules } from './matrix.ts';
import { poolingRules } from './pooling.ts';
import { reductionRules } from './reduction.ts';
import { reshapingRules } from './reshaping.ts';
import { resizingRules } from './resizing.ts';
import type { InferRule } from './rule.ts';
import { slicingRules } from './slicing.ts';

/** A Map, since operator names come from files and may be `constructor`. */
export const inferRules: ReadonlyMap<string, InferRule> = new Map(
  [
    convolutionRules,
    poolingRules,
    elementwiseRules,
    reductionRules,
    matrixRules,
    reshapingRules,
    slicingRules,
    resizingRules,
    generatingRules,
  ].flatMap((rules) => Object.entries(rules)),
);
