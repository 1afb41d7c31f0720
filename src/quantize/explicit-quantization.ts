/**
 * A quantized network as the strongly typed ONNX that TensorRT from 11 on takes, which has no calibration: every tensor that lies in
 * memory as int8 goes through QuantizeLinear and DequantizeLinear, weights are int8 with a scale for each output channel, and what runs
 * in FP16 has its types, with Casts at the borders (docs/hardware/dla-software.md#quantization-dialects). Reading it back gives the same
 * scales and the same integers.
 *
 * What a convolution hands to its activation never lies in memory: its pair has the scale of the activation's result, and so rounds
 * nothing that the launch does not. What it hands to an Add in its launch has no such scale. With a pair of its own (`every` tensor has
 * one, since TensorRT would run what has none in FP16) it is rounded once more than in the launch, which is a step at most.
 */

import { fail } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import { clamp, rounders } from '../base/rounding.ts';
import { type Attribute, consumers, type Graph, type Node, type ValueType } from '../graph/graph.ts';
import { gemmOf } from '../graph/operators/point.ts';
import { asFloat32, elementCount, float32Tensor, type Tensor } from '../graph/tensor.ts';
import { dataTypeNumber } from '../onnx/data-type.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import type { Target } from '../targets/target.ts';
import type { ScaleCoverage } from './coverage.ts';
import type { QuantizedGraph } from './quantize.ts';
import { neededScales } from './scaled-values.ts';
import { weightScales } from './scales.ts';

/** QuantizeLinear and DequantizeLinear have an axis since. */
const oldestOpset = 13;

export interface ExplicitOptions {
  readonly target: Target;
  /** The tensors that lie in memory once the network is compiled. */
  readonly stored: ReadonlySet<string>;
  /** Whether tensors that do not have pairs too. */
  readonly every: boolean;
  /** The types of inputs and outputs of the network that are not float32: an int8 one is the integers themselves. */
  readonly borders?: ReadonlyMap<string, 'int8' | 'float16'>;
}

/** @throws compile/unsupported for an opset before 13 */
export function explicitQuantization(
  quantized: QuantizedGraph,
  { fused }: Pick<ScaleCoverage, 'fused'>,
  options: ExplicitOptions,
): Graph {
  const { graph } = quantized;
  const opset = graph.opsets[''] ?? 0;
  if (opset < oldestOpset) {
    const detail = { expected: `${oldestOpset} or newer`, actual: opset };
    fail(
      'compile/unsupported',
      'scales of channels need a newer opset: convert the network with onnx.version_converter',
      {},
      detail,
    );
  }
  return new Writer(quantized, pairsOf(quantized, new Set(fused), options), options).run();
}

/** The tensors that get a pair, with its scale. */
function pairsOf(
  { graph, scales }: QuantizedGraph,
  fused: ReadonlySet<string>,
  { stored, every }: ExplicitOptions,
): ReadonlyMap<string, number> {
  const read = consumers(graph);
  const needed = new Set(neededScales(graph));
  const pairs = new Map<string, number>();
  // From the last to the first: what is handed to an activation has the scale of its result.
  for (const value of scaledValues(graph).toReversed()) {
    // What is added within a launch lost its scale to that; the model may state one all the same.
    const scale = fused.has(value) ? graph.scales?.get(value) : scales.get(value);
    const [reader] = read.get(value) ?? [];
    if (!needed.has(value) && reader) {
      const given = pairs.get(reader.outputs[0] ?? '');
      if (every && given !== undefined) pairs.set(value, given);
    } else if (scale !== undefined && (every || (stored.has(value) && !fused.has(value)))) pairs.set(value, scale);
  }
  return pairs;
}

const int = (value: number): Attribute => ({ kind: 'int', value });

class Writer {
  readonly #graph: Graph;
  readonly #scales: ReadonlyMap<string, number>;
  readonly #half: ReadonlyMap<string, string>;
  readonly #pairs: ReadonlyMap<string, number>;
  readonly #borders: ReadonlyMap<string, 'int8' | 'float16'>;
  readonly #round: (value: number) => number;
  readonly #nodes: Node[] = [];
  readonly #constants: Map<string, Tensor>;
  readonly #values: Map<string, ValueType>;
  readonly #taken: Set<string>;
  /** Value → what INT8 nodes, and what FP16 nodes, read in its place. */
  readonly #rounded = new Map<string, string>();
  readonly #narrow = new Map<string, string>();

  constructor(
    { graph, scales, half = new Map() }: QuantizedGraph,
    pairs: ReadonlyMap<string, number>,
    { target, borders = new Map() }: ExplicitOptions,
  ) {
    this.#graph = graph;
    this.#scales = scales;
    this.#half = half;
    this.#pairs = pairs;
    this.#borders = borders;
    this.#round = rounders[target.rounding.value];
    this.#constants = new Map(graph.constants);
    this.#values = new Map(graph.values);
    this.#taken = new Set([...graph.values.keys(), ...graph.constants.keys(), ...graph.nodes.map(({ name }) => name)]);
  }

