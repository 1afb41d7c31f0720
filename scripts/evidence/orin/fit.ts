/**
 * The fits behind src/estimate/orin/as-built.ts and half.ts, to the latencies of branes.ts alone, one after the other:
 *
 * 1. hand-over and reformatting, to the engines of one INT8 convolution, whose launches the INT8 model prices;
 * 2. Rubik's rates, to the engines of one FP16 convolution, with 1 as it is;
 * 3. the layers on the GPU, to MobileNetV2 in INT8, with 1 as it is. ResNet-18 is held out.
 *
 * Least squares of relative errors. The clock of the DLA was logged in MAXN alone (1,600 MHz), so Rubik's cycles come from those
 * rows. At 50W the DLA is taken to run at 1,408 MHz, as in the model of NVIDIA's cells, and those rows of FP16 are held out.
 */

import type { PrecisionName } from '../../../src/base/data-type.ts';
import { gigabytesPerSecond, microseconds } from '../../../src/base/units.ts';
import { programWork } from '../../../src/estimate/layer-work.ts';
import { type AsBuiltParameters, handOverTime, reformatTime } from '../../../src/estimate/orin/as-built.ts';
import type { HalfParameters } from '../../../src/estimate/orin/half.ts';
import { conditionsOf, estimateLayer, type LayerWork } from '../../../src/estimate/orin/layer-cost.ts';
import { type ModelParameters, orinParameters } from '../../../src/estimate/orin/parameters.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { elementCount } from '../../../src/graph/tensor.ts';
import { compile, prepare } from '../../../src/index.ts';
import type { Program } from '../../../src/program/program.ts';
import { findModule, findPowerMode } from '../../../src/targets/find.ts';
import { orin } from '../../../src/targets/orin.ts';
import { branesLayers, branesNetworks, layerNetwork } from './branes.ts';
import { patternSearch } from './search.ts';

const module = findModule(orin, 'agx-orin-64gb');
/** The modes of a row's four times. */
const branesModes = ['MAXN', 'MAXN', '50W', '50W'].map((name) => findPowerMode(module, name));

/** A network as one engine: the work of its launches, and what its bindings hold. */
export interface Engine {
  readonly work: readonly LayerWork[];
  /** One shape of all bound elements together. */
  readonly bound: readonly [elements: number];
}

export function engineOf(graph: Graph, precision: PrecisionName): Engine {
  const { network } = compile(prepare(graph, { precision }), { precision, release: 'JetPack 5.1.1' });
  const [segment, ...others] = network.plan.segments;
  if (segment?.kind !== 'dla' || others.length > 0) throw new Error(`${graph.name} is not one loadable`);
  const { surfaces, inputs, outputs }: Program = segment.program;
  const elements = [...inputs, ...outputs].reduce((sum, id) => sum + elementCount(surfaces[id]!.shape), 0);
  return { work: programWork(segment.program), bound: [elements] };
}

/** Launches one after the other, and the task. */
function dlaTimes({ work }: Engine, parameters: ModelParameters): readonly number[] {
  return branesModes.map((mode) => {
    const conditions = conditionsOf(orin, mode, parameters);
    const launches = work.reduce((sum, each) => sum + estimateLayer(each, conditions).total, 0);
    return parameters.taskOverhead.value + launches;
  });
}

/** An engine with FP32 linear bindings, in the four conditions of a row. */
export function engineTimes(engine: Engine, parameters: ModelParameters): readonly number[] {
  const { asBuilt } = parameters;
  const around = reformatTime(engine.bound, asBuilt);
  return dlaTimes(engine, parameters).map((time, index) => time + handOverTime(branesModes[index]!, asBuilt) + around);
}

/** Engines of one convolution have three layers that name a DLA node: a reformat, the node, a reformat. */
const layersOfLoadable = 3;

/**
 * A network that TensorRT broke up. Which nodes went where is not published; what is assumed gives the published figures of both networks
 * in both precisions, within the errors that the page prints: every loadable is one convolution, from the beginning of the network, with
 * reformats of its own, and all other layers run on the GPU.
 */
