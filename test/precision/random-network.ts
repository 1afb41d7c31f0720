/** Random networks of every operator that has an engine on orin, with what onnxruntime computes of them in FP32. */

import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { elementCount, float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { float, GraphBuilder, int } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { ortRuntime } from '../../src/quantize/testing/ort-runtime.ts';

export interface RandomNetwork {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly random: Random;
}

/** @param steps operators, each on one of the results so far */
export function randomNetwork(seed: number, steps: number): RandomNetwork {
  const random = new Random(seed);
  const b = new GraphBuilder(`random-${seed}`, { seed });
  const integer = (low: number, high: number) => Math.floor(random.between(low, high + 1));
  const channels = random.pick([1, 3, 4, 7, 16, 24, 33]);
  const values = [b.input('x', [integer(1, 2), channels, integer(6, 9), integer(6, 9)])];
  const sameShape = (x: string) => values.filter((other) => `${b.shape(other)}` === `${b.shape(x)}`);
  for (let step = 0; step < steps; step++) {
    const x = random.pick(values.slice(-3));
    const [, c = 1, h = 1, w = 1] = b.shape(x);
    const kernel = Math.min(random.pick([1, 3]), h, w);
    const makers: (() => string)[] = [
      () => b.conv(x, { channels: integer(1, 40), kernel, padding: kernel >> 1, bias: true }),
      () => b.conv(x, { channels: c, kernel, padding: kernel >> 1, groups: c }),
      () => b.relu(b.conv(x, { channels: integer(1, 40), kernel, stride: 1 + integer(0, 1), padding: kernel >> 1 })),
      () => b.convTranspose(x, { channels: integer(1, 20), kernel: 2, stride: 2 }),
      () => b.relu(x),
      () => b.clip(x, 0, random.pick([1, 6])),
      () => b.unary('LeakyRelu', x, { alpha: float(0.1) }),
      () => b.unary(random.pick(['Sigmoid', 'Tanh', 'Abs']), x),
      () => b.unary('Softmax', x, { axis: int(integer(1, 3)) }),
      () => b.unary('LRN', x, { size: int(random.pick([3, 5])), alpha: float(0.1) }),
      () => b.binary(random.pick(['Add', 'Mul', 'Sub', 'Max', 'Min']), x, random.pick(sameShape(x))),
      () => b.binary('Mul', x, b.globalAveragePool(x)),
      () => b.maxPool(x, { kernel: 2, stride: random.pick([1, 2]) }),
      () => b.averagePool(x, { kernel: 2, stride: random.pick([1, 2]) }),
      () => b.concat([x, ...sameShape(x).slice(0, 2)]),
      () => b.split(x, c > 1 ? [integer(1, c - 1), 0].map((part, _, [first]) => part || c - first!) : [c])[0]!,
      () => b.resize(x, [2, 2], random.pick(['nearest', 'linear'])),
    ];
    const large = h * w * c > 6000 || h < 3 || w < 3;
    values.push(large ? makers[random.pick([0, 4, 5, 6, 7])]!() : random.pick(makers)());
  }
  b.output(values.at(-1)!, ...(random.pick([true, false]) ? [values.at(-2)!] : []));
  const graph = b.build();
  const shape = graph.values.get('x')!.shape as readonly number[];
  const data = Float32Array.from({ length: elementCount(shape) }, () => random.between(-2, 2));
  return { graph, inputs: { x: float32Tensor(shape, data) }, random };
}

/** Every value of a graph as onnxruntime computes it in FP32. */
export async function realValues(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const outputs = [...new Set(graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '')))];
  const session = await ortRuntime.createSession(writeModel({ ...graph, outputs }), { optimise: false });
  const results = await session.run(inputs);
  await session.close();
  return new Map([
    ...outputs.map((name) => [name, float32Values(results[name]!)] as const),
    ['x', float32Values(inputs.x!)],
  ]);
}

/** Decibels of a signal over what another differs from it. */
export function signalToNoise(wanted: Float32Array, found: Float32Array): number {
  let signal = 0;
  let noise = 0;
  for (const [index, value] of wanted.entries()) {
    signal += value ** 2;
    noise += (value - found[index]!) ** 2;
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}
