/** Operators that move or rename data: Concat, Split and Slice along channels, Resize, and reshapes that move nothing. */

import { type Graph, intAttribute, intsAttribute, type Node, stringAttribute } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import type { NearestResize } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Operation } from '../operation.ts';
import { axisAttribute, surfaceShape } from '../window.ts';
import type { Selection } from './select.ts';

const noShape = 'its input or output does not have four static dimensions';

export function selectConcat(node: Node, graph: Graph): Selection {
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  const rank = graph.values.get(node.outputs[0] ?? '')?.shape?.length ?? 0;
  if (output === undefined || node.inputs.some((name) => surfaceShape(graph, name) === undefined)) return noShape;
  if (node.inputs.some((name) => graph.constants.has(name))) return 'one of its inputs is constant';
  const axis = axisAttribute(node, rank, 1);
  const common = { nodes: [node], inputs: node.inputs, output: node.outputs[0]! };
  if (axis === 1) return [{ kind: 'concat', ...common }];
  return axis === 2 || axis === 3
    ? [{ kind: 'stack', ...common, axis: axis === 2 ? 'h' : 'w' }]
    : 'it does not join channels';
}

export function selectSplit(node: Node, graph: Graph): Selection {
  const input = surfaceShape(graph, node.inputs[0] ?? '');
  const rank = graph.values.get(node.inputs[0] ?? '')?.shape?.length ?? 0;
  if (input === undefined) return noShape;
  const axis = axisAttribute(node, rank, 0);
  if (axis === 0) return 'it does not split channels';
  let at = 0;
  const parts: Operation[] = [];
  for (const output of node.outputs) {
    const shape = surfaceShape(graph, output);
    if (shape === undefined) return noShape;
    const common = { nodes: [node], input: node.inputs[0]!, output };
    const from = { row: axis === 2 ? at : 0, column: axis === 3 ? at : 0, step: { h: 1, w: 1 } };
    parts.push(
      axis === 1
        ? { kind: 'slice', ...common, channel: at }
        : { kind: 'crop', ...common, from, size: { height: shape[2], width: shape[3] } },
    );
    at += shape[axis]!;
  }
  return at === input[axis] ? parts : 'its parts do not add up to its input';
}

/** Where a slice starts along each axis, and its steps; undefined where they are not constant. */
function sliceBounds(node: Node, graph: Graph, input: Shape4, rank: number) {
  const names = node.inputs.slice(1);
  const list = (index: number, attribute: string): readonly number[] | undefined => {
    const constant = graph.constants.get(names[index] ?? '');
    return intsAttribute(node, attribute) ?? (constant === undefined ? undefined : numbers(constant));
  };
  const starts = list(0, 'starts');
  const axes = list(2, 'axes') ?? starts?.map((_, axis) => axis);
  if (starts === undefined || axes === undefined || ((names[3] ?? '') !== '' && list(3, 'steps') === undefined)) {
    return undefined;
  }
  const [start, step] = [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ];
  for (const [index, given] of axes.entries()) {
    const axis = given < 0 ? given + rank : given;
    const from = starts[index]!;
    start[axis] = Math.min(Math.max(from < 0 ? from + input[axis]! : from, 0), input[axis]!);
    step[axis] = list(3, 'steps')?.[index] ?? 1;
  }
  return { start, step };
}

export function selectSlice(node: Node, graph: Graph): Selection {
  const [x = ''] = node.inputs;
  const input = surfaceShape(graph, x);
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  const rank = graph.values.get(x)?.shape?.length ?? 0;
  if (input === undefined || output === undefined) return noShape;
  const bounds = sliceBounds(node, graph, input, rank);
  if (bounds === undefined) return 'its bounds are not constant';
  const { start, step } = bounds;
  if (step.some((value) => value < 1) || step[0] !== 1 || step[1] !== 1) return 'its steps are not 1';
  if (input[0] !== output[0]) return 'it cuts more than channels';
  const inside = output.every((size, axis) => start[axis]! + (size - 1) * step[axis]! < input[axis]!);
  if (!inside) return 'its output shape does not follow from its bounds';
  const common = { nodes: [node], input: x, output: node.outputs[0]! };
  if (input[2] === output[2] && input[3] === output[3]) return [{ kind: 'slice', ...common, channel: start[1]! }];
  if (input[1] !== output[1]) return 'it cuts channels and pixels';
  const from = { row: start[2]!, column: start[3]!, step: { h: step[2]!, w: step[3]! } };
  return [{ kind: 'crop', ...common, from, size: { height: output[2], width: output[3] } }];
}

const roundings: Readonly<Record<string, NearestResize<unknown>['rounding']>> = {
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
      resize: mode === 'linear' ? { mode, scale } : { mode, coordinates, rounding, scale },
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
