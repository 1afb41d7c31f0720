/**
 * The public API: one function per task, the same verbs as the command line. They compose the rooms. Everything here
 * runs in Node and in a browser worker alike; what differs (threads, onnxruntime, files, images) is passed in from
 * `dlakit/node` or `dlakit/browser`.
 *
 *     const graph = readNetwork(bytes, { shapes: parseShapes('image:1x3x224x224') });
 *     const network = prepare(graph);
 *     const calibration = await calibrate(network, samples, { runtime });
 *     const compiled = compile(network, { scales: calibration.scales });
 *     estimate(compiled.network.plan, { powerMode: 'MAXN', cores: 2 }).imagesPerSecond;
 */

import { type PrecisionName, precisionNamed } from './base/data-type.ts';
import { fail } from './base/errors.ts';
import { cycles, gigabytesPerSecond, mebibytes, megahertz } from './base/units.ts';
import { type Compilation, compileNetwork, hostReasons, withAllScales } from './compile/compilation.ts';
import type { InputFormat } from './compile/input-format.ts';
import { withMemoryNotes } from './compile/memory-notes.ts';
import { immediate } from './device/launch.ts';
import type { TraceReport } from './device/nvdla/trace/run-trace.ts';
import { estimate as estimatePlan } from './estimate/estimate.ts';
import { dlaTime, type Estimate } from './estimate/estimate-result.ts';
import type { SystemChanges } from './estimate/nvdla/conditions.ts';
import type { Bindings } from './estimate/orin/as-built.ts';
import type { Evaluation } from './evaluate/evaluate.ts';
import type { Graph } from './graph/graph.ts';
import { type Preprocess, preprocessFor } from './graph/preprocess.ts';
import type { Tensor } from './graph/tensor.ts';
import { decodeLoadable, isLoadable } from './loadable/container.ts';
import { statedTarget, targetOfLoadable } from './loadable/nvdla/format/loadable-target.ts';
import { decodeStockLoadable } from './loadable/nvdla/format/stock-loadable.ts';
import { liftedPlan, pricedPlan, printLifted } from './loadable/nvdla/lift/lifted-plan.ts';
import { liftLoadable } from './loadable/nvdla/lift/loadable.ts';
import { encodeNvdla as encodeStock } from './loadable/nvdla/lower/encode-nvdla.ts';
import type { LoadableProblem } from './loadable/nvdla/validate/findings.ts';
import { validateStockLoadable } from './loadable/nvdla/validate/loadable.ts';
import type { CompiledNetwork, Plan } from './program/program.ts';
import type { Calibration } from './quantize/calibrate.ts';
import { type CalibrateOptions, calibrate as calibrateGraph, type Samples } from './quantize/calibrate.ts';
import { explicitQuantization } from './quantize/explicit-quantization.ts';
import { valuesOnDla } from './quantize/scaled-values.ts';
import { withStatedScales } from './quantize/stated-scales.ts';
import { type TranslatedFiles, type TranslateOptions, translatedFiles } from './quantize/translated-files.ts';
import {
  type Candidate,
  searchRemedies,
  type TunedNetwork,
  type TuneMachine,
  type Tuning,
} from './quantize/tune/tune.ts';
import { tunedFiles as filesOfTuned } from './quantize/tune/tuned-files.ts';
import type { ScaleCost } from './report/coverage-text.ts';
import { makeReport } from './report/make-report.ts';
import type { Report } from './report/report.ts';
import { withOffers } from './rewrite/offers.ts';
import { prepare as prepareGraph, readQuantized } from './rewrite/prepare.ts';
import { nameAfterNodes } from './rewrite/quantization/name-after-nodes.ts';
import type { Asymmetric } from './rewrite/quantization/read-quantization.ts';
import { type PreparedNetwork, rewrite } from './rewrite/rewrite.ts';
import { type Device, type DeviceOptions, enginesFor } from './runtime/device.ts';
import { loadNetwork } from './runtime/network.ts';
import type { NvdlaInputs, NvdlaNetwork } from './runtime/nvdla/nvdla-network.ts';
import type { RecordedTraces, TraceOptions } from './runtime/nvdla/record-traces.ts';
import { check as checkGraph } from './support/check.ts';
import type { CheckOptions as Rules } from './support/rule.ts';
import { isQuantized } from './support/rules/quantization.ts';
import type { CheckResult } from './support/verdict.ts';
import { findModule, findNvdla, findPowerMode, findRelease, findTarget } from './targets/find.ts';
import { isNvdla } from './targets/target.ts';
import { version } from './version.ts';

