/**
 * What goes to the board. Orin's own loadable can only be made by TensorRT there, from three things: the prepared network, the
 * ranges of its tensors, and the command that builds it. This is that as data; report/board-folder.ts makes files of it. Everything
 * follows from the compilation and its options, so that no file contradicts another.
 */

import { fail } from '../../../base/errors.ts';
import type { Rounding } from '../../../base/rounding.ts';
import type { Graph } from '../../../graph/graph.ts';
import type { Preprocess } from '../../../graph/preprocess.ts';
import { writeModel } from '../../../onnx/write.ts';
import { cacheHeader, writeCalibrationCache } from '../../../quantize/calibration-cache.ts';
import { fuseMark, fusesUnscaled } from '../../../quantize/coverage.ts';
import { bindingNotes, borderNotes } from '../../../support/segment-notes.ts';
import type { JetsonTarget, Release } from '../../../targets/target.ts';
import { trtexecOf } from '../../../targets/trtexec.ts';
import type { Compilation } from '../../compilation.ts';
import { type BoardBinding, bindingsOf, type OutputFormat } from './bindings.ts';
import { type BoardCommand, boardCommands, type DlaCores } from './commands.ts';
import { boardGraph, typedGraph } from './graph.ts';

export interface BoardOptions {
  /** The stem of the file names; the network's name when not given. */
  readonly name?: string;
  /** 0 when not given. */
  readonly cores?: DlaCores;
  /** A loadable that cuDLA runs without TensorRT. */
  readonly standalone?: boolean;
  /** With `standalone`: a host of our own that runs the loadable through cuDLA. */
  readonly cudla?: boolean;
  /** The format of every output; `auto` when not given. */
  readonly outputFormat?: OutputFormat;
}

export interface Board {
  readonly name: string;
  readonly network: string;
  readonly release: Release;
  readonly rounding: Rounding;
  readonly standalone: boolean;
  /** Whether a host that runs the loadable through cuDLA goes along. */
  readonly cudla: boolean;
  /** The prepared network; from TensorRT 11 on with its precision in its types. */
  readonly model: { readonly file: string; readonly bytes: Uint8Array };
  /** The ranges of an INT8 engine; FP16 has none, nor has a network that states them itself. */
  readonly cache?: { readonly file: string; readonly text: string };
  /** Runs of trtexec, in order. */
  readonly commands: readonly BoardCommand[];
  readonly bindings: readonly BoardBinding[];
  /** Tensors that need a scale and have none; what touches them runs in FP16. */
  readonly withoutScale: readonly string[];
  /** What the calibration assumed of a picture. */
  readonly preprocess?: Preprocess;
  /** What the checker says of the board's network as a whole. */
  readonly notes: readonly string[];
}

/**
 * @throws compile/unsupported for an open NVDLA, which TensorRT does not build for; for an opset before 13 where TensorRT wants Q/DQ in
 *   the network; for cores, a standalone loadable or output formats that the network or the release cannot have;
 *   calibrate/cache-missing for a compilation with dummy ranges, whose engine would compute nonsense; compile/memory for an SRAM pool
 *   that TensorRT does not take; calibrate/cache-format, calibrate/value
 */
export function boardOf(compilation: Compilation, options: BoardOptions = {}): Board {
  const { quantized, network, checked, coverage, options: chosen } = compilation;
  const { plan } = network;
  const { release, precision } = chosen;
  const { cores = 0, standalone = false, cudla = false, outputFormat = 'auto' } = options;
  const target = jetson(compilation);
  if (quantized.ranges === 'dummy') {
    fail(
      'calibrate/cache-missing',
      'the board needs the calibrated ranges of the network, and it was compiled without',
    );
  }
  const graph = boardGraph(quantized.graph);
  const nodes = new Set(graph.nodes.map((node) => node.name));
  const onGpu = checked.segments.flatMap(({ kind, nodes: segment }) =>
    kind === 'gpu' ? segment.filter((node) => nodes.has(node)) : [],
  );
  if (standalone) requireStandalone(compilation, onGpu, cores);
  else if (cudla) fail('compile/unsupported', 'cuDLA runs a standalone loadable, and the folder is to build an engine');
  const name = options.name ?? fileStem(plan.network);
  const bindings = bindingsOf(graph, compilation, target, outputFormat);
  const fallback = onGpu.length > 0;
  // Precision is a flag of trtexec up to TensorRT 10, and a matter of the ONNX afterwards.
  const typed = !trtexecOf(release).has('--int8');
  const model = typed ? typedGraph(graph, compilation, bindings) : graph;
  return {
    name,
    network: plan.network,
    release,
    rounding: target.rounding.value,
    standalone,
    cudla,
    model: { file: `${name}.onnx`, bytes: writeModel(model) },
    ...(precision === 'int8' &&
      !typed && {
        cache: { file: `${name}.cache`, text: cacheText(graph, compilation) },
      }),
    commands: boardCommands({ compilation, name, bindings, nodes, cores, standalone, fallback }),
    bindings,
    withoutScale: precision === 'int8' ? coverage.missing.map(({ value }) => value) : [],
    ...(plan.preprocess && { preprocess: plan.preprocess }),
    notes: boardNotes(graph, compilation),
  };
}

/** The checker's notes, but for formats, which the bindings state, and with the borders of the network that goes to the board. */
function boardNotes(graph: Graph, { quantized, checked, options }: Compilation): readonly string[] {
  const { segments } = checked;
  const otherwise = new Set([
    ...bindingNotes(quantized.graph, segments, options),
    ...borderNotes(quantized.graph, segments, options),
  ]);
  return [...checked.notes.filter((note) => !otherwise.has(note)), ...borderNotes(graph, segments, options)];
}

function jetson({ options: { target } }: Compilation): JetsonTarget {
  if (target.generation !== 'nvdla') return target;
  return fail(
    'compile/unsupported',
    'TensorRT builds for orin and xavier: no files go to the board of an open NVDLA',
    {},
    { actual: target.name },
  );
}

function requireStandalone(
  { checked, options: { release } }: Compilation,
  onGpu: readonly string[],
  cores: DlaCores,
): void {
  if (!trtexecOf(release).has('--buildDLAStandalone')) {
    const detail = { expected: 'TensorRT 8.6 or later', actual: `TensorRT ${release.tensorrt.join('.')}` };
    fail('compile/unsupported', `the trtexec of ${release.name} builds no standalone loadables`, {}, detail);
  }
  if (cores === 'both') {
    fail('compile/unsupported', 'a standalone loadable is not built for a core: cuDLA chooses the one that runs it');
  }
  const [node] = onGpu;
  if (node !== undefined) {
    fail('compile/unsupported', 'a standalone loadable has no GPU, and the node does not run on the DLA', { node });
  }
  const segments = checked.segments.filter(({ kind }) => kind === 'dla').length;
  if (segments !== 1) {
    fail('compile/unsupported', 'a standalone loadable is one DLA segment', {}, { expected: 1, actual: segments });
  }
}

/** The scales of the graph's own tensors, and the mark of those that are to have none: a cache names no others. */
function cacheText({ values }: Graph, { quantized, coverage, options: { release } }: Compilation): string {
  const marks = fusesUnscaled(release) ? coverage.fused.map((value) => [value, fuseMark] as const) : [];
  const own = new Map([...quantized.scales, ...marks].filter(([value]) => values.has(value)));
  return writeCalibrationCache(own, { header: cacheHeader(release) });
}

/** A file name made of letters that every shell and file system takes as they are. */
const fileStem = (name: string): string => name.replace(/[^\w.-]+/g, '_').replace(/^[.-]+/, '') || 'network';
