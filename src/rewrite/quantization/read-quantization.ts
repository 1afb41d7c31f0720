/**
 * A quantized network as a plain one with scales. QuantizeLinear and DequantizeLinear vanish: the tensor that they round gets their
 * scale, and whoever read the rounded numbers reads the tensor. Operators on integers (QLinearConv and its kin) become those on real
 * numbers that they stand for, with their weights as floats that keep the model's own integers (graph/weight-scales.ts). That is how
 * the DLA takes a quantized network (docs/hardware/dla-software.md#quantization-dialects): an INT8 tensor is real = scale × integer, one
 * scale for the whole tensor, no zero point.
 *
 * Inputs and outputs of the network that are integers become real numbers with the scale of those integers.
 *
 * Integers that hang together, from QuantizeLinear to DequantizeLinear, are translated together or stay as they are. They stay where
 * one of them has a scale for each channel, a scale that is computed at run time, or where something else reads them. Zero points and
 * other types than int8 stay too, unless the caller lets them be replaced:
 *
 *     requantize    int8 of zero point 0 over the same range: scale × 128 or less of the largest |integer − zero|, which is the
 *                   same grid for uint8 of zero point 128; the smaller side of a lopsided range is kept by a Relu or Clip
 *     clip          a Clip to the range, and no scale
 *
 * A tensor that is rounded twice has the larger of its scales.
 */

import type { DataType } from '../../base/data-type.ts';
import { UnionFind } from '../../base/union-find.ts';
import { type Graph, type Node, producers, readsOf, type ValueType } from '../../graph/graph.ts';
import { gemmOf } from '../../graph/operators/point.ts';
import {
  type IntegerOperator,
  integerOperator,
  isDequantize,
  isPerTensor,
  isQuantize,
  isSymmetricInt8,
  type Quantization,
  quantizationAt,
} from '../../graph/operators/quantization.ts';
import { type Lookup, lookupOf } from '../../graph/operators/read.ts';
import { asFloat32, elementCount, float32Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { dequantized } from '../../onnx/fold/quantization.ts';
import { resolve } from '../../onnx/resolve.ts';
import { movesElements } from '../../support/equal-ranges.ts';

/** What becomes of integers that the DLA does not have: zero points, uint8, 16 bits. */
export type Asymmetric = 'keep' | 'requantize' | 'clip';

export interface ReadQuantization {
  /** With the scales that it states. */
  readonly graph: Graph;
  /** Names of the nodes that vanished or became others. */
  readonly nodes: readonly string[];
}

/** Undefined where nothing of the network is quantized, or nothing of it can be translated. */
export function readQuantization(graph: Graph, asymmetric: Asymmetric = 'keep'): ReadQuantization | undefined {
  if (!graph.nodes.some((node) => isQuantize(node) || isDequantize(node) || integerOperator(node))) return undefined;
  const integers = integersOf(graph);
  const accepted = acceptedIntegers(graph, integers, asymmetric);
  const translation = new Translation(graph, integers, accepted, asymmetric);
  return translation.run();
}

/** How the integers of a value stand for real numbers, and in which type. */
interface Integers extends Quantization {
  readonly dtype: DataType;
}

/** The operators of which one input and every output are integers of the same quantization. */
const carries = (node: Node): boolean =>
  node.domain === '' && (movesElements(node) || node.op === 'MaxPool' || node.op === 'Concat');

const integerTypes: ReadonlySet<DataType> = new Set(['int8', 'uint8', 'int16', 'uint16']);

/** The quantized values of a graph, in the order in which they come into being. */
function integersOf(graph: Graph): ReadonlyMap<string, Integers> {
  const lookup = lookupOf(graph);
  const found = new Map<string, Integers>();
  const add = (value: string, quantization: Quantization | undefined): void => {
    const dtype = quantization?.zero?.dtype ?? graph.values.get(value)?.dtype ?? 'uint8';
    if (quantization && value !== '' && integerTypes.has(dtype)) found.set(value, { ...quantization, dtype });
  };
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    const operator = integerOperator(node);
    // An input of the network is of the quantization with which it is read.
    if (isDequantize(node) && graph.inputs.includes(node.inputs[0]!) && !found.has(node.inputs[0]!))
      add(node.inputs[0]!, quantizationAt(node, lookup, 1));
    if (isQuantize(node)) add(output, quantizationAt(node, lookup, 1));
    else if (operator && hasResult(node, operator)) add(output, quantizationAt(node, lookup, operator.result));
    else if (carries(node)) {
      const from = found.get(node.inputs[0] ?? '');
      if (from) for (const value of node.outputs) if (value !== '') found.set(value, from);
    }
  }
  return found;
}

