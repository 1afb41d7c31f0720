/**
 * What goes to the board. Orin's own loadable can only be made by TensorRT there, from three things: the prepared network, the
 * ranges of its tensors, and the command that builds it. Flags are those of trtexec 8.5–8.6
 * (docs/hardware/dla-software.md#trtexec).
 */

import { fail } from '../../base/errors.ts';
import { consumers, type Graph, producers } from '../../graph/graph.ts';
import { writeModel } from '../../onnx/write.ts';
import type { Plan, Preprocess } from '../../program/program.ts';
import { writeCalibrationCache } from '../../quantize/calibration-cache.ts';
import type { QuantizedGraph } from '../../quantize/quantize.ts';
import { promotedOperators } from '../../support/rules.ts';
import type { CheckResult } from '../../support/verdict.ts';
import type { Release } from '../../targets/target.ts';
import { isPoolSize, poolNames } from '../../targets/target.ts';
import type { Compilation } from '../compilation.ts';
import { movesNothing } from '../select/select.ts';

export interface BoardFlag {
  readonly flag: string;
  /** Why the flag is there, for people. */
  readonly reason: string;
}

export interface BoardFiles {
  /** The prepared network. */
  readonly model: { readonly file: string; readonly bytes: Uint8Array };
  /** The ranges of an INT8 engine; FP16 has none. */
  readonly cache?: { readonly file: string; readonly text: string };
  readonly flags: readonly BoardFlag[];
  /** What the application does to a picture and to an input, a sentence each. */
  readonly inputs: readonly string[];
  /** The command, a flag a line. */
  readonly command: string;
}

/**
 * Everything that is written follows from the compilation and its options, so that no file contradicts another.
 *
 * @param options name: the stem of the file names; the network's name when not given
 * @throws compile/unsupported for an open NVDLA, which TensorRT does not build for; calibrate/cache-missing for a compilation with
 *   dummy ranges, whose engine would compute nonsense; compile/memory for an SRAM pool that TensorRT does not take;
 *   calibrate/cache-format, calibrate/value
 */
export function boardFiles(compilation: Compilation, options: { readonly name?: string } = {}): BoardFiles {
  const { quantized, network, options: chosen } = compilation;
  const { plan } = network;
  const { target, release, precision } = chosen;
  if (target.generation === 'nvdla') {
    fail(
      'compile/unsupported',
      'TensorRT builds for orin and xavier: no files go to the board of an open NVDLA',
      {},
      { actual: target.name },
    );
  }
  if (quantized.ranges === 'dummy') {
    fail(
      'calibrate/cache-missing',
      'the board needs the calibrated ranges of the network, and it was compiled without',
    );
  }
  const name = options.name ?? fileStem(plan.network);
  const flags = boardFlags(compilation, name);
  return {
    model: { file: `${name}.onnx`, bytes: writeModel(boardGraph(quantized.graph)) },
    ...(precision === 'int8' && { cache: { file: `${name}.cache`, text: cacheText(quantized, release) } }),
    flags,
    inputs: inputNotes(plan),
    command: ['trtexec', ...flags.map(({ flag }) => flag)].join(' \\\n  '),
  };
}

/**
 * The graph without the reshapes at its outputs that move no data ([N, C, 1, 1] to [N, C]). TensorRT would run them on the GPU;
 * without them the output keeps its name and has four dimensions, as the benchmark networks' have
 * (docs/hardware/estimate-model.md#networks).
 */
export function boardGraph(graph: Graph): Graph {
  const made = producers(graph);
  const readers = consumers(graph);
  const gone = new Set<string>();
  const renamed = new Map<string, string>();
  const bound = new Set([...graph.inputs, ...graph.outputs]);
  const values = new Map(graph.values);
  for (const output of graph.outputs) {
    const node = made.get(output);
    if (node === undefined || readers.has(output) || !movesNothing(node, graph)) continue;
    const source = node.inputs[0]!;
    const type = graph.values.get(source);
    if (bound.has(source) || renamed.has(source) || !made.has(source) || type === undefined) continue;
    gone.add(node.name);
    renamed.set(source, output);
    values.set(output, type);
    values.delete(source);
  }
  if (gone.size === 0) return graph;
  const rename = (value: string) => renamed.get(value) ?? value;
  return {
    ...graph,
    values,
    nodes: graph.nodes
      .filter(({ name }) => !gone.has(name))
      .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
  };
}

/** The flags of the build command, in order, each with its reason. */
function boardFlags(
  { quantized, checked, network: { plan }, options }: Compilation,
  name: string,
): readonly BoardFlag[] {
  const flags: BoardFlag[] = [];
  const add = (flag: string, reason: string) => flags.push({ flag, reason });
  const left = new Set(boardGraph(quantized.graph).nodes.map((node) => node.name));
  const fallback = checked.segments.some(({ kind, nodes }) => kind === 'gpu' && nodes.some((node) => left.has(node)));
  const half = halfPrecisionOperators(checked);
  add(`--onnx=${quote(`${name}.onnx`)}`, 'the prepared network');
  add(`--saveEngine=${quote(`${name}.engine`)}`, 'keeps what is built');
  add('--useDLACore=0', 'puts every layer that can on a DLA core');
  if (options.precision === 'float16') add('--fp16', 'the precision that the network was prepared for');
  else {
    add('--int8', 'the precision that the network was prepared for');
    if (half.length > 0) add('--fp16', `${half.join(', ')} run in FP16 on the DLA, also in an INT8 network`);
    add(`--calib=${quote(`${name}.cache`)}`, 'the ranges of the tensors; without it trtexec sets dummy ranges');
  }
  add(
    `--memPoolSize=${[`dlaSRAM:${sramPool(options)}`, ...pools(options)].join(',')}`,
    `managed SRAM in MiB${sramAdvice(options, plan)}`,
  );
  if (options.sparsity === 'enable')
    add('--sparsity=enable', 'runs the convolutions whose weights are 2:4 sparse in sparse mode');
  if (fallback) add('--allowGPUFallback', 'some nodes cannot run on the DLA; without it the build fails');
  add(
    `--inputIOFormats=${plan.inputs.map((value) => binding(value, 'inputs', plan, quantized, options)).join(',')}`,
    'hands the DLA its own input format, so that nothing is reformatted',
  );
  add(
    `--outputIOFormats=${plan.outputs.map((value) => binding(value, 'outputs', plan, quantized, options)).join(',')}`,
    'takes results as the side that computes them writes them',
  );
  return flags;
}

