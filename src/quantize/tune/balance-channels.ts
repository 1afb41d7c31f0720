/**
 * Channels of one tensor share one scale. Where one of them reaches ±100 and another ±0.7, the smaller has two levels left, and a
 * depthwise convolution, whose kernels make the channels alike again, hands on nothing of it but noise.
 *
 * The cure costs next to nothing at run time: what makes the tensor multiplies each channel by a factor, and what reads it divides by the
 * same. Both are constants that are there already: kernels and biases of convolutions, scales and shifts. Between them lies a
 * *region*, values that share their factors, since what joins them commutes with a positive factor for each channel:
 *
 *     Conv, Mul by constants         make and read: their constants take the factor in
 *     Relu, LeakyRelu, PRelu         the sign stays
 *     poolings, Resize               work inside a channel
 *     Add of constants               the constant gets the factor
 *     Add, Max, Min of two values    both have the same factors
 *     Mul by a gate [N, C, 1, 1]     the features and the product have the same, the gate none
 *
 * Inputs and outputs of the network, Concat, tables (Sigmoid, HardSwish) and clips to other bounds than zero take no factors, nor
 * do the regions that such values belong to.
 */

import { UnionFind } from '../../base/union-find.ts';
import { type Graph, type Node, readsOf, staticShape } from '../../graph/graph.ts';
import { isPerChannel } from '../../graph/operators/broadcast.ts';
import { clipBounds } from '../../graph/operators/point.ts';
import { type Lookup, lookupOf } from '../../graph/operators/read.ts';
import { groupsOf } from '../../graph/operators/window.ts';
import { elementCount, float32Tensor, float32Values, type Tensor } from '../../graph/tensor.ts';
import { perChannel, scaleOutputs } from '../../rewrite/pattern.ts';

/** Values that have the same factor for each channel. */
export interface ChannelRegion {
  /** In the order of the graph. */
  readonly values: readonly string[];
  readonly channels: number;
  /** Names of the nodes whose results enter the region, and take the factors in. */
  readonly makers: readonly string[];
  /** Names of the nodes that read it and take their inverse in. */
  readonly readers: readonly string[];
  /** Names of additions of constants inside it. */
  readonly shifts: readonly string[];
}

type Role =
  | { readonly kind: 'border'; readonly input: string; readonly output: string }
  | { readonly kind: 'inside'; readonly values: readonly string[]; readonly shift: boolean }
  | { readonly kind: 'other' };

const inside = new Set([
  'Relu',
  'LeakyRelu',
  'Identity',
  'Dropout',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Resize',
  'Upsample',
]);
const joining = new Set(['Add', 'Sub', 'Sum', 'Max', 'Min']);

/** The regions of a graph, in its order, whatever their ranges are. */
export function channelRegions(graph: Graph): readonly ChannelRegion[] {
  const lookup = lookupOf(graph);
  const positions = new Map<string, number>();
  for (const value of [...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)]) {
    if (channelsOf(graph, value) !== undefined && !positions.has(value)) positions.set(value, positions.size);
  }
  const sets = new UnionFind(positions.size);
  const fixed = new Set<number>();
  const fix = (values: readonly string[]) => {
    for (const value of values) {
      const position = positions.get(value);
      if (position !== undefined) fixed.add(position);
    }
  };
  fix([...graph.inputs, ...graph.outputs]);
  const roles = graph.nodes.map((node) => [node, roleOf(node, graph, lookup)] as const);
  for (const [node, role] of roles) {
    if (role.kind === 'other') fix([...node.inputs, ...node.outputs]);
    if (role.kind !== 'inside') continue;
    const [first, ...others] = role.values.map((value) => positions.get(value));
    for (const other of others) if (first !== undefined && other !== undefined) sets.join(first, other);
    fix([...node.inputs, ...node.outputs].filter((value) => !role.values.includes(value)));
  }
  const closed = new Set([...fixed].map((position) => sets.find(position)));
  const regions = new Map<number, { [Key in keyof ChannelRegion]: Key extends 'channels' ? number : string[] }>();
  for (const [value, position] of positions) {
    const root = sets.find(position);
    if (closed.has(root)) continue;
    const region = regions.get(root);
    if (region) region.values.push(value);
    else {
      const channels = channelsOf(graph, value)!;
      regions.set(root, { values: [value], channels, makers: [], readers: [], shifts: [] });
    }
  }
  const regionOf = (value: string) => regions.get(sets.find(positions.get(value) ?? -1));
  for (const [{ name }, role] of roles) {
    if (role.kind === 'border') {
      regionOf(role.output)?.makers.push(name);
      regionOf(role.input)?.readers.push(name);
    } else if (role.kind === 'inside' && role.shift) regionOf(role.values[0]!)?.shifts.push(name);
  }
  return [...regions.values()].filter(({ channels, readers }) => channels > 1 && readers.length > 0);
}

