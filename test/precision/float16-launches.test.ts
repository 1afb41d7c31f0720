/**
 * FP16 launches of every operator against onnxruntime in float32, on inputs and constants that binary16 has: what differs is the
 * arithmetic alone. A sum of n products may be 1 binary16 unit in the last place and n · 2⁻²⁴ · Σ|x·w| away, a table 2 units; what
 * only moves or selects numbers is equal.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float16Bits, float16Value } from '../../src/base/float16.ts';
import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { asFloat32, elementCount, float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { compile, type Device, openDevice, prepare, run } from '../../src/index.ts';
import { float, GraphBuilder, int } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { ortRuntime } from '../../src/quantize/testing/ort-runtime.ts';
import { seed } from '../seed.ts';

/** `products`: how many a result sums, of numbers that are all made positive for the bound. */
interface Bound {
  readonly units: number;
  readonly products?: number;
}

interface Case {
  readonly name: string;
  readonly bound: Bound;
  /** Adds the operator to the network and gives its result. */
  readonly make: (b: GraphBuilder, x: string, random: Random) => string;
  readonly channels?: number;
}

const moved: Bound = { units: 0 };
const point: Bound = { units: 1, products: 2 };
const table: Bound = { units: 2 };
const sum = (products: number): Bound => ({ units: 1, products });

const second = (b: GraphBuilder, x: string): string => b.input('y', b.shape(x));

