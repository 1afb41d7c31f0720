/**
 * What there is to know of the network as a whole once it is cut: limits per segment, tensors that must share a range,
 * and the formats in which inputs and outputs can be bound.
 */

import { type Precision, precisionName } from '../base/data-type.ts';
import { type Graph, type Node, producers, readsOf, staticShape } from '../graph/graph.ts';
import { groupsOf } from '../graph/operators/window.ts';
import { elementCount } from '../graph/tensor.ts';
import { isNvdla } from '../targets/target.ts';
import { equalRangeGroups, scaledValues } from './equal-ranges.ts';
import type { CheckOptions } from './rule.ts';
import { times } from './rule.ts';
import type { CheckedSegment } from './verdict.ts';

/** Bytes of the constants that the nodes of a segment read, at the precision they are stored in. */
function weightBytes(graph: Graph, nodes: readonly Node[], precision: Precision): number {
  const names = new Set(nodes.flatMap((node) => node.inputs.filter((name) => graph.constants.has(name))));
  const elements = [...names].reduce((sum, name) => sum + elementCount(graph.constants.get(name)!.shape), 0);
  return elements * (precision === 'int8' ? 1 : 2);
}

/** Bytes of a feature surface: channels are padded to 32 bytes (kCHW32 in INT8, kCHW16 in FP16). */
export function surfaceBytes(shape: readonly number[], precision: Precision): number {
  const elementBytes = precision === 'int8' ? 1 : 2;
  const channelAxis = shape.length <= 2 ? shape.length - 1 : shape.length - 3;
  const channels = Math.ceil(((shape[channelAxis] ?? 1) * elementBytes) / 32) * 32;
  return elementCount(shape.filter((_, axis) => axis !== channelAxis)) * channels;
}

/** Tensors of a segment that nothing outside it sees. */
function intermediateBytes(graph: Graph, nodes: readonly Node[], outside: ReadonlySet<string>, precision: Precision) {
  let sum = 0;
  for (const output of nodes.flatMap((node) => node.outputs)) {
    const shape = output === '' || outside.has(output) ? undefined : staticShape(graph, output);
    if (shape) sum += surfaceBytes(shape, precision);
  }
  return sum;
}

export interface MemoryBound {
  /** Name of the segment. */
  readonly name: string;
  /** Bytes, as are those of the tensors. */
  readonly weights: number;
  readonly tensors: number;
}

/**
 * What the loadable of each DLA segment takes at most: all its weights, and all its tensors as if each lived to the end and
 * no layer handed its result on. What it really takes is known once it is compiled (compile/memory-notes.ts).
 */
export function memoryBounds(
  graph: Graph,
  segments: readonly CheckedSegment[],
  precision: Precision,
): readonly MemoryBound[] {
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const placed = new Map(segments.flatMap((segment) => segment.nodes.map((name) => [name, segment] as const)));
  const producedBy = producers(graph);
  const segmentOf = (node: Node | undefined) => placed.get(node?.name ?? '');
  /** Values that others see than the nodes of the segment that computes them. */
  const outside = new Set(graph.outputs);
  for (const node of graph.nodes) {
    const own = segmentOf(node);
    for (const value of readsOf(node)) if (!own || segmentOf(producedBy.get(value)) !== own) outside.add(value);
  }
  return segments.flatMap((segment) => {
    if (segment.kind !== 'dla') return [];
    const nodes = segment.nodes.map((name) => byName.get(name)!);
    const weights = weightBytes(graph, nodes, precision);
    return [{ name: segment.name, weights, tensors: intermediateBytes(graph, nodes, outside, precision) }];
  });
}

export interface Binding {
  readonly value: string;
  readonly direction: 'input' | 'output';
  /** As `--inputIOFormats` writes them, best first. */
  readonly formats: readonly string[];
  /** Fewer than four dimensions: TensorRT inserts a shuffle that the DLA cannot run. */
  readonly shuffled: boolean;
  /** Bytes from one row to the next in dla_hwc4, where that format is possible. */
  readonly hwc4RowPitch?: number;
}

/**
 * The formats in which DLA segments can read network inputs and write network outputs directly.
 *
 * @param dla names of the nodes on the DLA
 * @param vanishing names of the nodes that are gone when the engine is built; they are looked through
 */
