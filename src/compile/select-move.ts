/** What moves data or only names it anew: Concat, Split and Slice along channels, Resize, and reshapes that move nothing. */

import { type Graph, intAttribute, intsAttribute, type Node, stringAttribute } from '../graph/graph.ts';
import { numbers } from '../graph/tensor.ts';
import type { Resize } from '../program/layer.ts';
import type { Selection } from './select.ts';
import { axisAttribute, surfaceShape } from './window.ts';

const noShape = 'its input or output does not have four static dimensions';

export function selectConcat(node: Node, graph: Graph): Selection {
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  const rank = graph.values.get(node.outputs[0] ?? '')?.shape?.length ?? 0;
  if (output === undefined || node.inputs.some((name) => surfaceShape(graph, name) === undefined)) return noShape;
  if (axisAttribute(node, rank, 1) !== 1) return 'it does not join channels';
  if (node.inputs.some((name) => graph.constants.has(name))) return 'one of its inputs is constant';
  return [{ kind: 'concat', nodes: [node], inputs: node.inputs, output: node.outputs[0]! }];
}

export function selectSplit(node: Node, graph: Graph): Selection {
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  const rank = graph.values.get(node.inputs[0] ?? '')?.shape?.length ?? 0;
  if (input === undefined) return noShape;
  if (axisAttribute(node, rank, 0) !== 1) return 'it does not split channels';
  let channel = 0;
  const slices = [];
  for (const output of node.outputs) {
    const shape = surfaceShape(graph, output);
    if (shape === undefined) return noShape;
    slices.push({ kind: 'slice' as const, nodes: [node], input: node.inputs[0]!, output, channel });
    channel += shape[1];
  }
  return channel === input[1] ? slices : 'its parts do not add up to its input';
}

export function selectSlice(node: Node, graph: Graph): Selection {
  const [x = '', ...names] = node.inputs;
  const input = surfaceShape(graph, x);
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  const rank = graph.values.get(x)?.shape?.length ?? 0;
  if (input === undefined || output === undefined) return noShape;
  const list = (index: number, attribute: string): readonly number[] | undefined => {
    const constant = graph.constants.get(names[index] ?? '');
    return intsAttribute(node, attribute) ?? (constant === undefined ? undefined : numbers(constant));
  };
  const starts = list(0, 'starts');
  const axes = list(2, 'axes') ?? starts?.map((_, axis) => axis);
  if (starts === undefined || axes === undefined) return 'its bounds are not constant';
  if (list(3, 'steps')?.some((step) => step !== 1)) return 'its steps are not 1';
  if (input.some((dim, axis) => axis !== 1 && dim !== output[axis])) return 'it cuts more than channels';
  const at = axes.findIndex((axis) => (axis < 0 ? axis + rank : axis) === 1);
  const start = at < 0 ? 0 : starts[at]!;
  const channel = Math.min(Math.max(start < 0 ? start + input[1] : start, 0), input[1]);
  if (channel + output[1] > input[1]) return 'its output shape does not follow from its bounds';
  return [{ kind: 'slice', nodes: [node], input: x, output: node.outputs[0]!, channel }];
}

const roundings: Readonly<Record<string, Resize<unknown>['rounding']>> = {
  floor: 'floor',
  round_prefer_floor: 'half_down',
  round_prefer_ceil: 'half_up',
};

export function selectResize(node: Node, graph: Graph): Selection {
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  if (input === undefined || output === undefined) return noShape;
  const scale = { h: output[2] / input[2], w: output[3] / input[3] };
  if (output[1] !== input[1] || !Number.isInteger(scale.h) || !Number.isInteger(scale.w)) {
    return 'its factors are not whole numbers';
  }
  const mode = stringAttribute(node, 'mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear') return `its mode is ${mode}`;
  if (intAttribute(node, 'antialias', 0) !== 0) return 'it smooths (antialias)';
  // Before opset 11 coordinates were asymmetric and nearest rounded down.
  const old = node.op === 'Upsample' || node.inputs.length < 3;
  const declared = old ? 'asymmetric' : stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  // PyTorch's differs from half_pixel only where the output is one pixel long, which scale 1 leaves as it is.
  const coordinates = declared === 'pytorch_half_pixel' ? 'half_pixel' : declared;
  if (coordinates !== 'asymmetric' && coordinates !== 'half_pixel') return `its coordinates are ${declared}`;
  if (mode === 'linear' && coordinates !== 'half_pixel') return `it is linear with ${declared} coordinates`;
  const rounding = old ? 'floor' : roundings[stringAttribute(node, 'nearest_mode', 'round_prefer_floor')];
  if (rounding === undefined) return `its nearest_mode is ${stringAttribute(node, 'nearest_mode', '')}`;
  return [
    {
      kind: 'resize',
      nodes: [node],
      input: node.inputs[0]!,
      output: node.outputs[0]!,
      resize: { mode, coordinates, rounding: mode === 'linear' ? 'floor' : rounding, scale },
    },
  ];
}

export function selectAlias(node: Node, graph: Graph): Selection {
  const [input = ''] = node.inputs;
  const [output = '', ...others] = node.outputs;
  const from = surfaceShape(graph, input);
  const to = surfaceShape(graph, output);
  if (from === undefined || to === undefined) return noShape;
  if (others.some((name) => name !== '')) return 'its mask is asked for';
  if (graph.constants.has(input)) return 'its input is constant';
  if (from.some((dim, axis) => dim !== to[axis])) return 'it moves data';
  return [{ kind: 'alias', nodes: [node], input, output }];
}
