/**
 * The fit of the model's parameters to NVIDIA's 40 cells and to the mean of each of the nine layers: Levenberg–Marquardt on
 * the logarithms of the parameters, from a given start, so that the same start gives the same result. A cell counts as
 * off by 2.5 %, a layer by 4 %. The memory clock at which the layers ran is not known; it is fitted with the rest.
 */

import { exp, log } from '../../base/elementary.ts';
import { gigabytesPerSecond, megahertz, microseconds, type Unit } from '../../base/units.ts';
import type { Program } from '../../program/program.ts';
import { findModule, findPowerMode } from '../../targets/find.ts';
import { orin } from '../../targets/orin.ts';
import type { PowerMode } from '../../targets/target.ts';
import { programWork } from '../layer-work.ts';
import { lanesOf } from '../orin/engines.ts';
import { conditionsOf, estimateLayer, type LayerCost, type LayerWork } from '../orin/layer-cost.ts';
import { type Fitted, type ModelParameters, orinParameters } from '../orin/parameters.ts';
import { scheduleLaunches } from '../orin/schedule.ts';
import {
  layerClock,
  layerNetwork,
  type PublishedNetwork,
  publishedLayers,
  publishedModes,
  publishedNetworks,
} from './measurements.ts';
import { resnet34Backbone } from './published-networks.ts';

/** What is fitted, and between which bounds. */
const bounds = {
  readBandwidth: [5, 1000],
  operandBandwidth: [5, 1000],
  writeBandwidth: [5, 1000],
  rereadBandwidth: [5, 1000],
  overheadCycles: [100, 30_000],
  overheadTime: [0.1, 30],
  overlap: [1, 8],
  memoryClockExponent: [0.8, 2],
} as const satisfies { readonly [K in FittedName]: readonly [number, number] };
const memoryClockBounds = [400, 3200] as const;

export type FittedName = {
  [K in keyof ModelParameters]: ModelParameters[K] extends Fitted<number> ? K : never;
}[keyof ModelParameters];

export const fittedNames = Object.keys(bounds) as FittedName[];

/** A point of the fit: the parameters, and the memory clock of the layers. */
export interface FitPoint {
  readonly values: Readonly<Record<FittedName, number>>;
  readonly memoryClock: number;
}

/** The parameters as they stand in the code. */
export const presentPoint: FitPoint = {
  values: Object.fromEntries(fittedNames.map((name) => [name, orinParameters[name].value])) as FitPoint['values'],
  memoryClock: 1058,
};

export interface CellError {
  readonly network: string;
  readonly sparse: boolean;
  readonly mode: (typeof publishedModes)[number];
  readonly published: number;
  readonly estimated: number;
}

interface Network {
  readonly published: PublishedNetwork;
  readonly batch: number;
  readonly works: readonly LayerWork[];
  readonly waits: readonly (readonly number[])[];
}

/** How long the launches of a network take together. */
export type Makespan = (costs: readonly LayerCost[], waits: readonly (readonly number[])[]) => number;

const lanes = lanesOf(orin);
const makespanOf: (...of: Parameters<typeof scheduleLaunches>) => number = (...of) =>
  Math.max(...scheduleLaunches(...of).map(({ end }) => end));

/** How launches of branches might share the machine: the model's way, and others that were tried. */
export const makespans = {
  /** A launch has both convolution pipes. */
  scheduled: (costs, waits) => makespanOf(costs, waits, lanes),
  sequential: (costs) => costs.reduce((sum, { total }) => sum + total, 0),
  /** Each has one pipe, and half of everything while another has the other: the overhead of one hides behind the other's work. */
  'overhead hidden': (costs, waits) => {
    const split = costs.map((cost) => ({ ...cost, lanes: 1, memory: microseconds(cost.total - cost.overhead) }));
    return makespanOf(split, waits, lanes);
  },
  /** The same, and the shorter of compute and memory time of one hides behind the longer of the other. */
  'work hidden': (costs, waits) => {
    const split = costs.map((cost) => ({
      ...cost,
      lanes: 1,
      memory: microseconds(Math.max(cost.compute, cost.memory)),
    }));
    return makespanOf(split, waits, lanes);
  },
} as const satisfies Readonly<Record<string, Makespan>>;

const programOf = (plan: ReturnType<PublishedNetwork['plan']>): Program => {
  const [segment] = plan.segments;
  if (segment?.kind !== 'dla') throw new Error('no DLA segment');
  return segment.program;
};

const networks: readonly Network[] = publishedNetworks.map((published) => {
  const plan = published.plan();
  const program = programOf(plan);
  return { published, batch: plan.batch, works: programWork(program), waits: program.layers.map(({ after }) => after) };
});
/** The profile shows the convolution and its pooling one after the other. */
const measuredWorks = programWork(programOf(resnet34Backbone(false, 'alone'))).slice(0, publishedLayers.length);
const measuredTimes = publishedLayers.map(
  ({ standalone, hybrid }) => 500 * (standalone[1] - standalone[0] + (hybrid[1] - hybrid[0])),
);