export { DlakitError, type ErrorCode, errorCodes, formatProblem, type Problem } from './base/errors.ts';
export { boardOf as board } from './compile/orin/board/board.ts';
export { batches, type DataSet, type ImageInput, imageFeed, imageSource, samples } from './evaluate/data-set.ts';
export { evaluate } from './evaluate/evaluate.ts';
export { type Batch, type Feed, feedOf, type InputSource, wholeRuns } from './evaluate/feed.ts';
export { idxDataSet } from './evaluate/idx.ts';
export type { DecodeImage, Image } from './evaluate/image.ts';
export { type ByteSource, type TensorInput, tensorSource } from './evaluate/tensor-files.ts';
export { float32Tensor, float32Values, type Tensor } from './graph/tensor.ts';
export { decodeLoadable, encodeLoadable } from './loadable/container.ts';
export { externalFiles } from './onnx/external.ts';
export { type NetworkOptions, readNetwork } from './onnx/network.ts';
export type { OnnxRuntime, OnnxSession } from './onnx/session.ts';
export { parseShapes } from './onnx/shapes.ts';
export { writeModel } from './onnx/write.ts';
export { readCalibrationCache, writeCalibrationCache } from './quantize/calibration-cache.ts';
export { readRanges, writeNvdlaTable } from './quantize/read-ranges.ts';
export { type BoardFile, boardFolder } from './report/board-folder.ts';
export { checkJson } from './report/check-json.ts';
export { checkText } from './report/check-text.ts';
export { compileText } from './report/compile-text.ts';
export { coverageText } from './report/coverage-text.ts';
export { estimateText, layersText } from './report/estimate-text.ts';
export { evaluationText } from './report/evaluate-text.ts';
export { reportHtml } from './report/html/page.ts';
export { inspectText as inspect } from './report/inspect-text.ts';
export { reportJson } from './report/make-report.ts';
export { perfettoTrace } from './report/perfetto.ts';
export { checkSarif } from './report/sarif.ts';
export { tuningText } from './report/tune-text.ts';
export { Device, type DeviceOptions, openDevice } from './runtime/device.ts';
export { compareRuns } from './runtime/dump.ts';
export {
  loadNetwork,
  type NetworkSession,
  type RunOptions,
  type RunResult,
  runNetwork as run,
} from './runtime/network.ts';
export { type CustomTarget, readTarget } from './targets/custom-target.ts';
export { addTarget, targets } from './targets/find.ts';
export type * from './types.ts';
export type {
  CheckResult,
  Compilation,
  CompiledNetwork,
  Estimate,
  Evaluation,
  Graph,
  LoadableProblem,
  NvdlaInputs,
  NvdlaNetwork,
  Plan,
  PreparedNetwork,
  RecordedTraces,
  Report,
  TraceReport,
};
export { rewrite, version };

export interface TargetOptions {
  /** `orin` when not given. */
  readonly target?: string;
  /** `JetPack 6.0` when not given (xavier: `JetPack 5.1.1`). */
  readonly release?: string;
}

export interface PoolOptions {
  /** Memory pool for the tensors inside a loadable, in MiB; 1024 when not given. Orin and Xavier. */
  readonly localDram?: number;
  /** Memory pool for the weights of a loadable, in MiB; 512 when not given. */
  readonly globalDram?: number;
}

const poolsOf = ({ localDram, globalDram }: PoolOptions) =>
  localDram === undefined && globalDram === undefined
    ? {}
    : {
        pools: {
          ...(localDram !== undefined && { localDram: mebibytes(localDram) }),
          ...(globalDram !== undefined && { globalDram: mebibytes(globalDram) }),
        },
      };

export interface CheckOptions extends TargetOptions, PoolOptions {
  /** `int8` when not given. */
  readonly precision?: PrecisionName;
}

/**
 * Which nodes the DLA runs, which rule sends the others to the GPU (the host, beside an open NVDLA), and which rewrite brings
 * them back. @throws target/unknown
 */
export function check(graph: Graph, options: CheckOptions = {}): CheckResult {
  const rules = rulesOf(options);
  const result = withOffers(graph, checkGraph(graph, rules), rules);
  return withMemoryNotes(graph, result, { ...rules, ...poolsOf(options) });
}

