/**
 * The peer of the bench: the same quantized network as onnxruntime runs it, with QLinearConv and QLinearAdd. Tensors
 * after a Relu take unsigned bytes with zero point 0, so that Relu costs nothing; the others have zero point 128. That
 * is the form onnxruntime's own quantizer writes and its kernels are made for.
 */

import { consumers, type Graph, type Node } from '../src/graph/graph.ts';
import { float32Tensor, float32Values, type Tensor } from '../src/graph/tensor.ts';
import { writeModel } from '../src/onnx/write.ts';
import type { QuantizedGraph } from '../src/quantize/quantize.ts';

interface Quantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** @throws Error when the network has an operator that this exporter does not know */
export function exportQLinear({ graph, scales }: QuantizedGraph): Uint8Array {
  const constants = new Map<string, Tensor>();
  const nodes: Node[] = [];
  const quantizations = new Map<string, Quantization>();
  const readers = consumers(graph);
  const merged = new Set<string>();

  const scaleOf = (value: string): number => {
    const scale = scales.get(value);
    if (scale === undefined) throw new Error(`no scale for ${value}`);
    return scale;
  };
  const constant = (name: string, tensor: Tensor): string => {
    constants.set(name, tensor);
    return name;
  };
  const parameters = (value: string): readonly [value: string, scale: string, zeroPoint: string] => {
    const { scale, zeroPoint } = quantizations.get(value)!;
    return [
      `${value}/q`,
      constant(`${value}/scale`, float32Tensor([], [scale])),
      constant(`${value}/zero`, { dtype: 'uint8', shape: [], bytes: Uint8Array.of(zeroPoint) }),
    ];
  };
  /** The value that a node's result is known by: that of the Relu that alone reads it, or its own. */
  const result = (node: Node): string => {
    const value = node.outputs[0]!;
    const [next, ...others] = readers.get(value) ?? [];
    if (next?.op === 'Relu' && others.length === 0 && !graph.outputs.includes(value)) {
      merged.add(next.name);
      const after = next.outputs[0]!;
      quantizations.set(after, { scale: (scaleOf(after) * 127) / 255, zeroPoint: 0 });
      return after;
    }
    quantizations.set(value, { scale: scaleOf(value), zeroPoint: 128 });
    return value;
  };
  const emit = (node: Node, op: string, domain: string, inputs: readonly string[], output: string): void => {
    nodes.push({ ...node, op, domain, inputs, outputs: [`${output}/q`] });
  };

  for (const input of graph.inputs) {
    quantizations.set(input, { scale: scaleOf(input), zeroPoint: 128 });
    nodes.push(plain('QuantizeLinear', parameters(input).with(0, input), [`${input}/q`]));
  }
  for (const node of graph.nodes) {
    if (merged.has(node.name)) continue;
    const [x = '', second = ''] = node.inputs;
    switch (node.op) {
      case 'Conv': {
        const output = result(node);
        const weights = quantizeWeights(graph.constants.get(second)!);
        const inputScale = quantizations.get(x)!.scale;
        const bias = graph.constants.get(node.inputs[2] ?? '');
        const [, yScale, yZero] = parameters(output);
        const kernels = weights.scales.length;
        emit(
          node,
          'QLinearConv',
          '',
          [
            ...parameters(x),
            constant(`${node.name}/weights`, weights.tensor),
            constant(`${node.name}/weights/scale`, float32Tensor([kernels], weights.scales)),
            constant(`${node.name}/weights/zero`, { dtype: 'int8', shape: [kernels], bytes: new Uint8Array(kernels) }),
            yScale,
            yZero,
            ...(bias ? [constant(`${node.name}/bias`, quantizeBias(bias, inputScale, weights.scales))] : []),
          ],
          output,
        );
        break;
      }
      case 'Add': {
        const output = result(node);
        const [, yScale, yZero] = parameters(output);
        emit(node, 'QLinearAdd', 'com.microsoft', [...parameters(x), ...parameters(second), yScale, yZero], output);
        break;
      }
      case 'MaxPool': {
        const output = node.outputs[0]!;
        quantizations.set(output, quantizations.get(x)!);
        emit(node, 'MaxPool', '', [`${x}/q`], output);
        break;
      }
      case 'AveragePool': {
        const output = node.outputs[0]!;
        quantizations.set(output, quantizations.get(x)!);
        const [, yScale, yZero] = parameters(output);
        emit(node, 'QLinearAveragePool', 'com.microsoft', [...parameters(x), yScale, yZero], output);
        break;
      }
      case 'Flatten':
      case 'Reshape': {
        const output = node.outputs[0]!;
        quantizations.set(output, quantizations.get(x)!);
        const shape = graph.constants.get(second);
        emit(node, node.op, '', [`${x}/q`, ...(shape ? [constant(second, shape)] : [])], output);
        break;
      }
      default:
        throw new Error(`the exporter does not know ${node.op}`);
    }
  }
  for (const output of graph.outputs) nodes.push(plain('DequantizeLinear', parameters(output), [output]));
  return writeModel({ ...graph, opsets: { ...graph.opsets, 'com.microsoft': 1 }, nodes, constants } satisfies Graph);
}

const plain = (op: string, inputs: readonly string[], outputs: readonly string[]): Node => ({
  name: `${op}/${outputs[0]}`,
  op,
  domain: '',
  inputs,
  outputs,
  attributes: {},
  origin: [],
});

function quantizeWeights(weights: Tensor): { readonly tensor: Tensor; readonly scales: Float32Array } {
  const values = float32Values(weights);
  const kernels = weights.shape[0]!;
  const size = values.length / kernels;
  const scales = new Float32Array(kernels);
  const bytes = new Int8Array(values.length);
  for (let k = 0; k < kernels; k++) {
    let largest = 0;
    for (let i = k * size; i < (k + 1) * size; i++) largest = Math.max(largest, Math.abs(values[i]!));
    scales[k] = largest > 0 ? largest / 127 : 1;
    for (let i = k * size; i < (k + 1) * size; i++) bytes[i] = Math.round(values[i]! / scales[k]!);
  }
  return { tensor: { dtype: 'int8', shape: weights.shape, bytes: new Uint8Array(bytes.buffer) }, scales };
}

function quantizeBias(bias: Tensor, inputScale: number, scales: Float32Array): Tensor {
  const data = Int32Array.from(float32Values(bias), (value, k) => Math.round(value / (inputScale * scales[k]!)));
  return { dtype: 'int32', shape: bias.shape, bytes: new Uint8Array(data.buffer) };
}
