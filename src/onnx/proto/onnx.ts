/**
 * The part of ONNX's protobuf schema that dlakit reads and writes, as types and as one table of field numbers that the
 * decoder and the encoder share. Field numbers, names and enumeration values are facts of the format
 * (onnx/onnx.proto of the ONNX specification); everything not listed is skipped when read and not written.
 *
 * Two deliberate differences from generated code: tensor payloads stay views of the file (`Payload`), and int64 fields
 * are numbers, since dimensions and attributes beyond 2⁵³ mean "to the end" and nothing else.
 */

/** The undecoded wire bytes of a repeated scalar field: one chunk per packed run or single element. */
export type Payload = readonly Uint8Array[];

export interface ModelProto {
  readonly irVersion?: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly graph?: GraphProto;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly functions: readonly FunctionProto[];
}

/** An operator that the model defines itself, by nodes; known by domain, name and overload. */
export interface FunctionProto {
  readonly name?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** Attributes without a default. */
  readonly attribute: readonly string[];
  readonly node: readonly NodeProto[];
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly domain?: string;
  /** Attributes with their defaults. */
  readonly attributeProto: readonly AttributeProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly overload?: string;
}

export interface OperatorSetIdProto {
  readonly domain?: string;
  readonly version?: number;
}

export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name?: string;
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly sparseInitializer: readonly Uint8Array[];
}

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly attribute: readonly AttributeProto[];
  readonly domain?: string;
  /** Which of several functions of one name is meant. */
  readonly overload?: string;
}

export interface AttributeProto {
  readonly name?: string;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly Uint8Array[];
  readonly type?: number;
  readonly refAttrName?: string;
}

export interface TensorProto {
  readonly dims: readonly number[];
  readonly dataType?: number;
  readonly floatData: Payload;
  readonly int32Data: Payload;
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: Payload;
  readonly name?: string;
  readonly rawData?: Uint8Array;
  readonly doubleData: Payload;
  readonly uint64Data: Payload;
  readonly externalData: readonly StringStringEntryProto[];
  readonly dataLocation?: number;
}

interface StringStringEntryProto {
  readonly key?: string;
  readonly value?: string;
}

export interface ValueInfoProto {
  readonly name?: string;
  readonly type?: TypeProto;
}

interface TypeProto {
  /** Absent for sequences, maps and optionals. */
  readonly tensorType?: TensorTypeProto;
}

interface TensorTypeProto {
  readonly elemType?: number;
  readonly shape?: TensorShapeProto;
}

interface TensorShapeProto {
  readonly dim: readonly DimensionProto[];
}

interface DimensionProto {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

/** AttributeProto.AttributeType */
export const attributeType = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

/** TensorProto.DataLocation.EXTERNAL */
export const externalLocation = 1;

type ScalarKind = 'int32' | 'int64' | 'float' | 'string' | 'bytes' | 'payload';

export interface Field {
  readonly number: number;
  readonly name: string;
  readonly repeated: boolean;
  readonly type: ScalarKind | (() => Message<unknown>);
}

/** A message type; `T` ties the table to the interface it decodes to. */
export interface Message<T> {
  readonly name: string;
  readonly fields: ReadonlyMap<number, Field>;
  readonly of?: T;
}

type FieldSpec = readonly [number: number, type: Field['type'], repeated?: 'repeated'];

function message<T>(name: string, fields: { readonly [K in keyof Required<T>]: FieldSpec }): Message<T> {
  const entries = Object.entries<FieldSpec>(fields).map(([field, [number, type, repeated]]): [number, Field] => [
    number,
    { number, name: field, type, repeated: repeated !== undefined || type === 'payload' },
  ]);
  return { name, fields: new Map(entries.sort(([a], [b]) => a - b)) };
}

export const Model: Message<ModelProto> = message<ModelProto>('ModelProto', {
  irVersion: [1, 'int64'],
  producerName: [2, 'string'],
  producerVersion: [3, 'string'],
  graph: [7, () => Graph],
  opsetImport: [8, () => OperatorSetId, 'repeated'],
  functions: [25, () => FunctionMessage, 'repeated'],
});

const FunctionMessage: Message<FunctionProto> = message<FunctionProto>('FunctionProto', {
  name: [1, 'string'],
  input: [4, 'string', 'repeated'],
  output: [5, 'string', 'repeated'],
  attribute: [6, 'string', 'repeated'],
  node: [7, () => Node, 'repeated'],
  opsetImport: [9, () => OperatorSetId, 'repeated'],
  domain: [10, 'string'],
  attributeProto: [11, () => Attribute, 'repeated'],
  valueInfo: [12, () => ValueInfo, 'repeated'],
  overload: [13, 'string'],
});

const OperatorSetId = message<OperatorSetIdProto>('OperatorSetIdProto', {
  domain: [1, 'string'],
  version: [2, 'int64'],
});

const Graph: Message<GraphProto> = message<GraphProto>('GraphProto', {
  node: [1, () => Node, 'repeated'],
  name: [2, 'string'],
  initializer: [5, () => Tensor, 'repeated'],
  input: [11, () => ValueInfo, 'repeated'],
  output: [12, () => ValueInfo, 'repeated'],
  valueInfo: [13, () => ValueInfo, 'repeated'],
  sparseInitializer: [15, 'bytes', 'repeated'],
});

const Node: Message<NodeProto> = message<NodeProto>('NodeProto', {
  input: [1, 'string', 'repeated'],
  output: [2, 'string', 'repeated'],
  name: [3, 'string'],
  opType: [4, 'string'],
  attribute: [5, () => Attribute, 'repeated'],
  domain: [7, 'string'],
  overload: [8, 'string'],
});

const Attribute: Message<AttributeProto> = message<AttributeProto>('AttributeProto', {
  name: [1, 'string'],
  f: [2, 'float'],
  i: [3, 'int64'],
  s: [4, 'bytes'],
  t: [5, () => Tensor],
  g: [6, () => Graph],
  floats: [7, 'float', 'repeated'],
  ints: [8, 'int64', 'repeated'],
  strings: [9, 'bytes', 'repeated'],
  type: [20, 'int32'],
  refAttrName: [21, 'string'],
});

const Tensor = message<TensorProto>('TensorProto', {
  dims: [1, 'int64', 'repeated'],
  dataType: [2, 'int32'],
  floatData: [4, 'payload'],
  int32Data: [5, 'payload'],
  stringData: [6, 'bytes', 'repeated'],
  int64Data: [7, 'payload'],
  name: [8, 'string'],
  rawData: [9, 'bytes'],
  doubleData: [10, 'payload'],
  uint64Data: [11, 'payload'],
  externalData: [13, () => StringStringEntry, 'repeated'],
  dataLocation: [14, 'int32'],
});

const StringStringEntry = message<StringStringEntryProto>('StringStringEntryProto', {
  key: [1, 'string'],
  value: [2, 'string'],
});

const ValueInfo = message<ValueInfoProto>('ValueInfoProto', { name: [1, 'string'], type: [2, () => Type] });

const Type = message<TypeProto>('TypeProto', { tensorType: [1, () => TensorType] });

const TensorType = message<TensorTypeProto>('TypeProto.Tensor', {
  elemType: [1, 'int32'],
  shape: [2, () => TensorShape],
});

const TensorShape = message<TensorShapeProto>('TensorShapeProto', { dim: [1, () => Dimension, 'repeated'] });

const Dimension = message<DimensionProto>('TensorShapeProto.Dimension', {
  dimValue: [1, 'int64'],
  dimParam: [2, 'string'],
});
