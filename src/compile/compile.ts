/**
 * QuantizedGraph → Plan. The passes, each in a file of its own:
 *
 *     assign     who runs each node; select: node → operation; fuse: operations of one launch
 *     segments   what runs together, in which order
 *     element-types  which values are int8 and which float16
 *     place      which values share memory: aliases, free concatenation, copies
 *     lower      of a backend (orin/, nvdla/): operations → launches; kernels and factors → integers
 *     emit       surfaces, SRAM and DRAM addresses (allocate), dependencies, validation
 *
 * Three states, never confused: a node that a rule refuses runs on the host with reason `refused`; one that the rules accept and this
 * compiler cannot lower runs on the host with reason `not emulated`; every other one runs on the emulated DLA.
 */

import { type Precision, precisionNamed } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import type { Bytes } from '../base/units.ts';
import { batchOf, type Graph, type Node, readsOf as nodeReads, staticShape } from '../graph/graph.ts';
import type { Preprocess } from '../graph/preprocess.ts';
import { extractSubgraph } from '../onnx/subgraph.ts';
import { writeModel } from '../onnx/write.ts';
import { elementsPerAtom } from '../program/geometry.ts';
import type { CompiledNetwork, DlaSegment, HostSegment, PlanTensor, Segment } from '../program/program.ts';
import { type BlobTableBuilder, blobTableBuilder } from '../program/program.ts';
import type { QuantizedGraph } from '../quantize/quantize.ts';
import type { CheckResult } from '../support/verdict.ts';
import { defaultPools, isNvdla, type MemoryPools, type Release, type Target } from '../targets/target.ts';
import { type Assignment, assign } from './assign.ts';
import type { Backend } from './backend.ts';
import { elementTypes } from './element-types.ts';
import { emit } from './emit.ts';
import { type InputFormat, inputFormat } from './input-format.ts';
import { nvdlaBackend } from './nvdla/backend.ts';
import { type Operation, readsOf, surfaceShape } from './operation.ts';
import { orinBackend } from './orin/backend.ts';
import { place } from './place.ts';
import { requirePools } from './pool-use.ts';
import { cutSegments, type SegmentDraft } from './segments.ts';

export interface CompileOptions {
  readonly target: Target;
  readonly release: Release;
  /** Managed SRAM that the network may use; the target's default pool (0.5 MiB on Orin) otherwise. */
  readonly sram?: Bytes;
  /** What a loadable may take of the other pools of orin and xavier; TensorRT's defaults otherwise. */
  readonly pools?: Partial<MemoryPools>;
  /** The format of the network's inputs; `auto` unless given. */
  readonly inputFormat?: InputFormat;
  readonly preprocess?: Preprocess;
  /** `enable` runs what is 2:4 sparse in sparse mode. */
  readonly sparsity?: 'disable' | 'enable';
  /** Nodes by name that run in another precision than the network. */
  readonly precisions?: ReadonlyMap<string, Precision>;
}

export interface Compiled {
  readonly network: CompiledNetwork;
  /** Nodes that the rules accept and that run on the host all the same: name → why, as the end of "is not emulated: …". */
  readonly notEmulated: ReadonlyMap<string, string>;
  /** The values whose numbers become INT8 integers on the DLA: those that lie in memory as such, and those that only index a table. */
  readonly rounded: ReadonlyMap<string, 'memory' | 'table'>;
}

/**
 * @param checked what the checker said of the very graph that was quantized
 * @throws compile/accumulator-overflow, compile/memory, compile/unsupported, calibrate/value, shape/unresolved
 */
export function compile(quantized: QuantizedGraph, checked: CheckResult, options: CompileOptions): Compiled {
  const { graph } = quantized;
  const { target, release } = options;
  const sram = options.sram ?? target.sram.defaultPool.value;
  if (!(sram >= 0 && sram <= target.sram.capacity.value)) {
    const expected = `at most ${target.sram.capacity.value} bytes`;
    fail('compile/memory', `${target.name} does not have that much SRAM`, {}, { expected, actual: sram });
  }
  requirePools(target, options.pools);
  for (const [value, scale] of quantized.scales) {
    if (!(Number.isFinite(scale) && scale > 0)) {
      fail('calibrate/value', 'a scale is not a positive finite number', { value }, { actual: scale });
    }
  }
  const backend = backendOf(graph, checked, options);
  const assignment = assign(graph, checked, quantized, backend.policy, options.precisions);
  const { segmentOf } = assignment;
  const loadableOf = (operation: Operation) => backend.loadableOf(operation, segmentOf(operation));
  const drafts = cutSegments({ graph, ...assignment, hostApart: backend.hostApart, loadableOf });
  const crossing = new Crossings(graph, drafts);
  const external = new Set([
    ...graph.outputs,
    ...drafts.flatMap((draft) => (draft.kind === 'host' ? readBy(draft) : [])),
  ]);
  const { precision } = backend.policy;
  const typeOf =
    precision === 'int8' ? elementTypes(assignment.operations, { ...assignment, external }) : () => precision;
  if (options.inputFormat && options.inputFormat !== 'auto') requireDlaInputs(graph, drafts, options.inputFormat);
  const blobs = blobTableBuilder();
  const segments = drafts.map((draft, index): Segment => {
    const borders = crossing.of(index);
    if (draft.kind === 'host') return hostSegment(graph, draft, borders, blobs);
    return dlaSegment(graph, draft, borders, { checked, assignment, options, backend, typeOf, sram, blobs });
  });
  const scaled = (name: string) => typeOf(name) === 'int8' && crossing.touchesDla(name);
  const tensors = crossing.names.map((name) => planTensor(graph, name, scaled(name), assignment.scales));
  return {
    network: {
      plan: {
        network: graph.name,
        target: target.name,
        release: release.name,
        batch: batchOf(graph),
        ranges: quantized.ranges,
        ...(options.preprocess !== undefined && { preprocess: options.preprocess }),
        tensors,
        inputs: graph.inputs,
        outputs: graph.outputs,
        segments,
      },
      blobs: blobs.table(),
    },
    notEmulated: assignment.notEmulated,
    rounded: roundedValues(drafts, assignment, typeOf),
  };
}