  run(): Graph {
    const { inputs, outputs } = this.#graph;
    for (const value of inputs) this.#input(value);
    for (const node of this.#graph.nodes) {
      if (this.#half.has(node.name)) this.#narrowNode(node);
      else this.#wideNode(node);
    }
    const { scales: _, ...rest } = this.#graph;
    const nodes = this.#withoutIdle(outputs);
    const used = new Set([...nodes.flatMap((node) => node.inputs), ...outputs]);
    const constants = new Map([...this.#constants].filter(([name]) => used.has(name)));
    return { ...rest, nodes, constants, values: this.#values };
  }

  /** The nodes but for those of ours that nobody reads: a Cast or DequantizeLinear at a border. */
  #withoutIdle(outputs: readonly string[]): readonly Node[] {
    const read = new Set(outputs);
    return this.#nodes
      .toReversed()
      .filter((node) => {
        const idle = node.origin.length === 0 && !node.outputs.some((value) => read.has(value));
        if (!idle) for (const value of node.inputs) read.add(value);
        return !idle;
      })
      .reverse();
  }

  /** An input of the network, of the type that it has at the border. */
  #input(value: string): void {
    const border = this.#borders.get(value);
    const type = this.#values.get(value);
    if (border === undefined || type === undefined) {
      this.#store(value, value);
      return;
    }
    this.#values.set(value, { ...type, dtype: border });
    if (border === 'int8') this.#restore(value, value, type);
    else this.#store(this.#widened(value, type), value);
  }

  /** Readers of `value` get what its integers stand for. */
  #restore(integers: string, value: string, type: ValueType): void {
    const { step, zero } = this.#steps(value);
    const rounded = this.#fresh(`${value}:rounded`);
    this.#values.set(rounded, { ...type, dtype: 'float32' });
    this.#put('DequantizeLinear', `${value}:dequantize`, [integers, step, zero], rounded);
    this.#rounded.set(value, rounded);
  }

  /** Of a value that is float16 under its own name, the one that others read. */
  #widened(value: string, type: ValueType): string {
    this.#narrow.set(value, value);
    const wide = this.#fresh(`${value}:fp32`);
    this.#values.set(wide, { ...type, dtype: 'float32' });
    this.#put('Cast', `${value}:to-float32`, [value], wide, { to: int(dataTypeNumber('float32')) });
    this.#rounded.set(value, wide);
    return wide;
  }

