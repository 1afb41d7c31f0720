/** Conv, ConvTranspose and fully connected layers. */

import { type Graph, type Node, staticShape } from '../../graph/graph.ts';
import { deconvolutionOf } from '../../graph/operators/deconvolution.ts';
import { lookupOf } from '../../graph/operators/read.ts';
import { groupsOf, windowLengths, windowOf } from '../../graph/operators/window.ts';
import { float32Tensor, type Tensor } from '../../graph/tensor.ts';
import { reshaped } from '../../graph/weight-scales.ts';
import { fullyConnected } from '../../rewrite/passes/gemm-to-conv.ts';
import { extent, noShape, padding, plainPoint, surfaceShape } from '../operation.ts';
import type { Selection } from './select.ts';

const otherShape = 'its output shape does not follow from its attributes';

export function selectConv(node: Node, graph: Graph): Selection {
  const found = operands(node, graph);
  if (typeof found === 'string') return found;
  const { output, weights, bias } = found;
  const window = windowOf(node, lookupOf(graph))!;
  const [, , height, width] = output;
  if (windowLengths(node, lookupOf(graph)).join() !== [height, width].join()) return otherShape;
  return [
    {
      kind: 'conv',
      nodes: [node],
      input: node.inputs[0]!,
      output: node.outputs[0]!,
      shape: {
        kernel: extent(window.kernel),
        stride: extent(window.strides),
        dilation: extent(window.dilations),
        padding: padding(window.pads),
        groups: groupsOf(node),
        transposed: false,
        output: { channels: output[1], height, width },
      },
      weights,
      ...(bias !== undefined && { bias }),
      point: plainPoint,
    },
  ];
}

export function selectConvTranspose(node: Node, graph: Graph): Selection {
  const found = operands(node, graph);
  if (typeof found === 'string') return found;
  const { output, weights, bias } = found;
  const layer = deconvolutionOf(node, lookupOf(graph))!;
  const [, channels, height, width] = output;
  if (layer.output.join() !== [height, width].join()) return otherShape;
  return [
    {
      kind: 'conv',
      nodes: [node],
      input: node.inputs[0]!,
      output: node.outputs[0]!,
      shape: {
        kernel: extent(layer.kernel),
        stride: extent(layer.strides),
        dilation: extent(layer.dilations),
        padding: padding(layer.pads),
        groups: groupsOf(node),
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
        padding: padding([0, 0, 0, 0]),
        groups: 1,
        transposed: false,
        output: { channels: kernels, height: 1, width: 1 },
      },
      weights: reshaped(layer.weights, [kernels, depth, 1, 1]),
      ...(layer.bias && { bias: float32Tensor([kernels], layer.bias) }),
      point: plainPoint,
    },
  ];
}

function operands(node: Node, graph: Graph) {
  const [x = '', w = '', b = ''] = node.inputs;
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  if (surfaceShape(graph, x) === undefined || output === undefined) return noShape;
  const weights = graph.constants.get(w);
  if (weights === undefined) return 'its weights are not constant';
  if (weights.shape.length !== 4) return 'its kernel does not have two dimensions';
  let bias: Tensor | undefined;
  if (b !== '') {
    bias = graph.constants.get(b);
    if (bias === undefined) return 'its bias is not constant';
    if (bias.shape.length !== 1 || bias.shape[0] !== output[1]) return 'its bias has another length than its output';
  }
  return { output, weights, bias };
}