const cases: readonly Case[] = [
  {
    name: 'Conv 3×3',
    bound: sum(9 * 24 + 1),
    make: (b, x) => b.conv(x, { channels: 40, kernel: 3, padding: 1, bias: true }),
  },
  { name: 'Conv 1×1', bound: sum(25), make: (b, x) => b.conv(x, { channels: 19, kernel: 1, bias: true }) },
  {
    name: 'Conv with strides and dilations',
    bound: sum(9 * 24 + 1),
    make: (b, x) => b.conv(x, { channels: 8, kernel: 3, stride: 2, dilation: 2, padding: 2, bias: true }),
  },
  {
    name: 'Conv of an image',
    channels: 3,
    bound: sum(49 * 3 + 1),
    make: (b, x) => b.conv(x, { channels: 16, kernel: 7, stride: 2, padding: 3, bias: true }),
  },
  {
    name: 'Conv of many channels',
    channels: 700,
    bound: sum(701),
    make: (b, x) => b.conv(x, { channels: 9, kernel: 1, bias: true }),
  },
  {
    name: 'grouped Conv',
    bound: sum(9 * 4 + 1),
    make: (b, x) => b.conv(x, { channels: 36, kernel: 3, padding: 1, groups: 6, bias: true }),
  },
  {
    name: 'depthwise Conv',
    bound: sum(26),
    make: (b, x) => b.conv(x, { channels: 24, kernel: 5, padding: 2, groups: 24, bias: true }),
  },
  {
    name: 'ConvTranspose',
    bound: sum(24 * 4 + 1),
    make: (b, x) => b.convTranspose(x, { channels: 11, kernel: 3, stride: 2, bias: true }),
  },
  {
    name: 'Conv, Relu',
    bound: sum(9 * 24 + 1),
    make: (b, x) => b.relu(b.conv(x, { channels: 8, kernel: 3, bias: true })),
  },
  {
    name: 'Conv, Add',
    bound: sum(25),
    make: (b, x) => b.add(b.conv(x, { channels: 24, kernel: 1, bias: true }), second(b, x)),
  },
  { name: 'Gemm', bound: sum(24 * 81 + 1), make: (b, x) => b.gemm(b.flatten(x), 10) },
  { name: 'MaxPool', bound: moved, make: (b, x) => b.maxPool(x, { kernel: 3, stride: 2, padding: 1 }) },
  {
    name: 'AveragePool',
    bound: sum(9),
    make: (b, x) => b.averagePool(x, { kernel: 3, stride: 2, padding: 1, countPadding: true }),
  },
  { name: 'AveragePool 8×8', bound: sum(64), make: (b, x) => b.averagePool(x, { kernel: 8 }) },
  { name: 'Add', bound: point, make: (b, x) => b.add(x, second(b, x)) },
  { name: 'Sum', bound: point, make: (b, x) => b.node('Sum', [x, second(b, x)], [b.shape(x)])[0]! },
  {
    name: 'PRelu',
    bound: point,
    make: (b, x) =>
      b.node(
        'PRelu',
        [x, b.constant('slope', float32Tensor([24, 1, 1], new Float32Array(24).fill(0.25)))],
        [b.shape(x)],
      )[0]!,
  },
  { name: 'Sub', bound: point, make: (b, x) => b.binary('Sub', x, second(b, x)) },
  { name: 'Mul', bound: point, make: (b, x) => b.binary('Mul', x, second(b, x)) },
  { name: 'Max', bound: moved, make: (b, x) => b.binary('Max', x, second(b, x)) },
  { name: 'Min', bound: moved, make: (b, x) => b.binary('Min', x, second(b, x)) },
  { name: 'Mul by a channel', bound: point, make: (b, x) => b.binary('Mul', x, b.input('y', [1, 24, 1, 1])) },
  { name: 'Relu', bound: moved, make: (b, x) => b.relu(x) },
  { name: 'Clip', bound: moved, make: (b, x) => b.clip(x, 0, 6) },
  { name: 'LeakyRelu', bound: point, make: (b, x) => b.unary('LeakyRelu', x, { alpha: float(0.1) }) },
  { name: 'BatchNormalization', bound: sum(4), make: (b, x) => b.batchNorm(x) },
  { name: 'Sigmoid', bound: table, make: (b, x) => b.unary('Sigmoid', x) },
  { name: 'Tanh', bound: table, make: (b, x) => b.unary('Tanh', x) },
  { name: 'Abs', bound: moved, make: (b, x) => b.unary('Abs', x) },
  // Onnxruntime's Sigmoid is a few 2⁻²⁴ off where it is nearly 0, and x times that is what it gives.
  { name: 'SiLU', bound: { units: 2, products: 4 }, make: (b, x) => b.binary('Mul', x, b.unary('Sigmoid', x)) },
  ...(['C', 'H', 'W'] as const).map((axis, index) => ({
    name: `Softmax along ${axis}`,
    bound: table,
    make: (b: GraphBuilder, x: string) => b.node('Softmax', [x], [b.shape(x)], { axis: int(index + 1) })[0]!,
  })),
  {
    name: 'Softmax of a vector',
    bound: table,
    channels: 8192,
    make: (b, x) =>
      b.node('Softmax', [b.maxPool(x, { kernel: 8, stride: 2 })], [[1, 8192, 1, 1]], { axis: int(1) })[0]!,
  },
  {
    name: 'LRN',
    bound: table,
    make: (b, x) => b.node('LRN', [x], [b.shape(x)], { size: int(5), alpha: float(0.01), beta: float(0.75) })[0]!,
  },
  {
    name: 'LRN over nine channels',
    bound: table,
    make: (b, x) => b.node('LRN', [x], [b.shape(x)], { size: int(9), alpha: float(2), bias: float(0.5) })[0]!,
  },
  { name: 'Concat', bound: moved, make: (b, x) => b.concat([x, second(b, x), x]) },
  { name: 'Split', bound: moved, make: (b, x) => b.split(x, [7, 17])[1]! },
  { name: 'nearest Resize', bound: moved, make: (b, x) => b.resize(x, [2, 3]) },
  { name: 'linear Resize', bound: sum(4), make: (b, x) => b.resize(x, [2, 4], 'linear') },
];

const half = (value: number): number => float16Value(float16Bits(value));

/** The same network with constants that binary16 has. */
const halved = (graph: Graph): Graph => ({ ...graph, constants: mapped(graph, half) });

function mapped(graph: Graph, change: (value: number) => number): ReadonlyMap<string, Tensor> {
  return new Map(
    [...graph.constants].map(([name, tensor]) => [
      name,
      tensor.dtype === 'float32' ? float32Tensor(tensor.shape, asFloat32(tensor).map(change)) : tensor,
    ]),
  );
}

