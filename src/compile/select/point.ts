/** Operators of the single-point stage: element-wise operators, scales and shifts, and activations. */

import { sigmoid, tanh } from '../../base/elementary.ts';
import type { Graph, Node } from '../../graph/graph.ts';
import { isPerChannel } from '../../graph/operators/broadcast.ts';
import { batchNormalizationOf, clipBounds, leakySlope } from '../../graph/operators/point.ts';
import { lookupOf } from '../../graph/operators/read.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Shape4 } from '../../program/surface.ts';
import { type ChannelVector, noShape, type Point, plainPoint, surfaceShape } from '../operation.ts';
import type { Selection } from './select.ts';

const point = (node: Node, input: string, stage: Partial<Point>): Selection => [
  { kind: 'point', nodes: [node], input, output: node.outputs[0]!, point: { ...plainPoint, ...stage } },
];

const operators = { Add: 'add', Sum: 'add', Sub: 'sub', Mul: 'mul', Max: 'max', Min: 'min' } as const;

export function selectBinary(node: Node, graph: Graph): Selection {
  if (node.inputs.length !== 2) return `it has ${node.inputs.length} inputs`;
  const [a = '', b = ''] = node.inputs;
  const output = surfaceShape(graph, node.outputs[0] ?? '');
  if (output === undefined) return noShape;
  const constant = { a: graph.constants.has(a), b: graph.constants.has(b) };
  if (constant.a !== constant.b) return withConstant(node, graph, output, constant.a ? b : a, constant.a ? a : b);
  if (node.op === 'Div') return 'both operands of the division vary';
  const op = operators[node.op as keyof typeof operators];
  const shapes = { a: surfaceShape(graph, a), b: surfaceShape(graph, b) };
  if (shapes.a === undefined || shapes.b === undefined) return noShape;
  if (same(shapes.a, output) && fitsOperand(shapes.b, output)) return point(node, a, { operand: { op, value: b } });
  if (!same(shapes.b, output) || !fitsOperand(shapes.a, output))
    return 'its operands are broadcast otherwise than per channel';
  // The broadcast operand comes second: a − b is (−b) + a.
  if (op === 'sub') return point(node, b, { multiply: Float64Array.of(-1), operand: { op: 'add', value: a } });
  return point(node, b, { operand: { op, value: a } });
}

function withConstant(node: Node, graph: Graph, output: Shape4, x: string, c: string): Selection {
  const input = surfaceShape(graph, x);
  if (input === undefined) return noShape;
  if (!same(input, output)) return 'its constant makes the output larger than the input';
  const values = channelVector(graph, c, node.outputs[0]!);
  if (values === undefined) return 'its constant is not one number, nor one per channel';
  const constantFirst = node.inputs[0] === c;
  switch (node.op) {
    case 'Mul':
      return point(node, x, { multiply: values });
    case 'Div':
      return constantFirst ? 'it divides by a tensor' : point(node, x, { multiply: values.map((value) => 1 / value) });
    case 'Sub':
      return constantFirst
        ? point(node, x, { multiply: Float64Array.of(-1), add: values })
        : point(node, x, { add: values.map((value) => -value) });
    case 'Max':
    case 'Min': {
      const [bound] = values;
      if (bound === undefined || values.some((value) => value !== bound))
        return 'its constant differs between channels';
      return point(node, x, node.op === 'Max' ? { low: bound } : { high: bound });
    }
    default:
      return point(node, x, { add: values });
  }
}

export function selectBatchNormalization(node: Node, graph: Graph): Selection {
  const [x = '', ...names] = node.inputs;
  const input = surfaceShape(graph, x);
  if (input === undefined) return noShape;
  const { epsilon, training, perChannel } = batchNormalizationOf(node, lookupOf(graph));
  if (training || !perChannel || node.outputs.slice(1).some((name) => name !== '')) return 'it is in training mode';
  const tensors = names.slice(0, 4).map((name) => graph.constants.get(name));
  const [scale, bias, mean, variance] = tensors.map((tensor) => (tensor === undefined ? [] : numbers(tensor)));
  const channels = input[1];
  if ([scale, bias, mean, variance].some((values) => values?.length !== channels)) {
    return 'its statistics are not constants of one number per channel';
  }
  const multiply = new Float64Array(channels);
  const add = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    multiply[c] = scale![c]! / Math.sqrt(variance![c]! + epsilon);
    add[c] = bias![c]! - mean![c]! * multiply[c]!;
  }
  return point(node, x, { multiply, add });
}

export const selectRelu = (node: Node, graph: Graph): Selection => activation(node, graph, { low: 0 });

export function selectClip(node: Node, graph: Graph): Selection {
  const { min, max } = clipBounds(node, lookupOf(graph));
  if (min === 'run-time' || max === 'run-time') return 'its bounds are not constant numbers';
  // ONNX gives max where the bounds cross.
  return activation(node, graph, { low: Math.min(min, max), high: max });
}

export const selectLeakyRelu = (node: Node, graph: Graph): Selection =>
  activation(node, graph, { slope: Float64Array.of(leakySlope(node)) });

export function selectPRelu(node: Node, graph: Graph): Selection {
  const slope = channelVector(graph, node.inputs[1] ?? '', node.outputs[0] ?? '');
  if (slope === undefined) return 'its slope is not a constant of one number, nor of one per channel';
  return activation(node, graph, { slope });
}

const functions: Readonly<Record<string, (x: number) => number>> = { Sigmoid: sigmoid, Tanh: tanh, Abs: Math.abs };

export function selectTable(node: Node, graph: Graph): Selection {
  const [input = ''] = node.inputs;
  return activation(node, graph, { table: { input, evaluate: functions[node.op]!, operators: [node.op] } });
}

function activation(node: Node, graph: Graph, stage: Partial<Point>): Selection {
  const [input = ''] = node.inputs;
  return surfaceShape(graph, input) === undefined ? noShape : point(node, input, stage);
}

const same = (a: Shape4, b: Shape4): boolean => a.every((dim, axis) => dim === b[axis]);

const fitsOperand = (operand: Shape4, output: Shape4): boolean =>
  same(operand, output) || same(operand, [output[0], output[1], 1, 1]);

/** A constant that broadcasts as one number, or one per channel, of a value. */
function channelVector(graph: Graph, constant: string, value: string): ChannelVector | undefined {
  const tensor = graph.constants.get(constant);
  const shape = graph.values.get(value)?.shape;
  return tensor && shape && isPerChannel(tensor.shape, shape) ? Float64Array.from(numbers(tensor)) : undefined;
}