export function bindings(
  graph: Graph,
  dla: ReadonlySet<string>,
  options: CheckOptions,
  vanishing: ReadonlySet<string> = new Set(),
): readonly Binding[] {
  const { precision, target } = options;
  const type = precisionName(precision);
  const packed = `${type}:${packedFormat(precision)}`;
  const result: Binding[] = [];
  for (const value of graph.inputs) {
    const readers = readersOf(value, graph, vanishing);
    const shape = staticShape(graph, value);
    if (!shape || readers.length === 0 || !readers.every((node) => dla.has(node.name))) continue;
    const channels = shape.length === 4 ? shape[1]! : 0;
    // FAQ: the first layer behind dla_hwc4 is a convolution; the layer table: of at most four groups.
    const hwc4 = [1, 3, 4].includes(channels) && readers.every((node) => node.op === 'Conv' && groupsOf(node) <= 4);
    const elementBytes = precision === 'int8' ? 1 : 2;
    const pixelBytes = (channels === 1 ? 1 : 4) * elementBytes;
    result.push({
      value,
      direction: 'input',
      formats: [...(hwc4 ? [`${type}:dla_hwc4`] : []), packed, `${type}:dla_linear`],
      shuffled: shape.length < 4,
      ...(hwc4 && !isNvdla(target) && { hwc4RowPitch: roundUp(shape[3]! * pixelBytes, target.imagePitch) }),
    });
  }
  const producedBy = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node.name] as const)));
  for (const value of graph.outputs) {
    const shape = staticShape(graph, value);
    if (!shape || !dla.has(producedBy.get(value) ?? '')) continue;
    result.push({
      value,
      direction: 'output',
      formats: [packed, `${type}:dla_linear`],
      shuffled: shape.length < 4,
    });
  }
  return result;
}

/** The format of feature surfaces: channels in groups of 32 bytes. */
const packedFormat = (precision: Precision): string => (precision === 'int8' ? 'chw32' : 'chw16');

/** The nodes that read a value, through nodes that vanish. */
function readersOf(value: string, graph: Graph, vanishing: ReadonlySet<string>): readonly Node[] {
  const aliases = new Set([value]);
  return graph.nodes.filter((node) => {
    if (!node.inputs.some((name) => aliases.has(name))) return false;
    if (!vanishing.has(node.name)) return true;
    for (const output of node.outputs) if (output !== '') aliases.add(output);
    return false;
  });
}

const nodesOnDla = (segments: readonly CheckedSegment[]): ReadonlySet<string> =>
  new Set(segments.filter(({ kind }) => kind === 'dla').flatMap(({ nodes }) => nodes));

/** The formats of inputs and outputs in sentences. */
export function bindingNotes(
  graph: Graph,
  segments: readonly CheckedSegment[],
  options: CheckOptions,
): readonly string[] {
  const dla = nodesOnDla(segments);
  const running = new Set(segments.flatMap(({ nodes }) => nodes));
  const vanishing = new Set(graph.nodes.map(({ name }) => name).filter((name) => !running.has(name)));
  return bindings(graph, dla, options, vanishing).map((binding) => {
    const shape = times(staticShape(graph, binding.value) ?? []);
    const head = `${binding.direction} ${binding.value} (${shape})`;
    if (binding.shuffled)
      return `${head}: fewer than 4 dimensions; at least one shuffle layer is inserted, which the DLA cannot run`;
    const pitch = binding.hwc4RowPitch === undefined ? '' : ` (dla_hwc4 rows are ${binding.hwc4RowPitch} bytes)`;
    return `${head}: bind it as ${orList(binding.formats)}${pitch}`;
  });
}

/** The borders of segments and the shared ranges in sentences. */
export function borderNotes(
  graph: Graph,
  segments: readonly CheckedSegment[],
  options: Pick<CheckOptions, 'precision'>,
): readonly string[] {
  const dla = nodesOnDla(segments);
  const notes: string[] = [];
  const crossing = crossings(graph, segments);
  if (crossing > 0) {
    notes.push(
      `${count(crossing, 'tensor')} ${crossing === 1 ? 'crosses' : 'cross'} between DLA and GPU; ${packedFormat(options.precision)} is the format that both read without a copy`,
    );
  }
  if (options.precision === 'int8') {
    const nodes = graph.nodes.filter(({ name }) => dla.has(name));
    const groups = equalRangeGroups(graph, scaledValues(graph), nodes).filter(({ by }) => by === 'rule');
    const tensors = groups.reduce((sum, { values }) => sum + values.length, 0);
    if (groups.length > 0) {
      notes.push(
        `${count(tensors, 'tensor')} in ${count(groups.length, 'group')} need equal INT8 ranges (pooling, concatenation, element-wise inputs)`,
      );
    }
  }
  return notes;
}

const count = (value: number, what: string): string => `${value} ${what}${value === 1 ? '' : 's'}`;
const orList = (items: readonly string[]): string => `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`;

/** Values that one kind of segment produces and the other reads. */
function crossings(graph: Graph, segments: readonly CheckedSegment[]): number {
  const kindOf = new Map(segments.flatMap(({ kind, nodes }) => nodes.map((name) => [name, kind] as const)));
  const producedOn = new Map<string, string | undefined>();
  const crossed = new Set<string>();
  for (const node of graph.nodes) {
    const kind = kindOf.get(node.name);
    for (const value of readsOf(node)) {
      const from = producedOn.get(value);
      if (kind !== undefined && from !== undefined && from !== kind) crossed.add(value);
    }
    for (const output of node.outputs) producedOn.set(output, kind);
  }
  return crossed.size;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