type Feeds = Readonly<Record<string, Tensor>>;

async function onOnnxruntime(graph: Graph, feeds: Feeds): Promise<Float32Array> {
  const session = await ortRuntime.createSession(writeModel(graph), { optimise: false });
  const results = await session.run(feeds);
  await session.close();
  return float32Values(results[graph.outputs[0]!]!);
}

/** The distance of a binary16 number from the next. */
const unitAt = (value: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value) || 2 ** -14)), -14) - 10);

describe('FP16 on orin', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ target: 'orin' });
  });
  afterAll(() => device.close());

  it.each(cases)('$name is as near to float32 as binary16 allows', async ({ bound, make, channels = 24 }) => {
    for (let round = 0; round < 4; round++) {
      const random = new Random(seed + round);
      const b = new GraphBuilder('launch', { seed: seed + round });
      b.output(make(b, b.input('x', [1, channels, 9, 9]), random));
      const graph = halved(b.build());
      const reach = [0.01, 1, 4, 30][round]!;
      const feeds: Feeds = Object.fromEntries(
        graph.inputs.map((name) => {
          const shape = graph.values.get(name)!.shape as readonly number[];
          const data = Float32Array.from({ length: elementCount(shape) }, () => half(random.between(-reach, reach)));
          return [name, float32Tensor(shape, data)];
        }),
      );
      const wanted = await onOnnxruntime(graph, feeds);
      const { network } = compile(prepare(graph), { precision: 'fp16' });
      expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
      const { outputs } = await run(network, feeds, { device });
      const found = float32Values(outputs[graph.outputs[0]!]!);
      const { units, products = 0 } = bound;
      const sums = products > 0 ? await sumsOf(graph, feeds) : undefined;
      const wrong = [...wanted].flatMap((value, index) => {
        const most = units * unitAt(value) + products * 2 ** -24 * (sums?.[index] ?? 0);
        return Math.abs(found[index]! - value) <= most ? [] : [`${index}: ${found[index]}, not ${value} ± ${most}`];
      });
      expect(wrong.slice(0, 3)).toEqual([]);
      expect(found.length).toBe(wanted.length);
    }
  });
});

describe('An input in FP16', () => {
  it('gives the same in every format that it can be bound in', async () => {
    const b = new GraphBuilder('formats', { seed });
    b.output(b.conv(b.input('x', [2, 3, 9, 7]), { channels: 20, kernel: 3, stride: 2, padding: 1, bias: true }));
    const graph = b.build();
    const x = float32Tensor([2, 3, 9, 7], new Random(seed).symmetric(2 * 3 * 9 * 7, 4));
    for (const target of ['orin', 'xavier']) {
      const device = await openDevice({ target });
      const results = [];
      for (const inputFormat of ['dla_hwc4', 'dla_linear', 'chw16'] as const) {
        const { network } = compile(prepare(graph), { precision: 'fp16', target, inputFormat });
        const [segment] = network.plan.segments;
        if (segment?.kind !== 'dla') throw new Error('the network is one DLA segment');
        const { surfaces, inputs, outputs } = segment.program;
        expect([surfaces[inputs[0]!]!.format, surfaces[outputs[0]!]!.format]).toEqual([inputFormat, 'chw16']);
        results.push((await run(network, { x }, { device })).outputs);
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
      device.close();
    }
  });
});

/** What the result would be were every number in it positive: Σ|x·w|. Subtractions add. */
function sumsOf(graph: Graph, feeds: Feeds): Promise<Float32Array> {
  const positive = Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => [
      name,
      float32Tensor(tensor.shape, float32Values(tensor).map(Math.abs)),
    ]),
  );
  const nodes = graph.nodes.map((node) => (node.op === 'Sub' ? { ...node, op: 'Add' } : node));
  return onOnnxruntime({ ...graph, nodes, constants: mapped(graph, Math.abs) }, positive);
}
