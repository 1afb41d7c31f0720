/** Maximum and average pooling. Global pools are other layers: GlobalMaxPool is a Reduce, GlobalAveragePool has no rule. */

import { isRead, type Node } from '../../graph/graph.ts';
import { countsPadding, type Window } from '../../graph/operators/window.ts';
import {
  always,
  type Finding,
  outside,
  type Rule,
  type RuleContext,
  rule,
  sources,
  span,
  spatialDimensions,
  times,
} from '../rule.ts';
import type { Fix } from '../verdict.ts';

const base = { operators: ['MaxPool', 'AveragePool'], severity: 'refuse' } as const;

function poolOf(node: Node, context: RuleContext): Window | undefined {
  return context.shape(node.inputs[0])?.length === 4 ? context.window(node) : undefined;
}

/** Whether a node or the caller reads the indices of a MaxPool. */
export function givesIndices(node: Node, context: RuleContext, limit: number): Finding | undefined {
  const indices = node.outputs[1];
  const used = indices && isRead(context.graph, indices);
  if (!used) return undefined;
  return {
    message: `output ${indices} (the indices) is used`,
    values: { limit, value: limit + 1, output: indices },
    fix: { advice: 'Replace MaxUnpool by a Resize or a ConvTranspose, so that no indices are needed.' },
  };
}

/** An average divides by the cells inside the image, and some are outside. */
export function excludesPadding(node: Node, window: Window | undefined, limit: string): Finding | undefined {
  const pads = window?.reachedPads ?? [];
  if (countsPadding(node) || pads.every((pad) => pad === 0)) return undefined;
  return {
    message: `count_include_pad 0 with padding ${pads.join(',')}`,
    values: { limit, value: 'count_include_pad 0', pads: pads.join(',') },
    fix: { advice: 'Set count_include_pad to 1 and train with it, or use a depthwise convolution.' },
  };
}

export const poolingRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'pooling/spatial',
    doc: 'A pooling layer has two spatial dimensions (a 4-D input).',
    limits: always(2, sources.guide),
    test: spatialDimensions,
  }),
  rule({
    ...base,
    id: 'pooling/window',
    doc: (range) => `Each window dimension lies in ${span(range)}.`,
    limits: always([1, 8], sources.guide),
    test: (node, context, range) =>
      outside('window', poolOf(node, context)?.kernel, range, {
        advice:
          node.op === 'AveragePool'
            ? 'Where windows lie side by side, pool in two steps whose windows multiply to this one; else use a depthwise convolution of at most 32×32.'
            : 'Pool in several steps of stride 1: windows a and b in a row make one of a + b − 1.',
      }),
  }),
  rule({
    ...base,
    id: 'pooling/padding',
    doc: (range) => `Each padding lies in ${span(range)}, counting the rows that ceil_mode adds.`,
    limits: always([0, 7], sources.guide),
    test: (node, context, range) => outside('padding', poolOf(node, context)?.reachedPads, range),
  }),
  rule({
    ...base,
    id: 'pooling/stride',
    doc: (range) => `Each stride lies in ${span(range)}.`,
    limits: always([1, 16], sources.guide),
    test: (node, context, range) => outside('stride', poolOf(node, context)?.strides, range),
  }),
  rule({
    ...base,
    id: 'pooling/dilation',
    doc: 'A pooling window is not dilated: TensorRT has no such pooling layer.',
    limits: always([1, 1], sources.reading, 'inferred'),
    test: (node, context, range) => outside('dilation', poolOf(node, context)?.dilations, range),
  }),
  rule({
    ...base,
    id: 'pooling/indices',
    operators: ['MaxPool'],
    doc: 'MaxPool gives the maxima, not their indices.',
    limits: always(1, sources.reading, 'inferred'),
    test: givesIndices,
  }),
  rule({
    ...base,
    id: 'pooling/exclusive-average',
    operators: ['AveragePool'],
    doc: 'On Xavier, average pooling counts the padding (count_include_pad = 1).',
    limits: always('count_include_pad 1, or no padding', `${sources.guide}; ${sources.header}`),
    generations: ['xavier'],
    test: (node, context, limit) => excludesPadding(node, poolOf(node, context), limit),
  }),
];

/** What to do about GlobalAveragePool, which has no rule, by the size of its map. */
export function globalAverageFix(shape: readonly number[] | undefined): Fix {
  const [height, width] = shape?.length === 4 ? [shape[2]!, shape[3]!] : [undefined, undefined];
  if (height === undefined || width === undefined)
    return { advice: `Use an AveragePool whose window (at most ${largestWindow}×${largestWindow}) covers the map.` };
  const size = times([height, width]);
  const steps = windowsOver(height, width)?.map(times);
  if (steps?.length === 1) return { advice: `Use an AveragePool with a ${size} window.` };
  if (steps) {
    const windows = `${steps.slice(0, -1).join(', ')} and ${steps.at(-1)}`;
    return { advice: `Use AveragePools in a row, with windows ${windows} and equal strides.` };
  }
  if (height <= largestKernel && width <= largestKernel)
    return { advice: `Use a depthwise convolution with a ${size} kernel of 1/${height * width}.` };
  return {
    advice: `Make the ${size} map one that windows of at most ${largestWindow}×${largestWindow} divide, or at most ${largestKernel}×${largestKernel}, where a depthwise convolution averages it.`,
  };
}

/** Longest sides of a pooling window and of a kernel, in every release and on every DLA. */
const largestWindow = 8;
export const largestKernel = 32;

/** Windows, in order, whose product is height × width; undefined when a side has a prime factor above 8. */
export function windowsOver(height: number, width: number): readonly (readonly [number, number])[] | undefined {
  const rows = factors(height);
  const columns = factors(width);
  if (!rows || !columns) return undefined;
  return Array.from({ length: Math.max(rows.length, columns.length) }, (_, step) => [
    rows[step] ?? 1,
    columns[step] ?? 1,
  ]);
}

type Factors = readonly number[] | undefined;

/** The fewest factors up to 8 whose product is `size`, the largest first. `known` keeps it from being exponential. */
function factors(size: number, known = new Map<number, Factors>()): Factors {
  if (size <= largestWindow) return [size];
  if (known.has(size)) return known.get(size);
  let best: Factors;
  for (let factor = largestWindow; factor > 1; factor--) {
    const rest = size % factor === 0 ? factors(size / factor, known) : undefined;
    if (!rest) continue;
    const found = [factor, ...rest].sort((a, b) => b - a);
    if (!best || found.length < best.length || (found.length === best.length && found[0]! < best[0]!)) best = found;
  }
  known.set(size, best);
  return best;
}

/** Whether a length is a product of numbers up to 8: of 2, 3, 5 and 7. */
export function isProductOfWindows(length: number): boolean {
  let rest = length;
  for (const prime of [2, 3, 5, 7]) while (rest % prime === 0) rest /= prime;
  return rest === 1;
}
