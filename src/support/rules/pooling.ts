/** Maximum and average pooling. Global pools are other layers: GlobalMaxPool is a Reduce, GlobalAveragePool has no rule. */

import type { Node } from '../../graph/graph.ts';
import { intAttribute } from '../../graph/graph.ts';
import type { Finding, KnownFix, Rule } from '../rule.ts';
import { outside, sources, times, twoSpatialDimensions } from '../rule.ts';
import { type Window, windowOf } from '../window.ts';

const operators = ['MaxPool', 'AveragePool'];
const base = { operators, source: sources.guide, confidence: 'stated', severity: 'refuse' } as const;

const pooling =
  (test: (window: Window, node: Node) => Finding | undefined): Rule['test'] =>
  (node, context) => {
    const input = context.shape(node.inputs[0]);
    return input && input.length === 4 ? test(windowOf(node, input.slice(2)), node) : undefined;
  };

/** The indices of a MaxPool are read by somebody. */
export const givesIndices: Rule['test'] = (node, context) => {
  const indices = node.outputs[1];
  const used = indices && (context.consumers(indices).length > 0 || context.graph.outputs.includes(indices));
  if (!used) return undefined;
  return {
    message: `output ${indices} (the indices) is used`,
    values: { limit: 1, value: 2, output: indices },
    fix: { advice: 'Replace MaxUnpool by a Resize or a ConvTranspose, so that no indices are needed.' },
  };
};

/** An average divides by the cells inside the image, and some are outside. */
export function excludesPadding({ pads }: Window, node: Node): Finding | undefined {
  if (intAttribute(node, 'count_include_pad', 0) === 1 || pads.every((pad) => pad === 0)) return undefined;
  return {
    message: `count_include_pad 0 with padding ${pads.join(',')}`,
    values: { limit: 'count_include_pad 1, or no padding', value: 'count_include_pad 0', pads: pads.join(',') },
    fix: { advice: 'Set count_include_pad to 1 and train with it, or use a depthwise convolution.' },
  };
}

export const poolingRules: readonly Rule[] = [
  {
    ...base,
    id: 'pooling/spatial',
    doc: 'A pooling layer has two spatial dimensions (a 4-D input).',
    test: twoSpatialDimensions,
  },
  {
    ...base,
    id: 'pooling/window',
    doc: 'Each window dimension lies in 1…8.',
    test: pooling(({ kernel }, node) =>
      outside('window', kernel, 1, 8, {
        advice:
          node.op === 'AveragePool'
            ? 'Pool in two steps whose windows multiply to this one, or use a depthwise convolution of at most 32×32.'
            : 'Pool in several steps of stride 1: windows a and b in a row make one of a + b − 1.',
      }),
    ),
  },
  {
    ...base,
    id: 'pooling/padding',
    doc: 'Each padding lies in 0…7, counting the rows that ceil_mode adds.',
    test: pooling(({ pads }) => outside('padding', pads, 0, 7)),
  },
  {
    ...base,
    id: 'pooling/stride',
    doc: 'Each stride lies in 1…16.',
    test: pooling(({ strides }) => outside('stride', strides, 1, 16)),
  },
  {
    ...base,
    id: 'pooling/dilation',
    operators: ['MaxPool', 'AveragePool'],
    doc: 'A pooling window is not dilated: TensorRT has no such pooling layer.',
    confidence: 'unverified',
    source: sources.reading,
    test: pooling(({ dilations }) => outside('dilation', dilations, 1, 1)),
  },
  {
    ...base,
    id: 'pooling/indices',
    operators: ['MaxPool'],
    doc: 'MaxPool gives the maxima, not their indices.',
    confidence: 'unverified',
    source: sources.reading,
    test: givesIndices,
  },
  {
    ...base,
    id: 'pooling/exclusive-average',
    operators: ['AveragePool'],
    doc: 'On Xavier, average pooling counts the padding (count_include_pad = 1).',
    source: `${sources.guide}; ${sources.header}`,
    generations: ['xavier'],
    test: pooling(excludesPadding),
  },
];

/** What to do about GlobalAveragePool, which has no rule, by the size of its map. */
export function globalAverageFix(shape: readonly number[] | undefined): KnownFix {
  const [height, width] = shape?.length === 4 ? [shape[2]!, shape[3]!] : [undefined, undefined];
  if (height === undefined || width === undefined)
    return { rewrite, advice: 'Use an AveragePool whose window (at most 8×8) covers the map.' };
  const size = times([height, width]);
  if (height <= 8 && width <= 8) return { rewrite, advice: `Use an AveragePool with a ${size} window.` };
  const steps = twoSteps(height, width);
  if (steps) {
    const [first, second] = steps.map(times);
    return { rewrite, advice: `Use two AveragePools in a row, with windows ${first} and ${second} and equal strides.` };
  }
  if (productOfWindows(height) && productOfWindows(width)) {
    return {
      rewrite,
      advice: `Use AveragePools in a row, with windows of at most 8×8 and equal strides, that divide the ${size} map.`,
    };
  }
  if (height <= 32 && width <= 32)
    return { rewrite, advice: `Use a depthwise convolution with a ${size} kernel of 1/${height * width}.` };
  return {
    advice: `Make the ${size} map one that windows of at most 8×8 divide, or at most 32×32, where a depthwise convolution averages it.`,
  };
}

const rewrite = 'global-pool-to-pool';

function twoSteps(height: number, width: number): readonly [readonly number[], readonly number[]] | undefined {
  const split = (length: number) => [8, 7, 6, 5, 4, 3, 2, 1].find((part) => length % part === 0 && length / part <= 8);
  const [h, w] = [split(height), split(width)];
  if (h === undefined || w === undefined) return undefined;
  return [
    [h, w],
    [height / h, width / w],
  ];
}

/** Whether a length is a product of numbers up to 8: of 2, 3, 5 and 7. */
const productOfWindows = (length: number): boolean => {
  let rest = length;
  for (const prime of [2, 3, 5, 7]) while (rest % prime === 0) rest /= prime;
  return rest === 1;
};