const hasResult = (node: Node, { result }: IntegerOperator): boolean => Boolean(node.inputs[result]);

/** The values that a node takes or gives as integers of a quantization of its own. */
const operandsOf = (
  node: Node,
  operator: IntegerOperator,
): readonly { readonly value: string; readonly scale: number }[] =>
  operator.operands(node).map(({ value, scale }) => ({ value: node.inputs[value] ?? '', scale }));

function acceptedIntegers(
  graph: Graph,
  integers: ReadonlyMap<string, Integers>,
  asymmetric: Asymmetric,
): ReadonlySet<string> {
  const lookup = lookupOf(graph);
  const order = [...integers.keys()];
  const position = new Map(order.map((value, index) => [value, index]));
  const sets = new UnionFind(order.length);
  const blocked = new Set<string>(order.filter((value) => !isTranslated(integers.get(value)!, asymmetric)));
  const block = (values: readonly string[]) => {
    for (const value of values) if (integers.has(value)) blocked.add(value);
  };
  // An output of integers becomes one of real numbers, as does an input; what is both stays.
  block(graph.outputs.filter((value) => graph.inputs.includes(value)));
  for (const node of graph.nodes) {
    const operator = integerOperator(node);
    const reads = readsOf(node);
    if (isDequantize(node)) {
      const own = quantizationAt(node, lookup, 1);
      const given = integers.get(node.inputs[0]!);
      if (given && !(own && sameQuantization(own, given))) block([node.inputs[0]!]);
    } else if (operator) {
      const touched = [...operandsOf(node, operator).map(({ value }) => value), node.outputs[0]!];
      const fits = operandsFit(node, operator, integers, graph, asymmetric);
      if (!fits) block(touched);
      joinAll(touched, position, sets);
    } else if (carries(node)) {
      const touched = [...node.inputs, ...node.outputs].filter((value) => integers.has(value));
      const [first] = touched;
      const same = touched.every((value) => sameQuantization(integers.get(value)!, integers.get(first!)!));
      const mixed = node.op === 'Concat' && touched.length > 0 && touched.length !== node.inputs.length + 1;
      if (!same || mixed) block(touched);
      joinAll(touched, position, sets);
    } else block(reads.filter((value) => !isQuantize(node) || value !== node.inputs[0]));
  }
  const blockedSets = new Set([...blocked].map((value) => sets.find(position.get(value)!)));
  return new Set(order.filter((_, index) => !blockedSets.has(sets.find(index))));
}

function joinAll(values: readonly string[], position: ReadonlyMap<string, number>, sets: UnionFind): void {
  const known = values.flatMap((value) => position.get(value) ?? []);
  for (const at of known) sets.join(known[0]!, at);
}

const isTranslated = (integers: Integers, asymmetric: Asymmetric): boolean => {
  const [scale] = isPerTensor(integers) ? asFloat32(integers.scale) : [];
  if (scale === undefined || !(scale > 0 && Number.isFinite(scale))) return false;
  return isSymmetricInt8(integers.dtype, integers.zero) || asymmetric !== 'keep';
};

const zerosOf = ({ zero, scale }: Quantization): readonly number[] =>
  zero ? numbers(zero) : Array<number>(elementCount(scale.shape)).fill(0);