function roundedValues(
  drafts: readonly SegmentDraft[],
  { precisionOf }: Assignment,
  typeOf: (value: string) => Precision,
): ReadonlyMap<string, 'memory' | 'table'> {
  const rounded = new Map<string, 'memory' | 'table'>();
  for (const operation of drafts.flatMap((draft) => (draft.kind === 'dla' ? draft.operations : []))) {
    const integers = precisionOf(operation) === 'int8';
    for (const value of [...readsOf(operation), operation.output]) {
      // Of what lies in memory as float16, an operation in INT8 reads a rounded copy.
      if (typeOf(value) === 'int8' || (integers && value !== operation.output)) rounded.set(value, 'memory');
    }
    const table = operation.kind === 'conv' || operation.kind === 'point' ? operation.point.table : undefined;
    if (integers && table && !rounded.has(table.input)) rounded.set(table.input, 'table');
  }
  return rounded;
}

/** Refuses an input format for an input that the GPU reads, or that no DLA reads. @throws compile/unsupported */
function requireDlaInputs(graph: Graph, drafts: readonly SegmentDraft[], format: InputFormat): void {
  for (const input of graph.inputs) {
    const readers = drafts.filter((draft) => readBy(draft).includes(input));
    const host = readers.find((draft) => draft.kind === 'host' && draft.reason === 'refused');
    if (readers.some((draft) => draft.kind === 'dla') && !host) continue;
    const reason = host ? `${host.nodes[0]!.name} reads it outside the DLA` : 'no DLA segment reads it';
    fail('compile/unsupported', `the input cannot be ${format}: ${reason}`, { value: input });
  }
}

function backendOf(graph: Graph, checked: CheckResult, { target, sparsity }: CompileOptions): Backend {
  const precision = precisionNamed(checked.precision);
  return isNvdla(target)
    ? nvdlaBackend(graph, precision, target)
    : orinBackend(graph, precision, { target, sparsity: sparsity === 'enable' });
}

interface Borders {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Which values cross the borders of segments. */
class Crossings {
  /** Inputs and outputs of the network and of every segment; each once. */
  readonly names: readonly string[];
  readonly #borders: readonly Borders[];
  readonly #dla: ReadonlySet<string>;

  constructor(graph: Graph, drafts: readonly SegmentDraft[]) {
    const made = drafts.map(madeBy);
    const read = drafts.map((draft) => [...new Set(readBy(draft))].filter((value) => !graph.constants.has(value)));
    const needed = new Map<string, Set<number>>();
    for (const [index, values] of read.entries()) {
      for (const value of values) needed.set(value, (needed.get(value) ?? new Set()).add(index));
    }
    const outputs = new Set(graph.outputs);
    this.#borders = drafts.map((_, index) => {
      const own = new Set(made[index]);
      const leaves = (value: string) => outputs.has(value) || [...(needed.get(value) ?? [])].some((at) => at !== index);
      return { inputs: read[index]!.filter((value) => !own.has(value)), outputs: [...own].filter(leaves) };
    });
    const all = this.#borders.flatMap((borders) => [...borders.inputs, ...borders.outputs]);
    this.names = [...new Set([...graph.inputs, ...all, ...graph.outputs])];
    this.#dla = new Set(
      drafts.flatMap(({ kind }, index) => {
        const { inputs, outputs: given } = this.#borders[index]!;
        return kind === 'dla' ? [...inputs, ...given] : [];
      }),
    );
    const available = new Set(made.flat());
    for (const output of graph.outputs) {
      if (available.has(output)) continue;
      const what = graph.inputs.includes(output) ? 'an input of it' : 'a constant';
      fail('compile/unsupported', `an output of the network is ${what}: nothing computes it`, { value: output });
    }
  }

  of(segment: number): Borders {
    return this.#borders[segment]!;
  }

  touchesDla(value: string): boolean {
    return this.#dla.has(value);
  }
}