const module = findModule(orin, 'agx-orin-64gb');

const parametersAt = ({ values }: FitPoint): ModelParameters => ({
  ...orinParameters,
  ...Object.fromEntries(
    fittedNames.map((name) => [name, { ...orinParameters[name], value: values[name] as Unit<never> }]),
  ),
});

/** The power mode that the layers were measured in, as far as it is known. */
function layerMode({ memoryClock }: Pick<FitPoint, 'memoryClock'>): PowerMode {
  const source = 'the cuDLA samples set the clock of the DLA; that of the memory is fitted';
  return {
    name: 'cuDLA sample',
    dlaClock: { value: megahertz(layerClock), status: 'documented', source },
    emcClock: { value: megahertz(memoryClock), status: 'fitted', source },
    dramBandwidth: { value: gigabytesPerSecond((204.8 * memoryClock) / 3200), status: 'fitted', source },
  };
}

export function cellsAt(point: FitPoint, makespan: Makespan = makespans.scheduled): readonly CellError[] {
  const parameters = parametersAt(point);
  return networks.flatMap(({ published, batch, works, waits }) =>
    publishedModes.map((mode, index) => {
      const conditions = conditionsOf(orin, findPowerMode(module, mode), parameters);
      const costs = works.map((work) => estimateLayer(work, conditions));
      const time = makespan(costs, waits) + parameters.taskOverhead.value;
      return {
        network: published.name,
        sparse: published.sparse,
        mode,
        published: published.published[index]!,
        estimated: (2e6 * batch) / time,
      };
    }),
  );
}

export interface LayerError {
  readonly name: string;
  /** Microseconds. */
  readonly measured: number;
  readonly estimated: number;
}

/** The layers one after the other, as the samples show them. */
export function layersAt(point: FitPoint): readonly LayerError[] {
  const conditions = conditionsOf(orin, layerMode(point), parametersAt(point));
  return measuredWorks.map((work, index) => ({
    name: publishedLayers[index]!.name,
    measured: measuredTimes[index]!,
    estimated: estimateLayer(work, conditions).total,
  }));
}

export const relativeError = ({ estimated, ...of }: CellError | LayerError): number =>
  estimated / ('published' in of ? of.published : of.measured) - 1;

export interface FitOptions {
  /** Networks that are left out, with their layers. */
  readonly without?: string;
  readonly makespan?: Makespan;
  /** Holds the memory clock of the layers. */
  readonly memoryClock?: number;
  readonly steps?: number;
}

export interface Fit extends FitPoint {
  /** Half the sum of the squared residuals. */
  readonly cost: number;
}

const cellScale = 0.025;
const layerScale = 0.04;
/** Keeps parameters that nothing identifies near their start. */
const pull = 0.05;

/** Logarithms of the fitted values, the memory clock last. */
type Vector = readonly number[];

const vectorOf = ({ values, memoryClock }: FitPoint): Vector =>
  [...fittedNames.map((name) => values[name]), memoryClock].map(log);

const pointOf = (vector: Vector): FitPoint => ({
  values: Object.fromEntries(
    fittedNames.map((name, index) => [name, exp(vector[index]!)]),
  ) as unknown as FitPoint['values'],
  memoryClock: exp(vector.at(-1)!),
});

const limits = [...fittedNames.map((name) => bounds[name]), memoryClockBounds].map(([low, high]) => [
  log(low),
  log(high),
]);
const within = (vector: Vector): Vector =>
  vector.map((value, index) => Math.min(limits[index]![1]!, Math.max(limits[index]![0]!, value)));

const costOf = (residuals: Vector): number => residuals.reduce((sum, each) => sum + each * each, 0) / 2;