const sameQuantization = (a: Quantization, b: Quantization): boolean =>
  String(asFloat32(a.scale)) === String(asFloat32(b.scale)) && String(zerosOf(a)) === String(zerosOf(b));

/** Whether what an operator on integers reads is of the quantization that it states, or weights that can be made floats. */
function operandsFit(
  node: Node,
  operator: IntegerOperator,
  integers: ReadonlyMap<string, Integers>,
  graph: Graph,
  asymmetric: Asymmetric,
): boolean {
  const lookup = lookupOf(graph);
  return operandsOf(node, operator).every(({ value, scale }, index) => {
    const stated = quantizationAt(node, lookup, scale);
    if (stated === undefined) return false;
    const given = integers.get(value);
    if (given) return sameQuantization(stated, given);
    const constant = graph.constants.get(value);
    if (constant === undefined) return false;
    const symmetric = isSymmetricInt8(constant.dtype, stated.zero);
    return (symmetric || asymmetric !== 'keep') && weightsOf(node, index, constant, stated) !== undefined;
  });
}

/** Constant integers of an operator as floats. */
function weightsOf(node: Node, operand: number, constant: Tensor, { scale, zero }: Quantization): Tensor | undefined {
  const count = elementCount(scale.shape);
  if (count === 1) return dequantized(constant, scale, zero, 'tensor');
  const rank = constant.shape.length;
  const axis = node.op === 'QLinearConv' ? 0 : node.op === 'QGemm' && gemmOf(node).transB ? 0 : rank - 1;
  return operand === 1 && constant.shape[axis] === count ? dequantized(constant, scale, zero, axis) : undefined;
}

/** The real numbers that integers reach. */
function rangeOf({ dtype, ...quantization }: Integers): { readonly low: number; readonly high: number } {
  const [scale = 1] = asFloat32(quantization.scale);
  const [zero = 0] = zerosOf(quantization);
  const bits = dtype.endsWith('16') ? 16 : 8;
  const [low, high] = dtype.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return { low: (low! - zero) * scale, high: (high! - zero) * scale };
}

class Translation {
  readonly #graph: Graph;
  readonly #lookup: Lookup;
  readonly #integers: ReadonlyMap<string, Integers>;
  readonly #accepted: ReadonlySet<string>;
  readonly #asymmetric: Asymmetric;
  readonly #nodes: Node[] = [];
  readonly #constants: Map<string, Tensor>;
  readonly #values: Map<string, ValueType>;
  readonly #scales: Map<string, number>;
  readonly #translated: string[] = [];
  /** Values that vanished, and what stands for them. */
  readonly #names = new Map<string, string>();
  readonly #taken: Set<string>;

  constructor(
    graph: Graph,
    integers: ReadonlyMap<string, Integers>,
    accepted: ReadonlySet<string>,
    asymmetric: Asymmetric,
  ) {
    this.#graph = graph;
    this.#lookup = lookupOf(graph);
    this.#integers = integers;
    this.#accepted = accepted;
    this.#asymmetric = asymmetric;
    this.#constants = new Map(graph.constants);
    this.#values = new Map(graph.values);
    this.#scales = new Map(graph.scales);
    this.#taken = new Set([...graph.values.keys(), ...graph.constants.keys(), ...graph.nodes.map(({ name }) => name)]);
  }

