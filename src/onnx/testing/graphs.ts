/** Small graphs for tests, and onnxruntime to hold them against. */

import * as ort from 'onnxruntime-node';
import type { DataType } from '../../base/data-type.ts';
import type { Attribute, Dim, Graph, Node, ValueType } from '../../graph/graph.ts';
import { elementCount, type Tensor } from '../../graph/tensor.ts';
import { withOutputs } from '../subgraph.ts';
import { writeModel } from '../write.ts';

export type Plain = number | string | readonly number[] | Attribute;

export const float = (value: number): Attribute => ({ kind: 'float', value });
export const floats = (value: readonly number[]): Attribute => ({ kind: 'floats', value });
export const tensorAttribute = (value: Tensor): Attribute => ({ kind: 'tensor', value });

/** A node named after its first output; whole numbers become int attributes. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Plain>> = {},
): Node {
  const name = `${op}_${outputs[0]}`;
  const entries = Object.entries(attributes).map(([key, value]): [string, Attribute] => [key, attribute(value)]);
  return { name, op, domain: '', inputs, outputs, attributes: Object.fromEntries(entries), origin: [name] };
}

function attribute(value: Plain): Attribute {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  return 'kind' in value ? value : { kind: 'ints', value };
}

export interface GraphSpec {
  readonly opset?: number;
  /** Float32 unless a type is given. */
  readonly inputs?: Readonly<Record<string, readonly Dim[] | ValueType>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[];
}

export function graphOf(nodes: readonly Node[], spec: GraphSpec): Graph {
  const values = new Map<string, ValueType>();
  for (const [name, type] of Object.entries(spec.inputs ?? {})) {
    values.set(name, 'dtype' in type ? type : { dtype: 'float32', shape: type });
  }
  const constants = new Map(Object.entries(spec.constants ?? {}));
  for (const [name, { dtype, shape }] of constants) values.set(name, { dtype, shape });
  return {
    name: 'test',
    opsets: { '': spec.opset ?? 17 },
    inputs: Object.keys(spec.inputs ?? {}),
    outputs: spec.outputs,
    nodes,
    constants,
    values,
  };
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  float16: Uint16Array,
} as const;

/** Runs a model with every optimisation off. */
export async function runModel(
  model: Uint8Array,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Tensor>>> {
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  try {
    const given = Object.entries(feeds).map(([name, { dtype, shape, bytes }]) => {
      const data = new arrays[dtype as keyof typeof arrays](bytes.slice().buffer);
      return [name, new ort.Tensor(dtype as 'float32', data as Float32Array, shape)] as const;
    });
    const results = await session.run(Object.fromEntries(given));
    return Object.fromEntries(
      Object.entries(results).map(([name, result]) => {
        const data = result.data as Float32Array;
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
        return [name, { dtype: result.type as DataType, shape: result.dims, bytes }];
      }),
    );
  } finally {
    await session.release();
  }
}

/** Runs a graph and gives every value that its nodes compute. */
export const runEveryValue = (
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Tensor>>> => {
  const computed = graph.nodes.flatMap((each) => each.outputs).filter((name) => name !== '');
  return runModel(writeModel(withOutputs(graph, computed)), feeds);
};

/** Reproducible values in [−1, 1). */
export function pattern(shape: readonly number[]): Tensor {
  const data = Float32Array.from(
    { length: elementCount(shape) },
    (_, index) => ((Math.imul(index + 1, 0x9e3779b1) >>> 8) % 2000) / 1000 - 1,
  );
  return { dtype: 'float32', shape, bytes: new Uint8Array(data.buffer) };
}