function roleOf(node: Node, graph: Graph, lookup: Lookup): Role {
  const other = { kind: 'other' } as const;
  const [input = '', second = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (node.domain !== '' || node.outputs.length !== 1) return other;
  const channels = channelsOf(graph, output);
  if (channels === undefined) return other;
  if (node.op === 'Conv' || node.op === 'ConvTranspose') {
    const constants = node.inputs.slice(1).filter((name) => name !== '');
    const found = constants.map((name) => graph.constants.get(name));
    const isOwn = found.every((tensor) => tensor?.dtype === 'float32' && tensor.scales === undefined);
    return isOwn && channelsOf(graph, input) !== undefined ? { kind: 'border', input, output } : other;
  }
  const alike = (value: string): boolean => channelsOf(graph, value) === channels;
  const constant = channelConstant(node, graph);
  if (constant && alike(constant.data)) {
    if (node.op === 'Mul') return { kind: 'border', input: constant.data, output };
    return { kind: 'inside', values: [constant.data, output], shift: true };
  }
  if (inside.has(node.op) || isHalfOpenClip(node, lookup) || isChannelSlope(node, graph)) {
    return alike(input) ? { kind: 'inside', values: [input, output], shift: false } : other;
  }
  if (node.inputs.some((name) => graph.constants.has(name))) return other;
  if (joining.has(node.op) && node.inputs.every(alike)) {
    return { kind: 'inside', values: [...node.inputs, output], shift: false };
  }
  if (node.op === 'Mul' && alike(input) && alike(second)) {
    const map = elementCount(staticShape(graph, output)!);
    const [a, b] = [input, second].map((value) => elementCount(staticShape(graph, value)!));
    if (a === map && b! < map) return { kind: 'inside', values: [input, output], shift: false };
    if (b === map && a! < map) return { kind: 'inside', values: [second, output], shift: false };
  }
  return other;
}

/** The channels of a computed value in floating point. */
function channelsOf(graph: Graph, value: string): number | undefined {
  if (graph.values.get(value)?.dtype !== 'float32' || graph.constants.has(value)) return undefined;
  const shape = staticShape(graph, value);
  return shape?.length === 4 ? shape[1] : undefined;
}

/** The constant of a Mul or Add, as one number or one for each channel, and what it is applied to. */
function channelConstant({ op, inputs }: Node, graph: Graph) {
  if ((op !== 'Mul' && op !== 'Add') || inputs.length !== 2) return undefined;
  for (const [at, data] of [
    [1, inputs[0]!],
    [0, inputs[1]!],
  ] as const) {
    const tensor = graph.constants.get(inputs[at]!);
    const shape = graph.values.get(data)?.shape;
    if (tensor?.dtype === 'float32' && shape && !graph.constants.has(data) && isPerChannel(tensor.shape, shape)) {
      return { at, data, tensor };
    }
  }
  return undefined;
}

/** Relu, or its negative, in the form of a Clip. */
function isHalfOpenClip(node: Node, lookup: Lookup): boolean {
  if (node.op !== 'Clip') return false;
  const { min, max } = clipBounds(node, lookup);
  if (min === 'run-time' || max === 'run-time') return false;
  return [min, max].every((bound) => bound === 0 || !Number.isFinite(bound));
}

const isChannelSlope = (node: Node, graph: Graph): boolean =>
  node.op === 'PRelu' && graph.constants.has(node.inputs[1] ?? '');

/** value → the largest |x| of each channel. */
export type ChannelRanges = ReadonlyMap<string, Float32Array>;

/** A channel that is smaller than its tensor by more than this is not raised further: what it holds is next to nothing. */
const largestFactor = 1024;

/**
 * The factor of each channel of a region, 1 for the largest. A tensor whose readers have kernels for each channel alone gets all
 * channels to the same range. Where a kernel sums over channels, its weights are quantized together, and a channel of which the
 * weights become small for its factor loses there what it gains here: the square root shares the loss between both.
 *
 * @param ranges of those values of the region that lie in memory
 */
export function channelFactors(
  graph: Graph,
  { values, channels, readers }: ChannelRegion,
  ranges: ChannelRanges,
): Float64Array {
  const relative = new Float64Array(channels);
  for (const value of values) {
    const found = ranges.get(value);
    const largest = found?.reduce((most, range) => Math.max(most, range), 0) ?? 0;
    if (found === undefined || largest === 0) continue;
    for (const [c, range] of found.entries()) relative[c] = Math.max(relative[c]!, range / largest);
  }
  const wanted = new Set(readers);
  const shares = graph.nodes
    .filter(({ name }) => wanted.has(name))
    .flatMap((node) => weightShares(node, graph, channels) ?? []);
  const raised = Array.from(relative, (range, c) => {
    if (range === 0) return 1;
    if (shares.length === 0) return 1 / range;
    const share = shares.reduce((most, of) => Math.max(most, of[c]!), 0);
    return Math.sqrt(Math.max(share, 1 / largestFactor) / range);
  });
  // The largest product of range and factor becomes the largest range there was.
  const top = raised.reduce((most, factor, c) => Math.max(most, factor * relative[c]!), 0) || 1;
  return Float64Array.from(raised, (factor, c) =>
    relative[c] === 0 ? 1 : Math.fround(Math.min(Math.max(factor / top, 1 / largestFactor), largestFactor)),
  );
}

/** For each channel its largest weight beside the largest of the same kernel; undefined where a kernel has one channel. */
function weightShares(node: Node, graph: Graph, channels: number): Float64Array | undefined {
  if (node.op !== 'Conv' && node.op !== 'ConvTranspose') return undefined;
  const tensor = graph.constants.get(node.inputs[1]!)!;
  const groups = groupsOf(node);
  const perGroup = channels / groups;
  if (perGroup === 1) return undefined;
  const values = float32Values(tensor);
  const transposed = node.op === 'ConvTranspose';
  const taps = elementCount(tensor.shape.slice(2));
  const kernels = transposed ? tensor.shape[1]! * groups : tensor.shape[0]!;
  const kernelsPerGroup = kernels / groups;
  const shares = new Float64Array(channels);
  for (let kernel = 0; kernel < kernels; kernel++) {
    const group = Math.floor(kernel / kernelsPerGroup);
    const largest = Float64Array.from({ length: perGroup }, (_, c) => {
      const row = transposed
        ? (group * perGroup + c) * kernelsPerGroup + (kernel % kernelsPerGroup)
        : kernel * perGroup + c;
      let most = 0;
      for (let at = row * taps; at < (row + 1) * taps; at++) most = Math.max(most, Math.abs(values[at]!));
      return most;
    });
    const most = largest.reduce((a, b) => Math.max(a, b), 0);
    if (most === 0) continue;
    for (let c = 0; c < perGroup; c++) {
      const at = group * perGroup + c;
      shares[at] = Math.max(shares[at]!, largest[c]! / most);
    }
  }
  return shares;
}

/**
 * The network with regions multiplied by factors. It computes the same but for the rounding of float32; values of the regions keep
 * their names and hold other numbers, so that they need to be calibrated anew.
 */
export function balanceChannels(
  graph: Graph,
  balanced: readonly { readonly region: ChannelRegion; readonly factors: Float64Array }[],
): Graph {
  const output = new Map<string, Float64Array>();
  const input = new Map<string, Float64Array>();
  const shift = new Map<string, Float64Array>();
  for (const { region, factors } of balanced) {
    for (const node of region.makers) output.set(node, factors);
    for (const node of region.readers) input.set(node, factors);
    for (const node of region.shifts) shift.set(node, factors);
  }
  const constants = new Map(graph.constants);
  const values = new Map(graph.values);
  const taken = new Set([...values.keys(), ...constants.keys()]);
  const constant = (name: string, tensor: Tensor): string => {
    let fresh = `${name}:balanced`;
    for (let number = 2; taken.has(fresh); number++) fresh = `${name}:balanced${number}`;
    taken.add(fresh);
    constants.set(fresh, tensor);
    values.set(fresh, { dtype: tensor.dtype, shape: tensor.shape });
    return fresh;
  };
  const nodes = graph.nodes.map((node): Node => {
    const [into, out, add] = [input.get(node.name), output.get(node.name), shift.get(node.name)];
    if (!into && !out && !add) return node;
    if (node.op === 'Conv' || node.op === 'ConvTranspose') {
      const [x, w, b] = node.inputs as [string, string, string?];
      const given = graph.constants.get(w)!;
      const read = into ? dividedInputs(node, given, into) : given;
      const weights = out ? scaleOutputs(node, read, (channel) => out[channel]!) : read;
      const bias = b ? graph.constants.get(b) : undefined;
      const shifted =
        bias && out
          ? float32Tensor(
              bias.shape,
              float32Values(bias).map((v, c) => v * out[c]!),
            )
          : bias;
      const inputs = [x, constant(w, weights)];
      return { ...node, inputs: bias ? [...inputs, out ? constant(b!, shifted!) : b!] : inputs };
    }
    const { at, data, tensor } = channelConstant(node, graph)!;
    const own = float32Values(tensor);
    const channels = (into ?? out ?? add)!.length;
    const changed = Float32Array.from({ length: channels }, (_, c) => {
      const value = perChannel(own, c);
      return node.op === 'Add' ? value * add![c]! : (value * (out?.[c] ?? 1)) / (into?.[c] ?? 1);
    });
    const rank = graph.values.get(data)!.shape!.length;
    const shape = Array.from({ length: rank }, (_, axis) => (axis === 1 ? channels : 1));
    const name = constant(node.inputs[at]!, float32Tensor(shape, changed));
    return { ...node, inputs: node.inputs.map((value, index) => (index === at ? name : value)) };
  });
  const read = new Set([...nodes.flatMap(readsOf), ...graph.outputs]);
  for (const name of graph.constants.keys()) {
    if (!read.has(name) && constants.get(name)?.dtype === 'float32') constants.delete(name);
  }
  return { ...graph, nodes, constants, values };
}

/** The weights of a convolution with those of each input channel divided. */
function dividedInputs(node: Node, weights: Tensor, factors: Float64Array): Tensor {
  const values = float32Values(weights);
  const taps = elementCount(weights.shape.slice(2));
  const transposed = node.op === 'ConvTranspose';
  const groups = groupsOf(node);
  const perGroup = factors.length / groups;
  const kernelsPerGroup = (transposed ? weights.shape[1]! * groups : weights.shape[0]!) / groups;
  const result = values.map((value, at) => {
    const row = Math.floor(at / taps);
    const channel = transposed
      ? Math.floor(row / kernelsPerGroup)
      : Math.floor(Math.floor(row / perGroup) / kernelsPerGroup) * perGroup + (row % perGroup);
    return value / factors[channel]!;
  });
  return float32Tensor(weights.shape, result);
}