/** The target, release and precision whose rules the options name. @throws target/unknown */
function rulesOf({ target: name = 'orin', release, precision = 'int8' }: CheckOptions): Rules {
  const target = findTarget(name);
  return { target, release: findRelease(target, release), precision: precisionNamed(precision) };
}

export interface PrepareOptions extends CheckOptions {
  /**
   * What becomes of a quantized network's integers that the DLA does not have (zero points, uint8, 16 bits): they stay as they are
   * (`keep`, when not given), become int8 of zero point 0 over the same range, or Clips to that range without a scale.
   */
  readonly asymmetric?: Asymmetric;
}

/**
 * Rewrites a network so that as much of it as possible runs on the DLA; its results stay the same. What the options name decides
 * which rewrites bring something: a network never stands worse for them there. @throws target/unknown
 */
export function prepare(graph: Graph, options: PrepareOptions = {}): PreparedNetwork {
  const { graph: prepared, applied } = prepareGraph(graph, rulesOf(options), options.asymmetric);
  return { original: graph, graph: prepared, applied };
}

export interface TranslateQuantizationOptions extends PrepareOptions, Omit<TranslateOptions, 'release'> {
  /** What the files are called after. */
  readonly name: string;
  /** Whether tensors get the names of the nodes that make them. */
  readonly nameAfterNodes?: boolean;
}

export interface TranslatedQuantization extends TranslatedFiles {
  /** How many nodes vanished or became others. */
  readonly nodes: number;
  /** Names of quantizing nodes that stay, since the DLA has no such integers. */
  readonly kept: readonly string[];
}

/**
 * A quantized network as NVIDIA's translator gives it for TensorRT up to 10: a plain network and files of its scales. Undefined where
 * nothing of the network is quantized, or can be translated. @throws target/unknown, calibrate/cache-missing
 */
export function translateQuantization(
  graph: Graph,
  options: TranslateQuantizationOptions,
): TranslatedQuantization | undefined {
  const { name, asymmetric, release: _, nameAfterNodes: renames, ...how } = options;
  const read = readQuantized(graph, asymmetric);
  if (read === undefined) return undefined;
  const rewritten = rewrite(read.graph, { passes: translatePasses }).graph;
  const plain = renames ? nameAfterNodes(rewritten) : rewritten;
  const files = translatedFiles(name, plain, { ...how, release: rulesOf(options).release });
  const kept = plain.nodes.filter(isQuantized).map((node) => node.name);
  return { ...files, nodes: read.nodes.length, kept };
}

/** What TensorRT does as it reads a network, and what leaves names and shapes as they are. */
const translatePasses = ['remove-no-ops', 'remove-dead', 'fold-batch-norm', 'fold-scale', 'fold-pad'];

/**
 * INT8 ranges from samples. A network that states scales (Q/DQ) keeps them, and its other tensors alone are measured. A value that holds
 * infinities has none where the target leaves it to others than the DLA.
 *
 * @throws calibrate/no-samples, calibrate/value, cancelled, run/host-missing, target/unknown
 */
export async function calibrate(
  { graph }: PreparedNetwork,
  samples: Samples,
  options: CalibrateOptions & TargetOptions,
): Promise<Calibration> {
  const rules = rulesOf(options);
  const onDla = valuesOnDla(graph, checkGraph(graph, rules));
  return withStatedScales(graph, await calibrateGraph(graph, samples, { onDla, ...options }), rules.release);
}

export interface CompileOptions extends TargetOptions, PoolOptions {
  /** `int8` when not given; `fp16` on orin, xavier and nv_full, without ranges. */
  readonly precision?: PrecisionName;
  /** value → scale, from a calibration or a cache, ahead of those that the model states (Q/DQ); trtexec's dummy ranges where there are neither. */
  readonly scales?: ReadonlyMap<string, number>;
  /**
   * Gives tensors without a scale that of a neighbour of the same range: through MaxPool, Relu, Clip, Concat and what only moves
   * elements, never onto an output of the network. On where the model states scales.
   */
  readonly propagateScales?: boolean;
  /** Managed SRAM in MiB, 0.5 or 1; the target's default pool when not given. */
  readonly sram?: number;
  /** Nodes that run in another precision than the network, by their names in it; `*` names all others. Orin and Xavier, INT8. */
  readonly layerPrecisions?: ReadonlyMap<string, PrecisionName>;
  readonly inputFormat?: InputFormat;
  /** How pictures become inputs: that of the calibration, where the ranges come from one. */
  readonly preprocess?: Preprocess;
  readonly sparsity?: 'disable' | 'enable';
}