export function brokenTimes(
  { work }: Engine,
  row: { readonly dlaLayers: readonly number[]; readonly gpuLayers: readonly number[] },
  parameters: ModelParameters,
): readonly number[] {
  const { asBuilt } = parameters;
  return branesModes.map((mode, index) => {
    const loadables = row.dlaLayers[index]! / layersOfLoadable;
    const engines = work.slice(0, Math.round(loadables)).map((launch) => {
      const halves = launch.halfPositions === undefined ? 1 : 2;
      return { work: [launch], bound: [(launch.input.size + launch.output.size) / halves] as const };
    });
    const reformats = engines.reduce((sum, { bound }) => sum + reformatTime(bound, asBuilt), 0);
    const dla = engines.reduce((sum, engine) => sum + dlaTimes(engine, parameters)[index]!, 0);
    return dla + reformats + loadables * handOverTime(mode, asBuilt) + row.gpuLayers[index]! * asBuilt.gpuLayer.value;
  });
}

const fitted = <T extends number>(value: T) => ({
  value,
  status: 'fitted' as const,
  range: [value, value] as const,
  source: 'fit.ts',
});

const withAsBuilt = (parameters: ModelParameters, [full, capped, reformat, gpuLayer]: readonly number[]) => ({
  ...parameters,
  asBuilt: {
    handOver: { full: fitted(microseconds(full!)), capped: fitted(microseconds(capped!)) },
    reformat: fitted(microseconds(reformat!)),
    gpuLayer: fitted(microseconds(gpuLayer ?? 0)),
  } satisfies AsBuiltParameters,
});

const withHalf = (parameters: ModelParameters, [block, rate]: readonly number[]) => ({
  ...parameters,
  half: { blockCycles: fitted(block!), bandwidth: fitted(gigabytesPerSecond(rate!)) } satisfies HalfParameters,
});

const squares = (ours: readonly number[], measured: readonly number[]): number =>
  measured.reduce((sum, value, index) => sum + (ours[index]! / value - 1) ** 2, 0);

export interface BranesFit {
  readonly handOver: readonly [full: number, capped: number];
  readonly reformat: number;
  readonly gpuLayer: number;
  readonly blockCycles: number;
  readonly bandwidth: number;
}

export interface LayerEngines {
  readonly int8: readonly Engine[];
  readonly fp16: readonly Engine[];
  readonly mobilenet: Engine;
}

export const layerEngines = (): LayerEngines => ({
  int8: branesLayers.map((row) => engineOf(layerNetwork(row), 'int8')),
  fp16: branesLayers.map((row) => engineOf(layerNetwork(row), 'fp16')),
  mobilenet: engineOf(mobilenet.build(), 'int8'),
});

const mobilenet = branesNetworks.find(({ name, precision }) => name === 'MobileNetV2' && precision === 'int8')!;

/** The fit; without the row `left`, where it is given. */
export function fitBranes({ int8, fp16, mobilenet: broken }: LayerEngines, left?: number): BranesFit {
  const rows = branesLayers.map((row, index) => ({ ...row, index })).filter(({ index }) => index !== left);
  const sum = (loss: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + loss(row), 0);
  const bindings = patternSearch([150, 150, 90], (tried) => {
    const parameters = withAsBuilt(orinParameters, tried);
    return sum(({ index, times }) => squares(engineTimes(int8[index]!, parameters), times.int8));
  });
  const half = patternSearch([3, 20], (tried) => {
    const parameters = withHalf(withAsBuilt(orinParameters, bindings), tried);
    return sum(({ index, times }) => squares(engineTimes(fp16[index]!, parameters), times.fp16.slice(0, 2)));
  });
  const [gpuLayer] = patternSearch([10], ([tried]) => {
    const parameters = withAsBuilt(orinParameters, [...bindings, tried!]);
    return squares(brokenTimes(broken, mobilenet, parameters), mobilenet.times);
  });
  const [full, capped, reformat] = bindings;
  return {
    handOver: [full!, capped!],
    reformat: reformat!,
    gpuLayer: gpuLayer!,
    blockCycles: half[0]!,
    bandwidth: half[1]!,
  };
}
