/** The one list of rules, in the order in which refusals are shown. `no-rule` comes first and is checked in check.ts. */

import { always, type Rule, sources } from './rule.ts';
import { activationRules } from './rules/activation.ts';
import { concatRules } from './rules/concat.ts';
import { convolutionRules, fullyConnectedRules } from './rules/convolution.ts';
import { deconvolutionRules } from './rules/deconvolution.ts';
import { comparisonRules, elementwiseRules } from './rules/elementwise.ts';
import { generalRules } from './rules/general.ts';
import { openNvdlaRules } from './rules/nvdla/operators.ts';
import { poolingRules } from './rules/pooling.ts';
import { quantizationRules } from './rules/quantization.ts';
import { reduceRules } from './rules/reduce.ts';
import { resizeRules } from './rules/resize.ts';
import { scaleRules } from './rules/scale.ts';
import { shuffleRules } from './rules/shuffle.ts';
import { sliceRules } from './rules/slice.ts';
import { softmaxRules } from './rules/softmax.ts';

export const rules: readonly Rule[] = [
  ...generalRules,
  ...quantizationRules,
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

/** Operators that the DLA runs in FP16 in an INT8 network too. */
export const promotedOperators: ReadonlySet<string> = new Set(
  rules.filter(({ id }) => id.endsWith('/promoted')).flatMap(({ operators = [] }) => operators),
);

/** Those of them that are emulated in FP16 alone. Sigmoid and Tanh have tables of int8 as well (docs/arithmetic.md). */
export const halfOperators: ReadonlySet<string> = new Set(
  [...promotedOperators].filter((op) => op !== 'Sigmoid' && op !== 'Tanh'),
);

/** A rule that no test of one node decides: on operators that no rule knows, or on what other verdicts lead to. */
export type NetworkRule<Value = unknown> = Pick<Rule<Value>, 'id' | 'doc' | 'limits'>;

const networkRule = <Value>(it: NetworkRule<Value>): NetworkRule<Value> => it;

export const noRule = networkRule({
  id: 'no-rule',
  doc: 'No rule lets the operator onto the DLA in this release: it runs on the GPU.',
  limits: always('an operator of the matrix', sources.matrix),
});

export const comparisonPair = networkRule({
  id: 'comparison/pair',
  doc: 'A comparison and the Cast behind it run on the DLA together, or neither does.',
  limits: always('both on the DLA', 'TensorRT documentation 10.x as remembered', 'inferred'),
});

export const loadables = networkRule({
  id: 'general/loadables',
  doc: (most) => `A DLA core holds at most ${most} loadables; segments with the fewest multiply-accumulates give way.`,
  limits: [
    {
      until: [8, 0, 0],
      value: 8,
      source: 'TensorRT 7 build log: "DLA supports only 8 subgraphs per DLA core"',
      evidence: 'log',
    },
    {
      since: [8, 0, 0],
      until: [8, 5, 0],
      value: 4,
      source: 'TensorRT developer guide 8.2–8.4; which segments give way is our choice',
      evidence: 'documented',
    },
    {
      since: [8, 5, 0],
      value: 16,
      source: 'TensorRT developer guide 8.5 and 10.x; which segments give way is our choice',
      evidence: 'documented',
    },
  ],
});

export const noUnit = networkRule({
  id: 'nvdla/unit',
  doc: 'An operator of the open NVDLA is one that its units compute; every other one runs on the host.',
  limits: always('an operator of its units', 'nvdla/doc, unit description; the list in operators.md'),
});

export const noDetour = networkRule({
  id: 'nvdla/detour',
  doc: 'Operators that only the host feeds and reads go to the open NVDLA when a convolution is among them: others cost more to hand over than to compute.',
  limits: always('a convolution', 'our choice: no document limits it', 'inferred'),
});

/** In the order in which they are documented, before the others. */
export const networkRules: readonly NetworkRule[] = [noRule, comparisonPair, loadables, noUnit, noDetour].map(
  (it) => it as NetworkRule,
);
