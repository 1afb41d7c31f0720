/** ONNX files made by hand, message by message, right and wrong. */

import { encode } from '../proto/encode.ts';
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  Model,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../proto/onnx.ts';

export const tensorProto = (fields: Partial<TensorProto>): TensorProto => ({
  dims: [],
  floatData: [],
  int32Data: [],
  stringData: [],
  int64Data: [],
  doubleData: [],
  uint64Data: [],
  externalData: [],
  ...fields,
});

export const attributeProto = (name: string, fields: Partial<AttributeProto>): AttributeProto => ({
  name,
  floats: [],
  ints: [],
  strings: [],
  ...fields,
});

export const nodeProto = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  fields: Partial<NodeProto> = {},
): NodeProto => ({ opType, input, output, attribute: [], ...fields });

export const valueInfo = (
  name: string,
  dims: readonly (number | string | undefined)[],
  elemType = 1,
): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: {
        dim: dims.map((dim) =>
          dim === undefined ? {} : typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim },
        ),
      },
    },
  },
});

export const graphProto = (fields: Partial<GraphProto>): GraphProto => ({
  node: [],
  initializer: [],
  input: [],
  output: [],
  valueInfo: [],
  sparseInitializer: [],
  ...fields,
});

export const functionProto = (name: string, fields: Partial<FunctionProto>): FunctionProto => ({
  name,
  domain: 'local',
  input: [],
  output: [],
  attribute: [],
  node: [],
  opsetImport: [{ version: 17 }],
  attributeProto: [],
  valueInfo: [],
  ...fields,
});

/** x → Relu → y unless the graph says otherwise. */
export const modelFile = (graph: Partial<GraphProto> = {}, model: Partial<ModelProto> = {}): Uint8Array =>
  encode(Model, {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    functions: [],
    graph: graphProto({
      node: [nodeProto('Relu', ['x'], ['y'])],
      input: [valueInfo('x', [1, 3])],
      output: [valueInfo('y', [1, 3])],
      ...graph,
    }),
    ...model,
  });

/** The wire form of packed varints. */
export function varints(values: readonly (number | bigint)[]): Uint8Array {
  const bytes: number[] = [];
  for (const value of values) {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    bytes.push(Number(rest));
  }
  return Uint8Array.from(bytes);
}
