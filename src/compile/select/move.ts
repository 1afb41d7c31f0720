/** Operators that move or rename data: Concat, Split and Slice along channels, Resize, and reshapes that move nothing. */

import type { Graph, Node } from '../../graph/graph.ts';
import { concatAxis, cutRange, sliceCuts, splitOf } from '../../graph/operators/movement.ts';
import { lookupOf } from '../../graph/operators/read.ts';
import { resizeOf } from '../../graph/operators/resize.ts';
import type { NearestResize } from '../../program/layer.ts';
import type { Operation } from '../operation.ts';
import { noShape, surfaceShape } from '../operation.ts';
import type { Selection } from './select.ts';

export function selectConcat(node: Node, graph: Graph): Selection {
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  const rank = graph.values.get(node.outputs[0] ?? '')?.shape?.length ?? 0;
  if (output === undefined || node.inputs.some((name) => surfaceShape(graph, name) === undefined)) return noShape;
  if (node.inputs.some((name) => graph.constants.has(name))) return 'one of its inputs is constant';
  const axis = concatAxis(node, lookupOf(graph), rank);
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
  const { axis } = splitOf(node, lookupOf(graph), rank);
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

export function selectSlice(node: Node, graph: Graph): Selection {
  const [x = ''] = node.inputs;
  const input = surfaceShape(graph, x);
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  const rank = graph.values.get(x)?.shape?.length ?? 0;
  if (input === undefined || output === undefined) return noShape;
  const cuts = sliceCuts(node, lookupOf(graph), rank);
  if (cuts === 'run-time') return 'its bounds are not constant';
  const [start, step] = [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ];
  for (const cut of cuts) {
    start[cut.axis] = cutRange(input[cut.axis]!, cut).first;
    step[cut.axis] = cut.step;
  }
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
  const { mode, antialias, coordinates: declared, rounding: stated } = resizeOf(node, lookupOf(graph));
  if (mode !== 'nearest' && mode !== 'linear') return `its mode is ${mode}`;
  if (antialias) return 'it smooths (antialias)';
  // PyTorch's differs from half_pixel only where the output is one pixel long, which scale 1 leaves as it is.
  const coordinates = declared === 'pytorch_half_pixel' ? 'half_pixel' : declared;
  if (coordinates !== 'asymmetric' && coordinates !== 'half_pixel') return `its coordinates are ${declared}`;
  if (mode === 'linear' && coordinates !== 'half_pixel') return `it is linear with ${declared} coordinates`;
  const common = { kind: 'resize', nodes: [node], input: node.inputs[0]!, output: node.outputs[0]! } as const;
  if (mode === 'linear') return [{ ...common, resize: { mode, scale } }];
  const rounding = roundings[stated];
  if (rounding === undefined) return `its nearest_mode is ${stated}`;
  return [{ ...common, resize: { mode, coordinates, rounding, scale } }];
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
