/** The one list of rules, in the order in which refusals are shown. `no-rule` comes first and is checked in check.ts. */

import type { Rule } from './rule.ts';
import { activationRules } from './rules/activation.ts';
import { concatRules } from './rules/concat.ts';
import { convolutionRules, fullyConnectedRules } from './rules/convolution.ts';
import { deconvolutionRules } from './rules/deconvolution.ts';
import { comparisonRules, elementwiseRules } from './rules/elementwise.ts';
import { generalRules } from './rules/general.ts';
import { openNvdlaRules } from './rules/nvdla/operators.ts';
import { poolingRules } from './rules/pooling.ts';
import { reduceRules } from './rules/reduce.ts';
import { resizeRules } from './rules/resize.ts';
import { scaleRules } from './rules/scale.ts';
import { shuffleRules } from './rules/shuffle.ts';
import { sliceRules } from './rules/slice.ts';
import { softmaxRules } from './rules/softmax.ts';

export const rules: readonly Rule[] = [
  ...generalRules,
  ...convolutionRules,
  ...fullyConnectedRules,
  ...deconvolutionRules,
  ...poolingRules,
  ...activationRules,
  ...scaleRules,
  ...elementwiseRules,
  ...comparisonRules,
  ...concatRules,
  ...resizeRules,
  ...sliceRules,
  ...shuffleRules,
  ...softmaxRules,
  ...reduceRules,
  ...openNvdlaRules,
];

/** Refusals that no test of one node can give, with their sentences: they are documented beside the rules. */
export const verdictRules = [
  {
    id: 'no-rule',
    doc: 'No rule lets the operator onto the DLA in this release: it runs on the GPU.',
    source: 'NVIDIA/Deep-Learning-Accelerator-SW @ ea61780, operators/README.md',
  },
  {
    id: 'general/loadables',
    doc: 'A DLA core holds at most 16 loadables (4 before TensorRT 8.5); segments with the fewest multiply-accumulates give way.',
    source: 'TensorRT developer guide 8.5 and 10.x; 8.2–8.4 for 4. Which segments give way is our choice',
  },
  {
    id: 'nvdla/unit',
    doc: 'An operator of the open NVDLA is one that its units compute; every other one runs on the host.',
    source: 'nvdla/doc, unit description; the list in operators.md',
  },
  {
    id: 'nvdla/detour',
    doc: 'Operators that only the host feeds and reads go to the open NVDLA when a convolution is among them: others cost more to hand over than to compute.',
    source: 'our choice: no document limits it',
  },
] as const;