/**
 * A tensor of the model without a scale puts the nodes that touch it in FP16: see `coverage` of the result.
 *
 * @throws calibrate/cache-missing when no tensor has a scale, or one has none on an open NVDLA; compile/precision; compile/accumulator-overflow, compile/memory;
 *   compile/unsupported when the target has no such precision, sparse mode or input format; preprocess/invalid, preprocess/units; target/unknown
 */
export function compile(network: PreparedNetwork, options: CompileOptions = {}): Compilation {
  const { scales, sram, inputFormat, sparsity, propagateScales, layerPrecisions } = options;
  const preprocess = preprocessFor(network.original, options.preprocess);
  const compilation = {
    ...rulesOf(options),
    ...poolsOf(options),
    ...(sram !== undefined && { sram: mebibytes(sram) }),
    ...(inputFormat && { inputFormat }),
    ...(preprocess && { preprocess }),
    ...(sparsity && { sparsity }),
    ...(propagateScales !== undefined && { propagateScales }),
    ...(layerPrecisions && {
      layerPrecisions: new Map([...layerPrecisions].map(([node, name]) => [node, precisionNamed(name)])),
    }),
  };
  return compileNetwork(network.graph, scales, compilation, network.original);
}

export interface TuneOptions
  extends Pick<CalibrateOptions, 'runtime' | 'threads' | 'signal'>,
    Omit<CompileOptions, 'scales' | 'layerPrecisions' | 'precision' | 'propagateScales'> {
  /** Of the target; networks run there beside FP32. */
  readonly device: Device;
  /** Samples on which remedies are judged, the first ones; 4 when not given. */
  readonly judged?: number;
  /** How much longer the network may take for it: 0.15 is 15 %, when not given. */
  readonly addedTime?: number;
  /** Of the estimates. */
  readonly estimate?: EstimateOptions;
  /** Called with what is done next. */
  readonly onProgress?: (step: string) => void;
}

/**
 * Searches remedies for what a network loses in INT8, the cheapest first: channels balanced, another range for single tensors, nodes in
 * FP16. What it gives goes into `compile` as it is: the network, whose weights change where channels are balanced; the scales; and the
 * nodes that run in FP16: `compile(point.network, point)`. Losses are in dB of the outputs beside FP32, times as estimated.
 *
 * @param samples gives the calibration data from its beginning, each time that it is called
 * @throws as `calibrate` and `compile`; compile/unsupported for a network that states its ranges itself (Q/DQ)
 */