  run(): ReadQuantization | undefined {
    for (const input of this.#graph.inputs) {
      if (!this.#accepted.has(input)) continue;
      this.#setFloat(input);
      this.#give(input, this.#integers.get(input)!);
    }
    for (const node of this.#graph.nodes) this.#take(node);
    if (this.#translated.length === 0) return undefined;
    const { outputs } = this.#graph;
    const nodes = this.#nameOutputs();
    const plain: Graph = {
      ...this.#graph,
      nodes,
      constants: this.#constants,
      values: this.#values,
      ...(this.#scales.size > 0 && { scales: this.#scales }),
    };
    const resolved = resolve(plain);
    const alive = new Set([...resolved.inputs, ...outputs, ...resolved.nodes.flatMap((node) => node.outputs)]);
    const scales = new Map([...this.#scales].filter(([value]) => alive.has(value)));
    return { graph: { ...resolved, ...(scales.size > 0 && { scales }) }, nodes: this.#translated };
  }

  #take(node: Node): void {
    const [output = ''] = node.outputs;
    const accepted = (value: string | undefined): boolean => this.#accepted.has(value ?? '');
    const operator = integerOperator(node);
    if (isQuantize(node) && accepted(output)) {
      this.#translated.push(node.name);
      this.#round(node, this.#nameOf(node.inputs[0]!), output);
    } else if (isDequantize(node) && accepted(node.inputs[0])) {
      this.#translated.push(node.name);
      this.#names.set(output, this.#nameOf(node.inputs[0]!));
    } else if (operator && [...operandsOf(node, operator).map(({ value }) => value), output].some(accepted)) {
      this.#translated.push(node.name);
      this.#compute(node, operator);
    } else {
      this.#nodes.push({ ...node, inputs: node.inputs.map((value) => this.#nameOf(value)) });
      if (!carries(node) || !node.outputs.some(accepted)) return;
      for (const value of node.outputs) {
        this.#setFloat(value);
        this.#give(value, this.#integers.get(node.outputs[0]!)!);
      }
    }
  }

  #nameOf(value: string): string {
    let name = value;
    for (let next = this.#names.get(name); next !== undefined; next = this.#names.get(name)) name = next;
    return name;
  }

  #fresh(base: string): string {
    let name = base;
    for (let number = 2; this.#taken.has(name); number++) name = `${base}${number}`;
    this.#taken.add(name);
    return name;
  }

  #setFloat(value: string): void {
    const type = this.#values.get(value);
    this.#values.set(value, { ...type, dtype: 'float32' });
  }

  /** The scale that int8 of zero point 0 has for these integers; the larger one for a tensor that has another already. */
  #give(value: string, integers: Integers): void {
    const symmetric = isSymmetricInt8(integers.dtype, integers.zero);
    if (!symmetric && this.#asymmetric === 'clip') return;
    const [scale = 1] = asFloat32(integers.scale);
    const { low, high } = rangeOf(integers);
    const most = Math.max(-low, high);
    const own = symmetric || most <= 128 * scale ? scale : Math.fround(most / 127);
    this.#scales.set(value, Math.max(own, this.#scales.get(value) ?? 0));
  }

  /** What rounds `value` to the integers `output`: the value itself, or its part within a lopsided range. */
  #round(node: Node, value: string, output: string): void {
    const integers = this.#integers.get(output)!;
    const bound = this.#bound(node, integers, value, output);
    if (bound === undefined) {
      this.#names.set(output, value);
      this.#give(value, integers);
      return;
    }
    this.#nodes.push(bound);
    this.#setFloat(output);
    this.#give(output, integers);
  }

  /** A Relu or Clip to what the integers reach; undefined where saturation to int8 does the same. */
  #bound(node: Node, integers: Integers, value: string, output: string): Node | undefined {
    if (isSymmetricInt8(integers.dtype, integers.zero)) return undefined;
    const { low, high } = rangeOf(integers);
    const [scale = 1] = asFloat32(integers.scale);
    const requantized = this.#asymmetric === 'requantize';
    if (requantized && Math.abs(low + high) <= 1.5 * scale) return undefined;
    const common = { domain: '', outputs: [output], origin: node.origin };
    if (requantized && low === 0) {
      return { ...common, name: this.#fresh(`${node.name}:relu`), op: 'Relu', inputs: [value], attributes: {} };
    }
    const name = this.#fresh(`${node.name}:clip`);
    if (this.#lookup.opset < 11) {
      const attributes = { min: { kind: 'float', value: low }, max: { kind: 'float', value: high } } as const;
      return { ...common, name, op: 'Clip', inputs: [value], attributes };
    }
    const bounds = [low, high].map((each, index) =>
      this.#constant(`${name}:${index === 0 ? 'min' : 'max'}`, [], [each]),
    );
    return { ...common, name, op: 'Clip', inputs: [value, ...bounds], attributes: {} };
  }

  #constant(base: string, shape: readonly number[], values: readonly number[]): string {
    return this.#add(base, float32Tensor(shape, values));
  }

  #add(base: string, tensor: Tensor): string {
    const name = this.#fresh(base);
    this.#constants.set(name, tensor);
    this.#values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** An operator on integers as the one on real numbers. */
  #compute(node: Node, operator: IntegerOperator): void {
    const quantizations = operandsOf(node, operator).map(({ scale }) => quantizationAt(node, this.#lookup, scale)!);
    const inputs = operandsOf(node, operator).map(({ value }, index) => {
      const constant = this.#graph.constants.get(value);
      if (!constant) return this.#nameOf(value);
      return this.#add(`${value}:real`, weightsOf(node, index, constant, quantizations[index]!)!);
    });
    const bias = operator.bias === undefined ? undefined : this.#graph.constants.get(node.inputs[operator.bias] ?? '');
    if (bias) inputs.push(this.#add(`${node.inputs[operator.bias!]}:real`, realBias(bias, quantizations)));
    const [output = ''] = node.outputs;
    const { channels_last: _, opset: __, ...attributes } = node.attributes;
    const plain = { ...node, op: operator.op, domain: '', attributes };
    const integers = this.#integers.get(output);
    const rounded = integers && this.#bound(node, integers, '', output);
    this.#setFloat(output);
    if (integers) this.#give(output, integers);
    if (rounded === undefined) {
      this.#nodes.push({ ...plain, inputs, outputs: [output] });
      return;
    }
    const whole = this.#fresh(`${output}:whole`);
    this.#values.set(whole, this.#values.get(output)!);
    this.#nodes.push({ ...plain, inputs, outputs: [whole] });
    this.#nodes.push({ ...rounded, inputs: [whole, ...rounded.inputs.slice(1)] });
  }

  /** The nodes, with outputs of the network that stood for others under their own names again. */
  #nameOutputs(): readonly Node[] {
    const { inputs, outputs } = this.#graph;
    const made = producers({ ...this.#graph, nodes: this.#nodes });
    const renamed = new Map<string, string>();
    const kept = new Set([...inputs, ...outputs]);
    const identities: Node[] = [];
    for (const output of outputs) {
      if (!this.#names.has(output)) continue;
      const source = this.#nameOf(output);
      const scale = this.#scales.get(source);
      if (scale !== undefined) this.#scales.set(output, scale);
      const type = this.#values.get(source);
      if (type) this.#values.set(output, { ...type, dtype: 'float32' });
      if (made.has(source) && !kept.has(source) && !renamed.has(source)) {
        renamed.set(source, output);
        this.#scales.delete(source);
        continue;
      }
      const name = this.#fresh(`${output}:identity`);
      const from = renamed.get(source) ?? source;
      identities.push({
        name,
        op: 'Identity',
        domain: '',
        inputs: [from],
        outputs: [output],
        attributes: {},
        origin: [],
      });
    }
    const rename = (names: readonly string[]) => names.map((value) => renamed.get(value) ?? value);
    const nodes = this.#nodes.map((node) => ({ ...node, inputs: rename(node.inputs), outputs: rename(node.outputs) }));
    return [...nodes, ...identities];
  }
}

/** A bias in int32 as real numbers: its scale is the product of those of data and weights. */
function realBias(bias: Tensor, [data, weights]: readonly Quantization[]): Tensor {
  const [step = 1] = asFloat32(data!.scale);
  const scales = asFloat32(weights!.scale);
  const values = numbers(bias).map((value, index) => value * step * scales[scales.length === 1 ? 0 : index]!);
  return float32Tensor(bias.shape, values);
}