export function fitParameters(
  start: FitPoint,
  { without, makespan = makespans.scheduled, memoryClock, steps = 30 }: FitOptions = {},
): Fit {
  const origin = vectorOf({ ...start, memoryClock: memoryClock ?? start.memoryClock });
  const free = memoryClock === undefined ? origin.length : origin.length - 1;
  const residualsAt = (vector: Vector): Vector => {
    const point = pointOf(vector);
    const cells = cellsAt(point, makespan).filter(({ network }) => network !== without);
    const layers = without === layerNetwork ? [] : layersAt(point);
    const ratio = (each: CellError | LayerError) => log(1 + relativeError(each));
    return [
      ...cells.map((cell) => ratio(cell) / cellScale),
      ...layers.map((layer) => ratio(layer) / layerScale),
      ...vector.map((value, index) => (value - origin[index]!) * pull),
    ];
  };
  let vector = within(origin);
  let residuals = residualsAt(vector);
  let damping = 0.01;
  for (let step = 0; step < steps; step++) {
    const jacobian = vector.slice(0, free).map((value, index) => {
      const by = value + 2e-3 > limits[index]![1]! ? -1e-3 : 1e-3;
      const moved = residualsAt(vector.with(index, value + by));
      return moved.map((each, row) => (each - residuals[row]!) / by);
    });
    const before = costOf(residuals);
    for (let attempt = 0; attempt < 8; attempt++) {
      const move = solve(jacobian, residuals, damping);
      const next = within(vector.map((value, index) => value + Math.max(-0.7, Math.min(0.7, move[index] ?? 0))));
      const found = residualsAt(next);
      if (costOf(found) < costOf(residuals)) {
        [vector, residuals] = [next, found];
        damping = Math.max(1e-6, damping / 4);
        break;
      }
      damping *= 4;
    }
    if (before - costOf(residuals) < 1e-5 * before) break;
  }
  return { ...pointOf(vector), cost: costOf(residuals) };
}

/** (JᵀJ + λ·diag) x = −Jᵀr by elimination. `jacobian` has a row for each parameter. */
function solve(jacobian: readonly Vector[], residuals: Vector, damping: number): Vector {
  const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0);
  const rows = jacobian.map((own, index) => [
    ...jacobian.map((other, column) => dot(own, other) * (index === column ? 1 + damping : 1)),
    -dot(own, residuals),
  ]);
  const size = rows.length;
  for (let pivot = 0; pivot < size; pivot++) {
    const best = rows.findIndex(
      (row, index) =>
        index >= pivot && rows.slice(pivot).every((other) => Math.abs(other[pivot]!) <= Math.abs(row[pivot]!)),
    );
    [rows[pivot], rows[best]] = [rows[best]!, rows[pivot]!];
    const own = rows[pivot]!;
    if (own[pivot] === 0) own[pivot] = 1e-12;
    for (const row of rows) {
      if (row === own) continue;
      const factor = row[pivot]! / own[pivot]!;
      for (let column = pivot; column <= size; column++) row[column]! -= factor * own[column]!;
    }
  }
  return rows.map((row, index) => row[size]! / row[index]!);
}

export interface LeftOut {
  readonly network: string;
  readonly fit: Fit;
  /** Of the network that was left out. */
  readonly cells: readonly CellError[];
}

/** The fit without one network at a time, dense and sparse, and what it then says of that network. */
export function leaveOneOut(start: FitPoint, makespan: Makespan = makespans.scheduled): readonly LeftOut[] {
  return [...new Set(publishedNetworks.map(({ name }) => name))].map((network) => {
    const found = fitParameters(start, { without: network, makespan });
    return { network, fit: found, cells: cellsAt(found, makespan).filter((cell) => cell.network === network) };
  });
}

export interface ErrorSummary {
  readonly mean: number;
  readonly largest: number;
}

export function errorSummary(errors: readonly (CellError | LayerError)[]): ErrorSummary {
  const sizes = errors.map((each) => Math.abs(relativeError(each)));
  return { mean: sizes.reduce((sum, each) => sum + each, 0) / sizes.length, largest: Math.max(...sizes) };
}

export interface FitResult {
  readonly fit: Fit;
  readonly folds: readonly LeftOut[];
}

/** What the fit misses of its bars, and parameters of the code that are not its optimum, rounded. */
export function missesOfFit({ fit, folds }: FitResult): readonly string[] {
  const cells = errorSummary(cellsAt(presentPoint));
  const layers = errorSummary(layersAt(presentPoint));
  const leftOut = errorSummary(folds.flatMap((fold) => fold.cells));
  const bars: readonly (readonly [boolean, string])[] = [
    [cells.mean <= 0.025 && cells.largest <= 0.06, `the 40 cells: ${errorText(cells)}, bars 2.5 % and 6 %`],
    [layers.largest <= 0.1, `the nine layers: ${errorText(layers)}, bar 10 %`],
    [leftOut.mean <= 0.05 && leftOut.largest <= 0.15, `a network left out: ${errorText(leftOut)}, bars 5 % and 15 %`],
    ...fittedNames.map((name) => {
      const [there, found] = [presentPoint.values[name], fit.values[name]];
      const text = `${name} is ${there}, the fit gives ${figure(found)}`;
      return [Math.abs(there / found - 1) < 0.02, text] as const;
    }),
  ];
  return bars.filter(([met]) => !met).map(([, text]) => text);
}

export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
export const errorText = ({ mean, largest }: ErrorSummary): string =>
  `${percent(mean)} on average, ${percent(largest)} at most`;
export const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
