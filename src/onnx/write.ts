/**
 * A Graph to an ONNX file that onnxruntime accepts. Constants become initializers with raw data; constants that nothing
 * reads are left out. Equal graphs give equal bytes: no time, no tool version.
 */

import { fail } from '../base/errors.ts';
import { type Attribute, type Graph, type Node, readsOf, type ValueType } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import { dataTypeNumber } from './data-type.ts';
import { encode } from './proto/encode.ts';
import {
  type AttributeProto,
  attributeType,
  type GraphProto,
  Model,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto/onnx.ts';

/**
 * The bytes of the model.
 *
 * @throws onnx/dtype for string constants, whose elements a Graph does not keep; onnx/too-large beyond 2 GiB
 */
export function writeModel(graph: Graph): Uint8Array {
  const domains = Object.entries(graph.opsets).sort(([a], [b]) => (a < b ? -1 : 1));
  const model: ModelProto = {
    irVersion: irVersion(graph.opsets[''] ?? 0),
    producerName: 'dlakit',
    graph: graphProto(graph),
    opsetImport: domains.map(([domain, version]) => ({ domain, version })),
    functions: [],
  };
  return encode(Model, model);
}

/**
 * The IR version that came with the opset (onnx/docs/Versioning.md), so that runtimes of the time read the file; at
 * least 4, the first in which an initializer need not be an input.
 */
function irVersion(opset: number): number {
  if (opset >= 25) return 13;
  if (opset >= 24) return 12;
  if (opset >= 23) return 11;
  if (opset >= 21) return 10;
  if (opset >= 19) return 9;
  if (opset >= 15) return 8;
  if (opset >= 12) return 7;
  if (opset >= 11) return 6;
  if (opset >= 10) return 5;
  return 4;
}

function graphProto(graph: Graph): GraphProto {
  const read = new Set([...graph.nodes.flatMap(readsOf), ...graph.outputs]);
  const ends = new Set([...graph.inputs, ...graph.outputs]);
  const between = graph.nodes.flatMap((node) => node.outputs).filter((name) => name !== '' && !ends.has(name));
  const described = (name: string): ValueInfoProto => valueInfo(name, graph.values.get(name));
  return {
    node: graph.nodes.map(nodeProto),
    name: graph.name,
    initializer: [...graph.constants]
      .filter(([name]) => read.has(name))
      .map(([name, tensor]) => tensorProto(tensor, name)),
    input: graph.inputs.map(described),
    output: graph.outputs.map(described),
    valueInfo: between.filter((name) => isStatic(graph.values.get(name))).map(described),
    sparseInitializer: [],
  };
}

const isStatic = (type: ValueType | undefined): boolean =>
  type?.shape?.every((dim) => typeof dim === 'number') ?? false;

function nodeProto(node: Node): NodeProto {
  return {
    input: node.inputs,
    output: node.outputs,
    name: node.name,
    opType: node.op,
    attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
    ...(node.domain !== '' && { domain: node.domain }),
  };
}

function attributeProto(name: string, attribute: Attribute): AttributeProto {
  const base = { name, type: attributeType[attribute.kind], floats: [], ints: [], strings: [] };
  switch (attribute.kind) {
    case 'int':
      return { ...base, i: attribute.value };
    case 'float':
      return { ...base, f: attribute.value };
    case 'string':
      return { ...base, s: utf8(attribute.value) };
    case 'ints':
      return { ...base, ints: attribute.value };
    case 'floats':
      return { ...base, floats: attribute.value };
    case 'strings':
      return { ...base, strings: attribute.value.map(utf8) };
    case 'tensor':
      return { ...base, t: tensorProto(attribute.value) };
    case 'graph':
      return { ...base, g: graphProto(attribute.value) };
  }
}

function tensorProto(tensor: Tensor, name?: string): TensorProto {
  if (tensor.dtype === 'string') {
    fail('onnx/dtype', 'string constants are not written', name === undefined ? {} : { value: name });
  }
  return {
    dims: tensor.shape,
    dataType: dataTypeNumber(tensor.dtype),
    ...(name !== undefined && { name }),
    rawData: tensor.bytes,
    floatData: [],
    int32Data: [],
    stringData: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    externalData: [],
  };
}

function valueInfo(name: string, type: ValueType | undefined): ValueInfoProto {
  if (type === undefined) return { name };
  const shape = type.shape?.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim }));
  return {
    name,
    type: { tensorType: { elemType: dataTypeNumber(type.dtype), ...(shape && { shape: { dim: shape } }) } },
  };
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
