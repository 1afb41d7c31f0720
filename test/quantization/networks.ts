/** Networks to quantize, their ranges, and what onnxruntime computes of them. */

import { Random } from '../../src/base/random.ts';
import type { Attribute, Graph } from '../../src/graph/graph.ts';
import { asFloat32, elementCount, float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { writeModel } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { everyOperator } from './quantizer.ts';

const int = (value: number): Attribute => ({ kind: 'int', value });
const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });

/** Operators before which a tensor lies in memory: activations run in the launch of what they follow. */
export const launches: ReadonlySet<string> = new Set([...everyOperator].filter((op) => op !== 'Relu'));

/** A block of every kind that quantization tools meet. */
export function blocks(): Graph {
  const b = new GraphBuilder('blocks', { seed: 12 });
  const x = b.input('x', [2, 3, 16, 16]);
  const stem = b.unary('Relu', b.conv(x, { channels: 16, kernel: 3, padding: 1, stride: 2 }));
  const deep = b.conv(b.unary('Relu', b.conv(stem, { channels: 16, kernel: 3, padding: 1 })), {
    channels: 16,
    kernel: 1,
  });
  const [sum = ''] = b.node('Add', [stem, deep], [[2, 16, 8, 8]]);
  const relu = b.unary('Relu', sum);
  const [pool = ''] = b.node('MaxPool', [relu], [[2, 16, 4, 4]], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) });
  const wise = b.unary('Relu', b.conv(pool, { channels: 16, kernel: 3, padding: 1, groups: 16 }));
  const [joined = ''] = b.node('Concat', [pool, wise], [[2, 32, 4, 4]], { axis: int(1) });
  const last = b.conv(joined, { channels: 8, kernel: 1 });
  b.output(last);
  return b.build();
}

export const inputOf = (graph: Graph, seed: number): Readonly<Record<string, Tensor>> => {
  const random = new Random(seed);
  return Object.fromEntries(
    graph.inputs.map((name) => {
      const shape = graph.values.get(name)!.shape as readonly number[];
      return [
        name,
        float32Tensor(
          shape,
          Float32Array.from({ length: elementCount(shape) }, () => random.between(-2, 2)),
        ),
      ];
    }),
  );
};

export async function onnxruntime(graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  const session = await (await nodeOnnxRuntime()).createSession(writeModel(graph), { optimise: false });
  const result = await session.run(feeds);
  await session.close();
  return asFloat32(result[graph.outputs[0]!]!);
}

/** Ranges that the network reaches on a few inputs, a little clipped as calibrators do. */
export async function measured(graph: Graph): Promise<ReadonlyMap<string, number>> {
  const values = [...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)];
  const session = await (await nodeOnnxRuntime()).createSession(
    writeModel({ ...graph, outputs: values.slice(graph.inputs.length) }),
    {
      optimise: false,
    },
  );
  const feeds = inputOf(graph, 1);
  const found = { ...feeds, ...(await session.run(feeds)) };
  await session.close();
  return new Map(
    values.map((value) => [value, Math.fround((0.9 * Math.max(...asFloat32(found[value]!).map(Math.abs))) / 127)]),
  );
}