/**
 * The pool in MiB, as trtexec takes it: a power of two, at least 4 KiB (docs/hardware/orin.md#memory-pools).
 * @throws compile/memory
 */
function sramPool({ target, sram = target.sram.defaultPool.value }: Compilation['options']): number {
  if (!isPoolSize(sram)) {
    const detail = { expected: 'a power of two of bytes, at least 4096', actual: sram };
    fail('compile/memory', 'TensorRT takes no pool of managed SRAM of that size', {}, detail);
  }
  return sram / mebibyte;
}

/** The other pools in MiB, where they are not TensorRT's. */
const pools = ({ pools: given = {} }: Compilation['options']): readonly string[] =>
  (['localDram', 'globalDram'] as const).flatMap((pool) =>
    given[pool] === undefined ? [] : [`${poolNames[pool]}:${given[pool] / mebibyte}`],
  );

/** Several loadables share what a core of Orin has: they may take up to twice the pool (docs/hardware/orin.md#memory-pools). */
function sramAdvice({ target, sram = target.sram.defaultPool.value }: Compilation['options'], plan: Plan): string {
  if (target.generation !== 'orin') return '';
  const loadables = plan.segments.filter(({ kind }) => kind === 'dla').length;
  const capacity = target.sram.capacity.value;
  if (loadables > 1 && 2 * sram > capacity) {
    return `; ${loadables} loadables may take twice that, more than the ${capacity / mebibyte} of a core: if the build fails, give 0.5`;
  }
  return "; TensorRT's default on Orin is 0.5, a network of one DLA segment may take 1";
}

/** Sentences on the pre-processing that the calibration assumed, and on how real numbers become the engine's integers. */
function inputNotes({ inputs, tensors, preprocess }: Plan): readonly string[] {
  const notes = preprocess ? [preprocessNote(preprocess)] : [];
  for (const { name, scale } of tensors) {
    if (scale === undefined || !inputs.includes(name)) continue;
    notes.push(`${name}: int8 = real / ${scale}, rounded and saturated, where it is bound as int8`);
  }
  return notes;
}

const preprocessNote = ({ mean, std, channelOrder }: Preprocess): string =>
  `a picture becomes (pixel / 255 - mean) / std, mean ${mean.join(', ')}, std ${std.join(', ')}, channels in the order ${channelOrder}`;

/** `type:format` of an input or output of the network: what every side that touches it can take. */
function binding(
  value: string,
  side: 'inputs' | 'outputs',
  plan: Plan,
  { scales }: QuantizedGraph,
  { precision }: Compilation['options'],
): string {
  const touching = plan.segments.filter((segment) =>
    segment.kind === 'dla'
      ? segment.program[side].some((id) => segment.program.surfaces[id]!.name === value)
      : segment[side].includes(value),
  );
  // A node that is only not emulated here runs on the board's DLA.
  if (touching.some((segment) => segment.kind === 'host' && segment.reason === 'refused')) return 'fp32:chw';
  for (const segment of touching) {
    if (segment.kind !== 'dla') continue;
    const { dtype, format } = segment.program.surfaces.find(({ name }) => name === value)!;
    return `${dtype === 'float16' ? 'fp16' : 'int8'}:${format}`;
  }
  return precision === 'int8' && scales.has(value) ? 'int8:chw32' : 'fp16:chw16';
}

/** Operators of the network that the DLA runs in FP16 in an INT8 network too. */
function halfPrecisionOperators(checked: CheckResult): readonly string[] {
  const used = checked.verdicts.filter(({ placement, op }) => placement === 'dla' && promotedOperators.has(op));
  return [...new Set(used.map(({ op }) => op))].sort();
}

/** The scales of the graph's own tensors: a cache names no others. */
function cacheText({ graph, scales }: QuantizedGraph, release: Release): string {
  const { values } = boardGraph(graph);
  const [major, minor, patch] = release.tensorrt;
  // 8.5.2 is 8502; since version 10 the minor version has two digits (seen: TRT-8001, TRT-8600;
  // docs/hardware/dla-software.md#calibration-cache).
  const version = major * (major < 10 ? 1000 : 10_000) + minor * 100 + patch;
  const own = new Map([...scales].filter(([value]) => values.has(value)));
  return writeCalibrationCache(own, { header: `TRT-${version}-EntropyCalibration2` });
}

const mebibyte = 2 ** 20;

/** A file name made of letters that every shell and file system takes as they are. */
const fileStem = (name: string): string => name.replace(/[^\w.-]+/g, '_').replace(/^[.-]+/, '') || 'network';

const quote = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
