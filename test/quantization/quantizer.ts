/**
 * A static quantizer for tests, which shares nothing with the code under test but the Graph: it writes the Q/DQ networks that
 * quantization tools make out of a floating-point network and the ranges of its tensors. Weights are int8 with a scale for each output
 * channel or one for all, biases int32 at the product of the scales.
 */

import type { Attribute, Graph, Node, ValueType } from '../../src/graph/graph.ts';
import { float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';

export interface QuantizerOptions {
  readonly perChannel: boolean;
  /** Integers and DequantizeLinear, or floats behind QuantizeLinear and DequantizeLinear as training leaves them. */
  readonly weights: 'integers' | 'floats';
  /** Operators whose run-time inputs are quantized. */
  readonly operators: ReadonlySet<string>;
  /**
   * Whether the result of a convolution (and its norm) that goes to an Add alone stays as it is, as NVIDIA's tools leave it so that the sum is part of
   * the convolution. Of two such results it is the later.
   */
  readonly openSums?: boolean;
  /** Whether outputs of the network are quantized too. */
  readonly outputs: boolean;
  /** What weights reach, as a share of the largest; tools that clip outliers give less than 1. */
  readonly weightRange?: number;
}

export const everyOperator: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'Gemm',
  'MatMul',
  'Add',
  'Relu',
  'Clip',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'Concat',
  'Flatten',
  'Reshape',
]);

const int = (value: number): Attribute => ({ kind: 'int', value });

const nearestEven = (value: number): number => {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

const int8 = (value: number): number => Math.min(127, Math.max(-127, nearestEven(value)));

/** Axis of the output channels, by operator. */
function weightAxis({ op, attributes }: Node): number | undefined {
  if (op === 'Conv') return 0;
  if (op === 'ConvTranspose') return 1;
  if (op === 'Gemm') return attributes.transB?.kind === 'int' && attributes.transB.value === 1 ? 0 : 1;
  return op === 'MatMul' ? 1 : undefined;
}

/** @param scales of every tensor that is to be quantized */
export function quantized(graph: Graph, scales: ReadonlyMap<string, number>, options: QuantizerOptions): Graph {
  const constants = new Map(graph.constants);
  const values = new Map<string, ValueType>(graph.values);
  const nodes: Node[] = [];
  const constant = (name: string, tensor: Tensor): string => {
    constants.set(name, tensor);
    values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  };
  const node = (op: string, name: string, inputs: readonly string[], output: string, attributes = {}): string => {
    nodes.push({ name, op, domain: '', inputs, outputs: [output], attributes, origin: [name] });
    return output;
  };
  const integers = (dtype: 'int8' | 'int32', shape: readonly number[], list: readonly number[]): Tensor => ({
    dtype,
    shape,
    bytes: new Uint8Array((dtype === 'int8' ? Int8Array.from(list) : Int32Array.from(list)).buffer),
  });

  const pairs = new Map<string, string>();
  /** The rounded form of a tensor, made once. */
  const rounded = (value: string, output = `${value}_dq`): string => {
    const known = pairs.get(value);
    if (known !== undefined) return known;
    const scale = scales.get(value);
    if (scale === undefined) return value;
    const step = constant(`${value}_scale`, float32Tensor([], [scale]));
    const zero = constant(`${value}_zero`, integers('int8', [], [0]));
    const q = node('QuantizeLinear', `${value}_Q`, [value, step, zero], `${value}_q`);
    pairs.set(value, node('DequantizeLinear', `${value}_DQ`, [q, step, zero], output));
    return pairs.get(value)!;
  };

  function weights(reader: Node, axis: number): { readonly name: string; readonly steps: readonly number[] } {
    const name = reader.inputs[1]!;
    const tensor = graph.constants.get(name)!;
    const { shape } = tensor;
    const list = float32Values(tensor);
    const along = shape[axis]!;
    const inner = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
    const channelOf = (at: number) => Math.floor(at / inner) % along;
    const largest = Array<number>(along).fill(0);
    list.forEach((value, at) => {
      largest[channelOf(at)] = Math.max(largest[channelOf(at)]!, Math.abs(value));
    });
    const reach = options.weightRange ?? 1;
    const whole = Math.max(...largest);
    const steps = largest.map((most) => Math.fround(((options.perChannel ? most || whole : whole) * reach) / 127));
    const shown = options.perChannel ? steps : steps.slice(0, 1);
    const dims = options.perChannel ? [along] : [];
    const step = constant(`${reader.name}_w_scale`, float32Tensor(dims, shown));
    const zero = constant(`${reader.name}_w_zero`, integers('int8', dims, Array<number>(shown.length).fill(0)));
    const attributes = options.perChannel ? { axis: int(axis) } : {};
    const output = `${reader.name}_w_dq`;
    let source: string;
    if (options.weights === 'integers') {
      const whole8 = [...list].map((value, at) => int8(Math.fround(value / steps[channelOf(at)]!)));
      source = constant(`${reader.name}_w_q`, integers('int8', shape, whole8));
    } else {
      source = node('QuantizeLinear', `${reader.name}_w_Q`, [name, step, zero], `${reader.name}_w_q`, attributes);
    }
    return { name: node('DequantizeLinear', `${reader.name}_w_DQ`, [source, step, zero], output, attributes), steps };
  }

  function bias(reader: Node, inputStep: number, steps: readonly number[]): string {
    const list = float32Values(graph.constants.get(reader.inputs[2]!)!);
    const own = steps.map((step) => Math.fround(step * inputStep));
    const whole = [...list].map((value, k) => nearestEven(value / own[k % own.length]!));
    const source = constant(`${reader.name}_b_q`, integers('int32', [list.length], whole));
    const step = constant(
      `${reader.name}_b_scale`,
      float32Tensor(
        [list.length],
        list.map((_, k) => own[k % own.length]!),
      ),
    );
    return node('DequantizeLinear', `${reader.name}_b_DQ`, [source, step], `${reader.name}_b_dq`, { axis: int(0) });
  }

  const outputs = new Set(graph.outputs);
  /** What an Add reads as it is. */
  const open = (each: Node): string | undefined => {
    if (!options.openSums || each.op !== 'Add') return undefined;
    const convolutions = graph.nodes
      .filter(({ op }) => op === 'Conv' || op === 'BatchNormalization')
      .map((conv) => conv.outputs[0]!);
    const alone = (value: string) =>
      !outputs.has(value) && graph.nodes.filter((other) => other.inputs.includes(value)).length === 1;
    return convolutions.findLast((value) => each.inputs.includes(value) && alone(value));
  };
  for (const each of graph.nodes) {
    const axis = weightAxis(each);
    const taken = options.operators.has(each.op);
    const left = open(each);
    const inputs = each.inputs.map((value) =>
      value !== left && taken && !graph.constants.has(value) && value !== '' ? rounded(value) : value,
    );
    if (taken && axis !== undefined && graph.constants.has(each.inputs[1] ?? '')) {
      const { name, steps } = weights(each, axis);
      inputs[1] = name;
      const inputStep = scales.get(each.inputs[0]!);
      if (inputs[2] && options.weights === 'integers' && inputStep !== undefined)
        inputs[2] = bias(each, inputStep, steps);
    }
    const [output = ''] = each.outputs;
    const closed = options.outputs && outputs.has(output) && scales.has(output);
    const made = closed ? `${output}_open` : output;
    nodes.push({ ...each, inputs, outputs: [made, ...each.outputs.slice(1)] });
    if (!closed) continue;
    scales = new Map([...scales, [made, scales.get(output)!]]);
    rounded(made, output);
  }
  return { ...graph, nodes, constants, values };
}
