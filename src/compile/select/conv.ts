/** Conv, ConvTranspose and fully connected layers. */

import { type Graph, intAttribute, intsAttribute, type Node, staticShape, stringAttribute } from '../../graph/graph.ts';
import { float32Tensor, type Tensor } from '../../graph/tensor.ts';
import { fullyConnected } from '../../rewrite/passes/gemm-to-conv.ts';
import { plainPoint } from '../operation.ts';
import { surfaceShape, windowOf, windowOutput } from '../window.ts';
import type { Selection } from './select.ts';

export function selectConv(node: Node, graph: Graph): Selection {
  const found = operands(node, graph);
  if (typeof found === 'string') return found;
  const { input, output, weights, bias } = found;
  const window = windowOf(node, input, weights.shape.slice(2));
  if (window === undefined) return 'its kernel does not have two dimensions';
  const groups = intAttribute(node, 'group', 1);
  const [, , height, width] = output;
  if (windowOutput(window, 'h', input[2]) !== height || windowOutput(window, 'w', input[3]) !== width) {
    return 'its output shape does not follow from its attributes';
  }
  const { kernel, stride, dilation, padding } = window;
  const shape = { kernel, stride, dilation, padding, groups, transposed: false };
  return [
    {
      kind: 'conv',
      nodes: [node],
      input: node.inputs[0]!,
      output: node.outputs[0]!,
      shape: { ...shape, output: { channels: output[1], height, width } },
      weights,
      ...(bias !== undefined && { bias }),
      point: plainPoint,
    },
  ];
}

export function selectConvTranspose(node: Node, graph: Graph): Selection {
  const found = operands(node, graph);
  if (typeof found === 'string') return found;
  const { input, output, weights, bias } = found;
  const groups = intAttribute(node, 'group', 1);
  const [r = 1, s = 1] = weights.shape.slice(2);
  const strides = intsAttribute(node, 'strides') ?? [1, 1];
  const dilations = intsAttribute(node, 'dilations') ?? [1, 1];
  const kernel = { h: r, w: s };
  const stride = { h: strides[0] ?? 1, w: strides[1] ?? 1 };
  const dilation = { h: dilations[0] ?? 1, w: dilations[1] ?? 1 };
  const [, channels, height, width] = output;
  const extra = intsAttribute(node, 'output_padding') ?? [0, 0];
  const full = [
    (input[2] - 1) * stride.h + (r - 1) * dilation.h + 1 + (extra[0] ?? 0),
    (input[3] - 1) * stride.w + (s - 1) * dilation.w + 1 + (extra[1] ?? 0),
  ];
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  const given = node.attributes.output_shape !== undefined || mode.startsWith('SAME');
  // What an output shape asks for goes off both sides, the odd one off the start (SAME_UPPER: off the end).
  const cut = (axis: 0 | 1, size: number): readonly [number, number] => {
    const total = Math.max(0, full[axis]! - size);
    const less = Math.floor(total / 2);
    return mode === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
  };
  const pads = mode === 'VALID' ? [] : (intsAttribute(node, 'pads') ?? []);
  const [top = 0, bottom = 0] = given ? cut(0, height) : [pads[0], pads[2]];
  const [left = 0, right = 0] = given ? cut(1, width) : [pads[1], pads[3]];
  if (full[0]! - top - bottom !== height || full[1]! - left - right !== width) {
    return 'its output shape does not follow from its attributes';
  }
  return [
    {
      kind: 'conv',
      nodes: [node],
      input: node.inputs[0]!,
      output: node.outputs[0]!,
      shape: {
        kernel,
        stride,
        dilation,
        padding: { top, left, bottom, right },
        groups,
        transposed: true,
        output: { channels, height, width },
      },
      weights,
      ...(bias !== undefined && { bias }),
      point: plainPoint,
    },
  ];
}

/** A product of [N, C] by a constant matrix: a convolution of one pixel. */
export function selectFullyConnected(node: Node, graph: Graph): Selection {
  const [data = ''] = node.inputs;
  const [input, output] = [data, node.outputs[0] ?? ''].map((value) => staticShape(graph, value));
  if (input?.length !== 2 || output?.length !== 2) return 'it does not multiply [N, C] by a matrix';
  const layer = fullyConnected(node, (name) => graph.constants.get(name));
  if (layer === undefined) return 'its matrix or its bias is not a float32 constant';
  if (layer.transposeData) return 'it transposes its input';
  const [kernels, depth] = layer.weights.shape as [number, number];
  const one = { h: 1, w: 1 };
  const padding = { top: 0, left: 0, bottom: 0, right: 0 };
  return [
    {
      kind: 'conv',
      nodes: [node],
      input: data,
      output: node.outputs[0]!,
      shape: {
        kernel: one,
        stride: one,
        dilation: one,
        padding,
        groups: 1,
        transposed: false,
        output: { channels: kernels, height: 1, width: 1 },
      },
      weights: { ...layer.weights, shape: [kernels, depth, 1, 1] },
      ...(layer.bias && { bias: float32Tensor([kernels], layer.bias) }),
      point: plainPoint,
    },
  ];
}

function operands(node: Node, graph: Graph) {
  const [x = '', w = '', b = ''] = node.inputs;
  const input = surfaceShape(graph, x);
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  if (input === undefined || output === undefined) return 'its input or output does not have four static dimensions';
  const weights = graph.constants.get(w);
  if (weights === undefined) return 'its weights are not constant';
  if (weights.shape.length !== 4) return 'its kernel does not have two dimensions';
  let bias: Tensor | undefined;
  if (b !== '') {
    bias = graph.constants.get(b);
    if (bias === undefined) return 'its bias is not constant';
    if (bias.shape.length !== 1 || bias.shape[0] !== output[1]) return 'its bias has another length than its output';
  }
  return { input, output, weights, bias };
}
