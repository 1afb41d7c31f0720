/** Pooling, global pooling, and the maximum over height and width. */

import { type Graph, intAttribute, intsAttribute, type Node } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Pooling } from '../operation.ts';
import { surfaceShape, windowOf, windowOutput } from '../window.ts';
import type { Selection } from './select.ts';

const none = { top: 0, left: 0, bottom: 0, right: 0 };

export function selectPool(node: Node, graph: Graph): Selection {
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  if (input === undefined || output === undefined) return 'its input or output does not have four static dimensions';
  if ((node.outputs[1] ?? '') !== '') return 'the indices of the maxima are asked for';
  const window = windowOf(node, input, undefined);
  if (window === undefined) return 'its kernel does not have two dimensions';
  const { kernel, stride, dilation, padding } = window;
  if (dilation.h !== 1 || dilation.w !== 1) return 'its window is dilated';
  const average = node.op === 'AveragePool';
  const countPadding = average && intAttribute(node, 'count_include_pad', 0) !== 0;
  // ceil_mode lets windows run over the end: that is padding below and to the right that the node does not declare.
  const over = {
    h: (output[2] - 1) * stride.h + kernel.h - input[2] - padding.top,
    w: (output[3] - 1) * stride.w + kernel.w - input[3] - padding.left,
  };
  const padded = { ...padding, bottom: Math.max(padding.bottom, over.h), right: Math.max(padding.right, over.w) };
  const extended = padded.bottom !== padding.bottom || padded.right !== padding.right;
  if (extended && countPadding) return 'ceil_mode and count_include_pad disagree on what the last windows count';
  const full = { ...window, padding: padded };
  if (windowOutput(full, 'h', input[2]) !== output[2] || windowOutput(full, 'w', input[3]) !== output[3]) {
    return 'its output shape does not follow from its attributes';
  }
  const { top, left, bottom, right } = padded;
  if (top >= kernel.h || bottom >= kernel.h || left >= kernel.w || right >= kernel.w) {
    return 'some of its windows hold nothing but padding';
  }
  return pooling(node, { mode: average ? 'average' : 'max', kernel, stride, padding: padded, countPadding });
}

export function selectGlobalPool(node: Node, graph: Graph): Selection {
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  if (input === undefined) return 'its input does not have four static dimensions';
  const mode = node.op === 'GlobalAveragePool' ? 'average' : 'max';
  return wholeImage(node, input[2], input[3], mode);
}

export function selectReduceMax(node: Node, graph: Graph): Selection {
  const shape = graph.values.get(node.inputs[0] ?? '')?.shape;
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  const constant = graph.constants.get(node.inputs[1] ?? '');
  const axes = intsAttribute(node, 'axes') ?? (constant === undefined ? undefined : numbers(constant));
  if (input === undefined || shape?.length !== 4) return 'its input does not have four static dimensions';
  const spatial = axes?.map((axis) => (axis < 0 ? axis + 4 : axis)).toSorted((a, b) => a - b);
  if (spatial === undefined || spatial.length === 0 || spatial.some((axis) => axis !== 2 && axis !== 3)) {
    return 'it reduces more than height and width';
  }
  if (surfaceShape(graph, node.outputs[0] ?? '') === undefined) return 'its output is not a surface';
  if (intAttribute(node, 'keepdims', 1) === 0 && spatial.length !== 2) return 'its output is not a surface';
  return wholeImage(node, spatial.includes(2) ? input[2] : 1, spatial.includes(3) ? input[3] : 1, 'max');
}

const wholeImage = (node: Node, h: number, w: number, mode: Pooling['mode']): Selection =>
  pooling(node, { mode, kernel: { h, w }, stride: { h, w }, padding: none, countPadding: false });

const pooling = (node: Node, pool: Pooling): Selection => [
  { kind: 'pool', nodes: [node], input: node.inputs[0]!, output: node.outputs[0]!, pool },
];