export async function tune(network: PreparedNetwork, samples: () => Samples, options: TuneOptions): Promise<Tuning> {
  const {
    device,
    runtime,
    threads,
    signal,
    judged = 4,
    addedTime = 0.15,
    estimate: where,
    onProgress,
    ...how
  } = options;
  const rules = rulesOf(options);
  const machine: TuneMachine<Candidate & { readonly compiled: CompiledNetwork }> = {
    mixes: !isNvdla(rules.target),
    compile(attempt) {
      const compilation = compile(attempt.network, { ...how, ...attempt });
      const { quantized, rangeChanges, rounded, checked, network: compiled } = compilation;
      const onDla = checked.verdicts.flatMap(({ placement, node }) => (placement === 'dla' ? [node] : []));
      const time = estimate(compiled.plan, where).latency;
      return { ...quantized, rangeChanges, rounded, onDla: new Set(onDla), time, compiled };
    },
    async open({ compiled }) {
      const session = await loadNetwork(device, compiled, runtime);
      return { run: async (feeds) => (await session.run(feeds, { signal })).outputs, close: () => session.close() };
    },
  };
  return searchRemedies(network.graph, samples, machine, {
    runtime,
    judged,
    addedTime,
    onDla: valuesOnDla(network.graph, checkGraph(network.graph, rules)),
    ...(threads !== undefined && { threads }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
}

/**
 * The files of a tuned network: `NAME.onnx`, `NAME.cache` and, where nodes run in FP16, `NAME_layer_precisions.txt`, as name → contents.
 * `compile` takes what is read from them as it takes the point. @throws target/unknown
 */
export const tunedFiles = (
  name: string,
  point: TunedNetwork,
  options: TargetOptions = {},
): ReadonlyMap<string, Uint8Array | string> => filesOfTuned(name, point, rulesOf(options));

export interface ExplicitNetworkOptions {
  /**
   * `every` when not given: each tensor of the INT8 part has Q/DQ, as TensorRT wants it. `stored`: those alone that lie in memory, with
   * which onnxruntime rounds what the DLA rounds and nothing else.
   */
  readonly pairs?: 'every' | 'stored';
}

/**
 * A compiled INT8 network as the strongly typed ONNX that TensorRT from 11 on takes: Q/DQ on its tensors, FP16 types where one has no
 * scale. @throws compile/unsupported for an opset before 13, or a network without ranges
 */
export function explicitNetwork(
  { quantized, coverage, precisions, options, network: { plan } }: Compilation,
  { pairs = 'every' }: ExplicitNetworkOptions = {},
): Graph {
  if (quantized.ranges !== 'calibrated') {
    const detail = { expected: 'calibrated', actual: quantized.ranges };
    fail('compile/unsupported', 'Q/DQ nodes state ranges, and the network was compiled without', {}, detail);
  }
  const surfaces = plan.segments.flatMap((segment) =>
    segment.kind === 'dla' ? segment.program.surfaces.map(({ name }) => name) : [],
  );
  const stored = new Set([...plan.tensors.map(({ name }) => name), ...surfaces]);
  const asked = [...precisions].filter(([, precision]) => precision === 'float16');
  const half = new Map([...(quantized.half ?? []), ...asked]);
  return explicitQuantization({ ...quantized, half }, coverage, {
    target: options.target,
    stored,
    every: pairs === 'every',
  });
}

export interface EncodeNvdlaOptions {
  /** The version of the firmware's interface that the descriptors are written for; `0.12` when not given. */
  readonly interface?: '0.10' | '0.12';
}

/**
 * A network that was compiled for a configuration of the open NVDLA as the file that NVDLA's stock runtime loads.
 *
 * Its inputs and outputs are bound in the order of the network's, one element of the batch a submission, as surfaces: int8 or
 * float16 in atoms of the configuration's width, or interleaved pixels for an image. A blob named `dlakit`, which the stock runtime
 * passes over, says the target, the names, shapes and scales, and the pre-processing.
 *
 * @param compilation of `compile`; of a network that was read from a .dla, `{ network }` is enough
 * @throws loadable/host-segment when the network is not one DLA segment whole, with the nodes that the host runs and why;
 *   device/unsupported for orin and xavier, whose format is not public; program/invalid
 */
export function encodeNvdla(
  compilation: Pick<Compilation, 'network'> & Partial<Compilation>,
  options: EncodeNvdlaOptions = {},
): Uint8Array {
  const reasons = hostReasons(compilation);
  return encodeStock(compilation.network, {
    minor: options.interface === '0.10' ? 10 : 12,
    reasonOf: (node) => reasons.get(node),
  });
}

/**
 * Loads a stock loadable of the open NVDLA into a device: one of ours, or of any other compiler. It is the runtime's interface:
 *
 *     const device = await openDevice({ target: 'nv_small' });
 *     const network = await loadNvdla(device, bytes);
 *     network.write(0, surface);          // by bind id: the bytes of network.inputs[0], as its tensor descriptor lays them out
 *     await network.submit();             // every task, one after the other, those of the host emulator included
 *     const result = network.read(0);
 *     network.unload();
 *
 * `device.driver.buffers` allocates buffers that `bindInput` and `bindOutput` take; strides change with `setInputStrides` and
 * `setOutputStrides` where the loadable has relocations. Sizes, offsets and strides are bytes. A loadable of ours runs on tensors
 * of real numbers besides, by their names: `network.run({ image })`. Several networks may be loaded at once; each reaches
 * its own buffers alone.
 *
 * @throws loadable/*, also loadable/target when it was made for another configuration than the device's; device/memory;
 *   device/unsupported when the device is no open NVDLA
 */
export async function loadNvdla(device: Device, bytes: Uint8Array): Promise<NvdlaNetwork> {
  const loadable = decodeStockLoadable(bytes);
  targetOfLoadable(loadable, device.target.name);
  // Imported only here, as the drivers are: most users never load a stock loadable.
  const network = await import('./runtime/nvdla/nvdla-network.ts');
  return new network.NvdlaNetwork(loadable, device.driver);
}

export interface EstimateOptions {
  /** `agx-orin-64gb` when not given. */
  readonly module?: string;
  /** The module's fastest when not given. */
  readonly powerMode?: string;
  /** All of the module's when not given. */
  readonly cores?: number;
  /**
   * Formats that an engine binds inputs and outputs in, on orin and xavier: the DLA's own, which `board` writes flags for, or trtexec's
   * default, FP32 linear, which the GPU reformats. `native` when not given.
   */
  readonly bindings?: Bindings;
  /** How the system around an open NVDLA differs from the module. */
  readonly system?: SystemOptions;
}

/**
 * What tensors without a scale cost: the estimated latency of the network as it was compiled, and as it would be if each had one.
 * Undefined where none is missing, or where the network cannot be compiled otherwise. @throws target/unknown
 */
export function scaleCost(compilation: Compilation, options: EstimateOptions = {}): ScaleCost | undefined {
  const { coverage, network } = compilation;
  const complete = coverage.half.size > 0 ? withAllScales(compilation) : undefined;
  if (complete === undefined) return undefined;
  const module = findModule(findTarget(network.plan.target), options.module);
  const powerMode = findPowerMode(module, options.powerMode).name;
  const { latency, evidence } = estimate(network.plan, options);
  return {
    latency,
    complete: estimate(complete.network.plan, options).latency,
    where: `${module.id}, ${powerMode}: ${evidence.class}`,
  };
}

export interface SystemOptions {
  /** MHz of the core. */
  readonly clock?: number;
  /** GB/s of its memory, reading and writing together. */
  readonly bandwidth?: number;
  /** Cycles from a read request to its data. */
  readonly latency?: number;
  /** Bursts that one read client can have under way. */
  readonly outstanding?: number;
  /** Cycles that the processor takes to enable a launch whose dependencies are complete. */
  readonly launch?: number;
}

/** Time, traffic and utilisation per hardware layer. Needs no calibration. @throws target/unknown, estimate/system,
 * estimate/bindings */
export function estimate(plan: Plan, options: EstimateOptions = {}): Estimate {
  const target = findTarget(plan.target);
  const module = findModule(target, options.module);
  const powerMode = findPowerMode(module, options.powerMode);
  return estimatePlan(plan, {
    target,
    module,
    powerMode,
    cores: options.cores ?? module.dlaCores,
    ...(options.bindings && { bindings: options.bindings }),
    ...(options.system && { system: systemChanges(options.system) }),
  });
}

const systemChanges = ({ clock, bandwidth, latency, outstanding, launch }: SystemOptions): SystemChanges => ({
  ...(clock !== undefined && { clock: megahertz(clock) }),
  ...(bandwidth !== undefined && { bandwidth: gigabytesPerSecond(bandwidth) }),
  ...(latency !== undefined && { latency: cycles(latency) }),
  ...(outstanding !== undefined && { outstanding }),
  ...(launch !== undefined && { launch: cycles(launch) }),
});

/** The estimate in every power mode of a module, or in the one that is named. @throws target/unknown */
export function estimateModes(plan: Plan, options: EstimateOptions = {}): readonly Estimate[] {
  const module = findModule(findTarget(plan.target), options.module);
  const modes = options.powerMode === undefined ? module.powerModes : [findPowerMode(module, options.powerMode)];
  return modes.map((mode) => estimate(plan, { ...options, module: module.id, powerMode: mode.name }));
}

export interface ReportOptions {
  /** A module's id; `agx-orin-64gb` when not given. */
  readonly module?: string;
  readonly cores?: number;
  readonly bindings?: Bindings;
  readonly system?: SystemOptions;
  readonly evaluation?: Evaluation;
}

/** Everything dlakit knows of a compiled network, for `reportHtml`, `reportJson` and `perfettoTrace`. */
export function report(network: PreparedNetwork, compilation: Compilation, options: ReportOptions = {}): Report {
  const { evaluation, ...where } = options;
  return makeReport(network, compilation, {
    estimates: (plan) => estimateModes(plan, where),
    timeOf: (plan) => {
      const estimated = estimate(plan, where);
      return { dla: dlaTime(estimated), latency: estimated.latency };
    },
    ...(evaluation && { evaluation }),
  });
}

/**
 * A stock loadable of the open NVDLA, whoever compiled it, as a compiled network: to be inspected, priced and run.
 * @throws loadable/*; loadable/unliftable for what a Plan has no words for, tasks of the host emulator among it
 */
export function lift(bytes: Uint8Array, options: { readonly target?: string } = {}): CompiledNetwork {
  const loadable = decodeStockLoadable(bytes);
  const target = targetOfLoadable(loadable, options.target);
  return liftedPlan(liftLoadable(loadable, target), target);
}

/**
 * A stock loadable as a Plan for `estimate` alone: tasks of the host emulator are host segments without a model. @throws
 * loadable/*
 */
export function liftToEstimate(bytes: Uint8Array, options: { readonly target?: string } = {}): Plan {
  const loadable = decodeStockLoadable(bytes);
  const target = targetOfLoadable(loadable, options.target);
  return pricedPlan(liftLoadable(loadable, target), target);
}

/**
 * A stock loadable, lifted, as text: the Program of every task, and the operations of the host emulator. @throws loadable/*
 */
export function inspectProgram(bytes: Uint8Array, options: { readonly target?: string } = {}): string {
  const loadable = decodeStockLoadable(bytes);
  return printLifted(liftLoadable(loadable, targetOfLoadable(loadable, options.target)));
}

/**
 * Every rule of the format that a stock loadable of the open NVDLA breaks; none when it is sound.
 *
 * @param options its target, which a loadable of dlakit says itself
 * @throws loadable/target-missing when neither says it; loadable/target when they differ; loadable/*, target/unknown,
 *   device/unsupported for orin and xavier
 */
export function validateNvdla(
  bytes: Uint8Array,
  options: { readonly target?: string } = {},
): { readonly target: string; readonly problems: readonly LoadableProblem[] } {
  const loadable = decodeStockLoadable(bytes);
  const target = statedTarget(loadable, options.target);
  return { target: target.name, problems: validateStockLoadable(loadable, target) };
}

export interface RunTraceOptions {
  /** A configuration of the open NVDLA. */
  readonly target: string;
  readonly engines?: DeviceOptions['engines'];
}

/**
 * Plays a register trace of the open NVDLA on a device of its own, with all its checks.
 * @param file the trace's name, `.txn` for those of the test bench; for messages
 * @param images the text of every file that the trace names ({@link namedImages})
 * @throws trace/syntax, trace/check, file/not-found, device/*, target/unknown
 */
export async function runTrace(
  text: string,
  file: string,
  images: ReadonlyMap<string, string>,
  { target, engines }: RunTraceOptions,
): Promise<TraceReport> {
  const traces = await import('./device/nvdla/trace/run-trace.ts');
  return traces.runTrace(traces.parseTraceFile(text, file), images, findNvdla(target), {
    engines: async (bus) => immediate(await enginesFor(bus, engines ? { engines } : {})),
  });
}

/** The files that a register trace names. @throws trace/syntax */
export async function namedImages(text: string, file: string): Promise<readonly string[]> {
  const traces = await import('./device/nvdla/trace/run-trace.ts');
  return traces.imageFiles(traces.parseTraceFile(text, file));
}

export interface RecordTracesOptions extends TraceOptions {
  /** The target of a stock loadable that does not state one. Any other loadable has to be for this target. */
  readonly target?: string | undefined;
}

/**
 * Runs a loadable for an open NVDLA once and records what the firmware does to the hardware, as traces with memory images
 * that RTL, an FPGA or bare-metal software can replay.
 * @param inputs tensors by name; of a stock loadable of others the bytes of surfaces, by bind id
 * @throws loadable/*, run/input, run/host-missing, trace/record, device/*
 */
export async function recordTraces(
  loadable: Uint8Array,
  inputs: NvdlaInputs,
  { target, ...options }: RecordTracesOptions = {},
): Promise<RecordedTraces> {
  const traces = await import('./runtime/nvdla/record-traces.ts');
  if (isLoadable(loadable)) {
    const network = decodeLoadable(loadable, target === undefined ? {} : { target });
    return traces.tracesOfNetwork(network, inputs as Readonly<Record<string, Tensor>>, options);
  }
  const stock = decodeStockLoadable(loadable);
  return traces.tracesOfLoadable(stock, targetOfLoadable(stock, target), inputs, options);
}
