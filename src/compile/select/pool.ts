/** Pooling, global pooling, and the maximum over height and width. */

import { type Graph, isRead, type Node } from '../../graph/graph.ts';
import { lookupOf } from '../../graph/operators/read.ts';
import { reductionOf } from '../../graph/operators/reduction.ts';
import { countsPadding, windowLengths, windowOf } from '../../graph/operators/window.ts';
import type { Pooling } from '../operation.ts';
import { extent, noShape, padding, surfaceShape } from '../operation.ts';
import type { Selection } from './select.ts';

export function selectPool(node: Node, graph: Graph): Selection {
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  if (input === undefined || output === undefined) return noShape;
  const indices = node.outputs[1] ?? '';
  if (indices !== '' && isRead(graph, indices)) return 'the indices of the maxima are asked for';
  const window = windowOf(node, lookupOf(graph));
  if (window?.kernel.length !== 2) return 'its kernel does not have two dimensions';
  if (window.dilations.some((dilation) => dilation !== 1)) return 'its window is dilated';
  const average = node.op === 'AveragePool';
  const countPadding = average && countsPadding(node);
  if (countPadding && window.reachedPads.join() !== window.pads.join()) {
    return 'ceil_mode and count_include_pad disagree on what the last windows count';
  }
  if (windowLengths(node, lookupOf(graph)).join() !== output.slice(2).join()) {
    return 'its output shape does not follow from its attributes';
  }
  const [kernel, stride, padded] = [extent(window.kernel), extent(window.strides), padding(window.reachedPads)];
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
  if (input === undefined || shape?.length !== 4) return 'its input does not have four static dimensions';
  const { axes, keepDims } = reductionOf(node, lookupOf(graph), 4);
  if (axes === 'run-time' || axes.length === 0 || axes.some((axis) => axis < 2)) {
    return 'it reduces more than height and width';
  }
  if (surfaceShape(graph, node.outputs[0] ?? '') === undefined) return 'its output is not a surface';
  if (!keepDims && axes.length !== 2) return 'its output is not a surface';
  return wholeImage(node, axes.includes(2) ? input[2] : 1, axes.includes(3) ? input[3] : 1, 'max');
}

const wholeImage = (node: Node, h: number, w: number, mode: Pooling['mode']): Selection =>
  pooling(node, { mode, kernel: { h, w }, stride: { h, w }, padding: padding([0, 0, 0, 0]), countPadding: false });

const pooling = (node: Node, pool: Pooling): Selection => [
  { kind: 'pool', nodes: [node], input: node.inputs[0]!, output: node.outputs[0]!, pool },
];
