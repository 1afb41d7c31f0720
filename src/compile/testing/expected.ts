/**
 * What a compiled network must give, worked out from the ONNX graph and the scales alone: no surfaces, no quantized constants, no code
 * of the compiler or the engines. Only which nodes share a launch is taken from the Program (`grouping`), because what lies between
 * them is not rounded. Slow, in loops and plain arithmetic, for small networks.
 */

import { type Graph, type Node, staticShape } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Program } from '../../program/program.ts';
import type { Integers } from './run-program.ts';

type Shape = readonly number[];

const f32 = Math.fround;

/** The nearest integer, ties away from zero, by comparing the two neighbours. */
export function nearestAway(x: number): number {
  const below = Math.floor(x);
  const above = Math.ceil(x);
  if (x - below === above - x) return x < 0 ? below : above;
  return x - below < above - x ? below : above;
}

const int8 = (x: number): number => Math.max(-128, Math.min(127, nearestAway(x)));

/** Node name → name of the last node of its launch. */
export function grouping(program: Program): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const layer of program.layers) for (const node of layer.origin) groups.set(node, layer.origin.at(-1)!);
  return groups;
}

/** @returns every value that is rounded to int8 */
export function expected(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  groups: ReadonlyMap<string, string>,
  inputs: Integers,
): Integers {
  const integers = new Map(inputs);
  const shapeOf = (value: string): Shape => {
    const shape = staticShape(graph, value)!;
    return shape.length === 2 ? [...shape, 1, 1] : shape;
  };
  const scaleOf = (value: string) => scales.get(value)!;
  const attribute = (node: Node, name: string): readonly number[] | undefined => {
    const found = node.attributes[name];
    return found?.kind === 'ints'
      ? found.value
      : found?.kind === 'int' || found?.kind === 'float'
        ? [found.value]
        : undefined;
  };
  const constantOf = (value: string | undefined): number[] | undefined => {
    const tensor = graph.constants.get(value ?? '');
    return tensor && numbers(tensor);
  };

  const membersOf = (node: Node) => {
    const group = groups.get(node.name) ?? node.name;
    return graph.nodes.filter((other) => (groups.get(other.name) ?? other.name) === group);
  };

  /** float32 numbers of a value in units of `step`, before rounding. */
  const reals = new Map<string, number[]>();

  for (const [index, node] of graph.nodes.entries()) {
    const group = groups.get(node.name) ?? node.name;
    const members = membersOf(node);
    const last = node === members.at(-1);
    const tail = members.find((member) => ['Sigmoid', 'Tanh', 'Abs'].includes(member.op));
    const pooled = members.find((member, at) => at > 0 && member.op === 'MaxPool');
    // The step of the single-point stage: what it rounds to.
    const rounded = tail?.inputs[0] ?? (pooled ?? members.at(-1)!).outputs[0]!;
    const step = scaleOf(rounded);
    const gate = node.op === 'Mul' && members.some((member) => member.op === 'Sigmoid');
    if (node === tail && !gate) {
      const quantized = (node === members[0] ? [...integers.get(node.inputs[0]!)!] : reals.get(node.inputs[0]!)!).map(
        int8,
      );
      const silu = graph.nodes[index + 1];
      const gated = silu !== undefined && silu.op === 'Mul' && groups.get(silu.name) === group;
      const output = gated ? silu.outputs[0]! : node.outputs[0]!;
      const table = (q: number) => {
        const x = q * step;
        const y = { Sigmoid: 1 / (1 + Math.exp(-x)), Tanh: Math.tanh(x), Abs: Math.abs(x) }[node.op]!;
        return int8((gated ? x * y : y) / scaleOf(output));
      };
      integers.set(output, Int32Array.from(quantized, table));
      continue;
    }
    if (gate && tail) continue;
    const result = evaluate(node, step);
    if (result !== undefined) {
      reals.set(node.outputs[0]!, result);
      if (last) integers.set(node.outputs[0]!, Int32Array.from(result, int8));
    }
    if (last) reals.delete(node.outputs[0]!);
  }
  return integers;

  /** The input of a node as float32 numbers in units of `step`. */
  function operand(value: string, step: number): number[] {
    const pending = reals.get(value);
    if (pending !== undefined) return pending;
    const factor = f32(scaleOf(value) / step);
    return Array.from(integers.get(value)!, (q) => f32(q * factor));
  }

  function evaluate(node: Node, step: number): number[] | undefined {
    const [a = '', b = ''] = node.inputs;
    const output = node.outputs[0]!;
    const [, channels = 1, height = 1, width = 1] = shapeOf(output);
    const plane = height * width;
    const channelOf = (index: number) => Math.floor(index / plane) % channels;
    switch (node.op) {
      case 'Conv':
      case 'ConvTranspose':
        return convolution(node, step);
      case 'Relu':
        return operand(a, step).map((t) => Math.max(t, 0));
      case 'LeakyRelu': {
        const slope = f32(attribute(node, 'alpha')![0]!);
        return operand(a, step).map((t) => (t < 0 ? f32(t * slope) : t));
      }
      case 'PRelu': {
        const slope = constantOf(b)!;
        return operand(a, step).map((t, i) => (t < 0 ? f32(t * f32(slope[channelOf(i) % slope.length]!)) : t));
      }
      case 'Clip': {
        // The bounds of the stage are integers.
        const [low, high] = [constantOf(b)![0]!, constantOf(node.inputs[2])![0]!].map((bound) => int8(bound / step));
        return operand(a, step).map((t) => Math.min(Math.max(nearestAway(t), low!), high!));
      }
      case 'Add':
      case 'Sub':
      case 'Mul':
      case 'Max':
      case 'Min':
        return binary(node, step, channelOf);
      case 'MaxPool':
      case 'AveragePool':
      case 'GlobalAveragePool':
        return pooling(node);
      case 'Concat':
        return concat(node);
      case 'Split':
        split(node);
        return undefined;
      case 'Resize':
        return nearest(node);
      case 'Reshape':
      case 'Flatten':
        return requantized(a, output);
      default:
        throw new Error(`${node.op} has no expected value`);
    }
  }

  function requantized(value: string, output: string): number[] {
    const data = integers.get(value)!;
    if (scaleOf(value) === scaleOf(output)) return [...data];
    const factor = f32(scaleOf(value) / scaleOf(output));
    return Array.from(data, (q) => int8(f32(q * factor)));
  }

  function binary(node: Node, step: number, channelOf: (index: number) => number): number[] {
    const [a = '', b = ''] = node.inputs;
    const constant = constantOf(b);
    if (constant !== undefined) {
      const at = (index: number) => constant[channelOf(index) % constant.length]!;
      const data = integers.get(a)!;
      return Array.from(data, (q, i) => {
        if (node.op === 'Mul') return f32(q * f32((scaleOf(a) * at(i)) / step));
        return f32(f32(q * f32(scaleOf(a) / step)) + f32(at(i) / step));
      });
    }
    const small = shapeOf(b)[2] === 1 && shapeOf(b)[3] === 1;
    const plane = shapeOf(a)[2]! * shapeOf(a)[3]!;
    if (node.op === 'Mul' && (reals.has(a) || reals.has(b))) {
      const [pending, data] = reals.has(a) ? [reals.get(a)!, integers.get(b)!] : [reals.get(b)!, integers.get(a)!];
      return pending.map((t, i) => f32(t * data[small ? Math.floor(i / plane) : i]!));
    }
    if (node.op === 'Mul') {
      const factor = f32((scaleOf(a) * scaleOf(b)) / step);
      const other = integers.get(b)!;
      return Array.from(integers.get(a)!, (q, i) => f32(f32(q * factor) * other[small ? Math.floor(i / plane) : i]!));
    }
    const [x, y] = [operand(a, step), operand(b, step)];
    return x.map((t, i) => {
      const u = y[small ? Math.floor(i / plane) : i]!;
      return { Add: f32(t + u), Sub: f32(t - u), Max: Math.max(t, u), Min: Math.min(t, u) }[node.op]!;
    });
  }

  function convolution(node: Node, step: number): number[] {
    const [x = '', w = '', b = ''] = node.inputs;
    const transposed = node.op === 'ConvTranspose';
    const [batch = 1, c = 1, h = 1, width = 1] = shapeOf(x);
    const [, k = 1, oh = 1, ow = 1] = shapeOf(node.outputs[0]!);
    const weights = constantOf(w)!;
    const [outer = 1, inner = 1, r = 1, s = 1] = graph.constants.get(w)!.shape;
    const groups = attribute(node, 'group')?.[0] ?? 1;
    const [down = 1, across = 1] = attribute(node, 'strides') ?? [];
    const [dy = 1, dx = 1] = attribute(node, 'dilations') ?? [];
    const [top = 0, left = 0] = attribute(node, 'pads') ?? [];
    const data = integers.get(x)!;
    const bias = constantOf(b);
    // A product in the same launch: the scale of its other operand is part of the factor.
    const product = membersOf(node).find(
      ({ op, inputs }) => op === 'Mul' && !inputs.some((name) => graph.constants.has(name)),
    );
    const other = product?.inputs.find((name) => integers.has(name));
    const boost = other === undefined ? 1 : scaleOf(other);
    const result: number[] = Array(batch * k * oh * ow).fill(0);
    const weight = (kernel: number, channel: number, y: number, z: number) =>
      weights[((transposed ? channel * inner + kernel : kernel * inner + channel) * r + y) * s + z]!;
    for (let kernel = 0; kernel < k; kernel++) {
      const depth = transposed ? outer : inner;
      let largest = 0;
      for (let ch = 0; ch < depth; ch++) {
        for (let y = 0; y < r; y++)
          for (let z = 0; z < s; z++) largest = Math.max(largest, Math.abs(weight(kernel, ch, y, z)));
      }
      const real = bias?.[kernel] ?? 0;
      const scale = Math.max(f32(largest / 127), f32(Math.abs(real) / (2 ** 30 * scaleOf(x))));
      const offset = nearestAway(real / (scaleOf(x) * scale));
      const factor = f32((scaleOf(x) * scale * boost) / step);
      const first = transposed ? 0 : Math.floor(kernel / (k / groups)) * inner;
      for (let n = 0; n < batch; n++) {
        for (let y = 0; y < oh; y++) {
          for (let z = 0; z < ow; z++) {
            let sum = offset;
            for (let ch = 0; ch < depth; ch++) {
              for (let i = 0; i < r; i++) {
                for (let j = 0; j < s; j++) {
                  let [iy, ix] = [y * down + i * dy - top, z * across + j * dx - left];
                  if (transposed) {
                    [iy, ix] = [(y + top - i * dy) / down, (z + left - j * dx) / across];
                    if (!Number.isInteger(iy) || !Number.isInteger(ix)) continue;
                  }
                  if (iy < 0 || ix < 0 || iy >= h || ix >= width) continue;
                  const q = nearestAway(weight(kernel, ch, i, j) / scale);
                  sum += q * data[((n * c + first + ch) * h + iy) * width + ix]!;
                }
              }
            }
            result[((n * k + kernel) * oh + y) * ow + z] = f32(f32(sum) * factor);
          }
        }
      }
    }
    return result;
  }

  function pooling(node: Node): number[] {
    const [a = ''] = node.inputs;
    const [batch = 1, c = 1, h = 1, w = 1] = shapeOf(a);
    const [, , oh = 1, ow = 1] = shapeOf(node.outputs[0]!);
    const global = node.op === 'GlobalAveragePool';
    const [r = h, s = w] = global ? [h, w] : (attribute(node, 'kernel_shape') ?? []);
    const [down = 1, across = 1] = attribute(node, 'strides') ?? [];
    const [top = 0, left = 0] = attribute(node, 'pads') ?? [];
    const whole = attribute(node, 'count_include_pad')?.[0] === 1;
    const data = integers.has(a) ? requantized(a, node.outputs[0]!) : reals.get(a)!.map(int8);
    const result: number[] = [];
    for (let plane = 0; plane < batch * c; plane++) {
      for (let y = 0; y < oh; y++) {
        for (let x = 0; x < ow; x++) {
          const cells: number[] = [];
          for (let i = 0; i < r; i++) {
            for (let j = 0; j < s; j++) {
              const [iy, ix] = [y * down + i - top, x * across + j - left];
              if (iy >= 0 && ix >= 0 && iy < h && ix < w) cells.push(data[(plane * h + iy) * w + ix]!);
            }
          }
          const sum = cells.reduce((total, value) => total + value, 0);
          const count = whole ? r * s : cells.length;
          result.push(node.op === 'MaxPool' ? Math.max(...cells) : int8(f32(sum * f32(1 / count))));
        }
      }
    }
    return result;
  }

  function concat(node: Node): number[] {
    const output = node.outputs[0]!;
    const [batch = 1] = shapeOf(output);
    const parts = node.inputs.map((value) => requantized(value, output));
    return Array.from({ length: batch }, (_, n) =>
      parts.flatMap((part) => part.slice((n * part.length) / batch, ((n + 1) * part.length) / batch)),
    ).flat();
  }

  function split(node: Node): void {
    const [a = ''] = node.inputs;
    const [batch = 1, c = 1, h = 1, w = 1] = shapeOf(a);
    let from = 0;
    for (const output of node.outputs) {
      const data = requantized(a, output);
      const channels = shapeOf(output)[1]!;
      const picked = Array.from({ length: batch }, (_, n) =>
        data.slice((n * c + from) * h * w, (n * c + from + channels) * h * w),
      );
      integers.set(output, Int32Array.from(picked.flat()));
      from += channels;
    }
  }

  function nearest(node: Node): number[] {
    const [a = ''] = node.inputs;
    const [, c = 1, h = 1, w = 1] = shapeOf(a);
    const [batch = 1, , oh = 1, ow = 1] = shapeOf(node.outputs[0]!);
    const data = requantized(a, node.outputs[0]!);
    const result: number[] = [];
    for (let plane = 0; plane < batch * c; plane++) {
      for (let y = 0; y < oh; y++) {
        for (let x = 0; x < ow; x++) {
          result.push(data[(plane * h + Math.floor((y * h) / oh)) * w + Math.floor((x * w) / ow)]!);
        }
      }
    }
    return result;
  }
}