const madeBy = (draft: SegmentDraft): readonly string[] =>
  draft.kind === 'dla'
    ? draft.operations.map((operation) => operation.output)
    : draft.nodes.flatMap((node) => node.outputs.filter((value) => value !== ''));

const readBy = (draft: SegmentDraft): readonly string[] =>
  draft.kind === 'dla' ? draft.operations.flatMap(readsOf) : draft.nodes.flatMap(nodeReads);

const originOf = (nodes: readonly Node[]): readonly string[] => [...new Set(nodes.flatMap((node) => node.origin))];

function hostSegment(
  graph: Graph,
  draft: Extract<SegmentDraft, { kind: 'host' }>,
  { inputs, outputs }: Borders,
  blobs: BlobTableBuilder,
): HostSegment {
  const names = draft.nodes.map(({ name }) => name);
  return {
    kind: 'host',
    name: names.length === 1 ? names[0]! : `${names[0]}...${names.at(-1)}`,
    nodes: originOf(draft.nodes),
    reason: draft.reason,
    inputs,
    outputs,
    model: blobs.add(writeModel(extractSubgraph(graph, names, inputs, outputs))),
  };
}

interface DlaContext {
  readonly checked: CheckResult;
  readonly assignment: Assignment;
  readonly options: CompileOptions;
  readonly backend: Backend;
  readonly typeOf: (value: string) => Precision;
  readonly sram: Bytes;
  readonly blobs: BlobTableBuilder;
}

function dlaSegment(
  graph: Graph,
  draft: Extract<SegmentDraft, { kind: 'dla' }>,
  { inputs, outputs }: Borders,
  { checked, assignment, options, backend, typeOf, sram, blobs }: DlaContext,
): DlaSegment {
  const { target } = options;
  const { featureFormat, wholeAtoms } = backend;
  const [first, last] = [draft.nodes[0]!.name, draft.nodes.at(-1)!.name];
  const part = draft.nodes.length === 1 ? first : `${first}...${last}`;
  const name = draft.whole ? checked.segments[draft.checked]!.name : `{ForeignNode[${part}]}`;
  const scaleOf = (value: string): number => {
    const scale = backend.policy.precision === 'int8' ? assignment.scales.get(value) : 1;
    if (scale === undefined) throw new Error(`${value} has no scale`);
    return scale;
  };
  const shapeOf = (value: string) => {
    const shape = surfaceShape(graph, value);
    if (shape === undefined) throw new Error(`${value} has no surface`);
    return backend.surfaceOf(shape);
  };
  const isTaken = (value: string) => graph.values.has(value) || assignment.scales.has(value);
  const placement = place(draft.operations, {
    inputs,
    outputs,
    shapeOf,
    scaleOf,
    numbersOf(value) {
      const dtype = typeOf(value);
      return { dtype, scale: dtype === 'int8' ? scaleOf(value) : 1 };
    },
    precisionOf: assignment.precisionOf,
    isTaken,
    atomOf: (dtype) => elementsPerAtom(featureFormat(dtype)),
    wholeAtoms,
  });
  const images = new Set(graph.inputs);
  const program = emit(placement, {
    name,
    target,
    sram,
    pools: { ...defaultPools, ...options.pools },
    batch: batchOf(graph),
    inputs,
    outputs,
    isTaken,
    formatOf: (input) =>
      images.has(input)
        ? inputFormat(input, options.inputFormat ?? 'auto', placement, backend)
        : featureFormat(typeOf(input)),
    featureFormat,
    elementType: backend.policy.precision,
    lower: backend.lower(scaleOf),
    blobs,
  });
  return { kind: 'dla', name, program };
}

const planTypes: ReadonlySet<string> = new Set([
  'float32',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
  'float16',
  'float64',
]);

function planTensor(graph: Graph, name: string, scaled: boolean, scales: ReadonlyMap<string, number>): PlanTensor {
  const shape = staticShape(graph, name);
  if (shape === undefined) {
    const maker = graph.nodes.find((node) => node.outputs.includes(name));
    const message = 'the shape of a value that crosses between segments is not known before the network runs';
    fail('shape/unresolved', message, { value: name, ...(maker && { node: maker.name }) });
  }
  const dtype = graph.values.get(name)?.dtype ?? 'float32';
  if (!planTypes.has(dtype)) {
    const expected = [...planTypes].join(', ');
    fail(
      'compile/unsupported',
      'a tensor of this type cannot cross segments',
      { value: name },
      { expected, actual: dtype },
    );
  }
  const scale = scaled ? scales.get(name) : undefined;
  return { name, shape, dtype: dtype as PlanTensor['dtype'], ...(scale !== undefined && { scale }) };
}