  #steps(value: string): { readonly step: string; readonly zero: string } {
    const step = this.#constant(`${value}:scale`, float32Tensor([], [this.#pairs.get(value)!]));
    const zero = this.#constant(`${value}:zero`, { dtype: 'int8', shape: [], bytes: new Uint8Array(1) });
    return { step, zero };
  }

  #fresh(base: string): string {
    let name = base;
    for (let number = 2; this.#taken.has(name); number++) name = `${base}${number}`;
    this.#taken.add(name);
    return name;
  }

  #constant(base: string, tensor: Tensor): string {
    const name = this.#fresh(base);
    this.#constants.set(name, tensor);
    this.#values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  #put(
    op: string,
    name: string,
    inputs: readonly string[],
    output: string,
    attributes: Node['attributes'] = {},
  ): string {
    this.#nodes.push({ name: this.#fresh(name), op, domain: '', inputs, outputs: [output], attributes, origin: [] });
    return output;
  }

  /** Rounds a value that has a pair: `from` holds it, and readers of `value` get the rounded one. */
  #store(from: string, value: string, output?: string): void {
    if (!this.#pairs.has(value)) return;
    const type = this.#values.get(value);
    const { step, zero } = this.#steps(value);
    const integers = this.#fresh(`${value}:int8`);
    const rounded = output ?? this.#fresh(`${value}:rounded`);
    if (type) {
      this.#values.set(integers, { ...type, dtype: 'int8' });
      this.#values.set(rounded, { ...type, dtype: 'float32' });
    }
    this.#put('QuantizeLinear', `${value}:quantize`, [from, step, zero], integers);
    this.#put('DequantizeLinear', `${value}:dequantize`, [integers, step, zero], rounded);
    this.#rounded.set(value, rounded);
  }

  /** The outputs of a node, those that have pairs rounded behind it; an output of the network keeps its name. */
  #finish(outputs: readonly string[], put: (names: readonly string[]) => void): void {
    const names = outputs.map((value) => {
      const bound = this.#graph.outputs.includes(value) && (this.#pairs.has(value) || this.#borders.has(value));
      if (!bound) return value;
      const real = this.#fresh(`${value}:real`);
      const type = this.#values.get(value);
      if (type) this.#values.set(real, type);
      return real;
    });
    put(names);
    for (const [index, value] of outputs.entries()) if (value !== '') this.#give(names[index]!, value);
  }

  /** Whoever reads a value, or takes it from the network, gets what it is to have of `real`. */
  #give(real: string, value: string): void {
    const border = this.#graph.outputs.includes(value) ? this.#borders.get(value) : undefined;
    const type = this.#values.get(value);
    if (border === undefined || type === undefined) {
      this.#store(real, value, real === value ? undefined : value);
      return;
    }
    this.#values.set(value, { ...type, dtype: border });
    if (border === 'int8') {
      const { step, zero } = this.#steps(value);
      this.#put('QuantizeLinear', `${value}:quantize`, [real, step, zero], value);
      this.#restore(value, value, type);
      return;
    }
    this.#put('Cast', `${value}:to-float16`, [real], value, { to: int(dataTypeNumber('float16')) });
    this.#rounded.set(value, real);
    this.#narrow.set(value, value);
  }

  #wideNode(node: Node): void {
    const inputs = node.inputs.map((value) => this.#rounded.get(value) ?? value);
    const weights = this.#weights(node);
    if (weights !== undefined) inputs[1] = weights;
    this.#finish(node.outputs, (outputs) => this.#nodes.push({ ...node, inputs, outputs }));
  }

  /** The int8 weights of a convolution or matrix product whose input is int8; undefined for any other node. */
  #weights(node: Node): string | undefined {
    const [data = '', name = '', bias = ''] = node.inputs;
    const tensor = this.#graph.constants.get(name);
    const axis = outputAxis(node);
    const inputScale = this.#scales.get(data);
    if (tensor === undefined || axis === undefined || inputScale === undefined) return undefined;
    const real = this.#graph.constants.get(bias);
    const floats = {
      ...float32Tensor(tensor.shape, asFloat32(tensor)),
      ...(tensor.scales && { scales: tensor.scales }),
    };
    const limit = real && { bias: asFloat32(real), inputScale };
    const scales = weightScales(floats, axis, limit);
    const inner = elementCount(tensor.shape.slice(axis + 1));
    const along = tensor.shape[axis]!;
    const integers = Int8Array.from(asFloat32(tensor), (value, at) =>
      clamp(this.#round(value / scales[Math.floor(at / inner) % along]!), -128, 127),
    );
    const { shape } = tensor;
    const whole = this.#constant(`${node.name}:weights`, {
      dtype: 'int8',
      shape,
      bytes: new Uint8Array(integers.buffer),
    });
    const step = this.#constant(`${node.name}:weights:scale`, float32Tensor([along], scales));
    const zero = this.#constant(`${node.name}:weights:zero`, {
      dtype: 'int8',
      shape: [along],
      bytes: new Uint8Array(along),
    });
    const result = this.#fresh(`${node.name}:weights:real`);
    this.#values.set(result, { dtype: 'float32', shape });
    return this.#put('DequantizeLinear', `${node.name}:weights:dequantize`, [whole, step, zero], result, {
      axis: int(axis),
    });
  }

  /** A node in FP16: its constants and what it reads and gives, with Casts where others read and give float32. */
  #narrowNode(node: Node): void {
    const inputs = node.inputs.map((value) => this.#narrowed(value));
    const isBorder = (value: string) =>
      this.#graph.outputs.includes(value) && this.#borders.get(value) === 'float16' && !this.#pairs.has(value);
    const outputs = node.outputs.map((value) =>
      value === '' || isBorder(value) ? value : this.#fresh(`${value}:fp16`),
    );
    this.#nodes.push({ ...node, inputs, outputs });
    for (const [index, value] of node.outputs.entries()) {
      if (value === '') continue;
      const type = this.#values.get(value);
      const narrow = outputs[index]!;
      if (type) this.#values.set(narrow, { ...type, dtype: 'float16' });
      if (type && narrow === value) {
        this.#widened(value, type);
        continue;
      }
      this.#narrow.set(value, narrow);
      this.#finish([value], ([name]) => {
        this.#put('Cast', `${value}:to-float32`, [narrow], name!, { to: int(dataTypeNumber('float32')) });
      });
    }
  }

  #narrowed(value: string): string {
    const known = this.#narrow.get(value);
    if (known !== undefined || value === '' || this.#values.get(value)?.dtype !== 'float32') return known ?? value;
    const constant = this.#graph.constants.get(value);
    let name: string;
    if (constant) {
      const bits = Uint16Array.from(asFloat32(constant), float16Bits);
      name = this.#constant(`${value}:fp16`, {
        dtype: 'float16',
        shape: constant.shape,
        bytes: new Uint8Array(bits.buffer),
      });
    } else {
      name = this.#fresh(`${value}:fp16`);
      const type = this.#values.get(value);
      if (type) this.#values.set(name, { ...type, dtype: 'float16' });
      const from = this.#rounded.get(value) ?? value;
      this.#put('Cast', `${value}:to-float16`, [from], name, { to: int(dataTypeNumber('float16')) });
    }
    this.#narrow.set(value, name);
    return name;
  }
}

/** The axis of a weight tensor along which output channels lie. */
function outputAxis(node: Node): number | undefined {
  if (node.domain !== '') return undefined;
  if (node.op === 'Conv') return 0;
  if (node.op === 'ConvTranspose') return 1;
  if (node.op === 'Gemm') return gemmOf(node).transB ? 0 : 1;
  return node.op === 'MatMul' ? 1 : undefined;
}
