/**
 * docs/estimate-fit.md: the parameters of Orin's estimate, fitted anew from where they stand, with what they reach, what they
 * reach of a network that was left out, and the other ways to run branches side by side that were tried.
 */

import {
  cellsAt,
  type ErrorSummary,
  errorSummary,
  errorText,
  type Fit,
  type FitResult,
  type FittedName,
  figure,
  fitParameters,
  fittedNames,
  layersAt,
  leaveOneOut,
  makespans,
  percent,
  presentPoint,
  relativeError,
} from '../../src/estimate/testing/fit.ts';
import { publishedLayers, publishedModes, publishedNetworks } from '../../src/estimate/testing/measurements.ts';
import { markdownTable } from './markdown.ts';

interface Alternative {
  readonly title: string;
  readonly fit: Fit;
  readonly cells: ErrorSummary;
  readonly layers: ErrorSummary;
  readonly leftOut?: ErrorSummary;
}

export interface EstimateFit extends FitResult {
  readonly alternatives: readonly Alternative[];
}

const branches: readonly (readonly [title: string, makespan: keyof typeof makespans])[] = [
  ['a launch has both pipes (the model)', 'scheduled'],
  ['nothing overlaps', 'sequential'],
  ['a launch has one pipe beside another, whose work hides its overhead', 'overhead hidden'],
  ['the same, and compute and memory time hide each other', 'work hidden'],
];

export function estimateFit(): EstimateFit {
  const fit = fitParameters(presentPoint);
  const folds = leaveOneOut(fit);
  const overlapping = branches.map(([title, name]): Alternative => {
    const makespan = makespans[name];
    const found = fitParameters(presentPoint, { makespan });
    const cells = leaveOneOut(found, makespan).flatMap((fold) => fold.cells);
    return { ...alternative(title, found, name), leftOut: errorSummary(cells) };
  });
  const fullMemory = fitParameters(presentPoint, { memoryClock: 3200 });
  return {
    fit,
    folds,
    alternatives: [
      ...overlapping,
      alternative('the model, layers with the memory at 3,200 MHz', fullMemory, 'scheduled'),
    ],
  };
}

const alternative = (title: string, fit: Fit, name: keyof typeof makespans): Alternative => ({
  title,
  fit,
  cells: errorSummary(cellsAt(fit, makespans[name])),
  layers: errorSummary(layersAt(fit)),
});

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(1)} %`;
const right = (title: string) => ({ title, right: true });

const titles: Readonly<Record<FittedName, string>> = {
  readBandwidth: 'read, GB/s',
  operandBandwidth: 'operand, GB/s',
  writeBandwidth: 'write, GB/s',
  rereadBandwidth: 'read again, GB/s',
  overheadCycles: 'overhead, cycles',
  overheadTime: 'overhead, µs',
  overlap: 'overlap q',
  memoryClockExponent: 'exponent g',
};

export function estimateFitPage({ fit, folds, alternatives }: EstimateFit): string {
  const cells = cellsAt(presentPoint);
  const layers = layersAt(presentPoint);
  const cellRows = publishedNetworks.map(({ name, sparse, published }) => [
    name,
    sparse ? 'sparse' : 'dense',
    ...publishedModes.map((mode, index) => {
      const cell = cells.find((each) => each.network === name && each.sparse === sparse && each.mode === mode)!;
      const digits = published[index]! >= 1000 ? 0 : 1;
      return `${cell.estimated.toFixed(digits)} / ${published[index]} ${signed(relativeError(cell))}`;
    }),
  ]);
  const gap = (mode: 'standalone' | 'hybrid', index: number): string => {
    const before = publishedLayers[index - 1];
    return before === undefined ? '' : (1000 * (publishedLayers[index]![mode][0] - before[mode][1])).toFixed(1);
  };
  const length = ([start, end]: readonly [number, number]): string => (end - start).toFixed(4);
  const layerRows = publishedLayers.map(({ name, standalone, hybrid }, index) => [
    name,
    length(standalone),
    length(hybrid),
    (layers[index]!.estimated / 1000).toFixed(4),
    signed(relativeError(layers[index]!)),
    gap('standalone', index),
    gap('hybrid', index),
  ]);
  const foldRows = folds.map(({ network, fit: { values }, cells: own }) => {
    const { mean, largest } = errorSummary(own);
    return [network, percent(mean), percent(largest), ...fittedNames.map((name) => figure(values[name]))];
  });
  const all = errorSummary(folds.flatMap((fold) => fold.cells));
  return [
    '# The fit of Orin’s estimate',
    '',
    'What the model is, which numbers it was fitted to, and how much to trust it is in',
    '[hardware/estimate-model.md](hardware/estimate-model.md). This page is the fit: `npm run evidence -- estimates` makes it anew, from the parameters as',
    'they stand in `src/estimate/orin/parameters.ts`, and fails when they are not its optimum or a bar is missed.',
    '',
    '## Published throughput',
    '',
    `Estimated / published images a second, AGX Orin 64GB, two cores: ${errorText(errorSummary(cells))}.`,
    '',
    markdownTable([{ title: 'network' }, { title: '' }, ...publishedModes.map((mode) => right(mode))], cellRows),
    '',
    '## Layers',
    '',
    'ResNet-34 backbone at 1,152 MHz, milliseconds in standalone and in hybrid mode, against the mean of both; and how long each layer starts after the',
    `end of the one before it, in microseconds: a negative number is an overlap. ${errorText(errorSummary(layers))}, with the memory at ${fit.memoryClock.toFixed(0)} MHz, which is fitted:`,
    'the samples do not say at what clock it ran.',
    '',
    markdownTable(
      [
        { title: 'layer' },
        right('standalone'),
        right('hybrid'),
        right('estimated'),
        right('error'),
        right('after, standalone'),
        right('after, hybrid'),
      ],
      layerRows,
    ),
    '',
    '## One network left out',
    '',
    `The fit without a network, dense and sparse, and its error on that network. All: ${errorText(all)}.`,
    '',
    markdownTable(
      [{ title: 'without' }, right('mean'), right('largest'), ...fittedNames.map((name) => right(titles[name]))],
      [...foldRows, ['all networks', '', '', ...fittedNames.map((name) => figure(fit.values[name]))]],
    ),
    '',
    '## What else was tried',
    '',
    'Each with its own fit: mean and largest error on the cells, on the layers, and on the cells of a network that was left out.',
    '',
    markdownTable(
      [{ title: '' }, right('cost'), right('cells'), right('layers'), right('left out')],
      alternatives.map(({ title, fit: { cost }, cells: own, layers: rows, leftOut }) => [
        title,
        cost.toFixed(0),
        `${percent(own.mean)}, ${percent(own.largest)}`,
        `${percent(rows.mean)}, ${percent(rows.largest)}`,
        leftOut ? `${percent(leftOut.mean)}, ${percent(leftOut.largest)}` : '',
      ]),
    ),
    '',
  ].join('\n');
}
