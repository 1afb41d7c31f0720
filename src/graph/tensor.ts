/**
 * Constant data. A tensor is a type, a shape and a view of little-endian bytes; the bytes of a model's weights are
 * views of the file it was read from and are never copied until a pass changes them.
 */

/** The element types of ONNX that dlakit knows, by ONNX's names in lower case. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string';

export interface Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Little-endian elements, C order. Length is exactly elements × size. Empty for strings, which are not kept. */
  readonly bytes: Uint8Array;
}

export const elementSize: Readonly<Record<DataType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
  string: 0,
};

/** The number of elements of a shape; 1 for a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export function float32Tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  const data = values instanceof Float32Array ? values : Float32Array.from(values);
  return { dtype: 'float32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

export function int64Tensor(shape: readonly number[], values: readonly (number | bigint)[]): Tensor {
  const data = BigInt64Array.from(values, (value) => BigInt(value));
  return { dtype: 'int64', shape, bytes: new Uint8Array(data.buffer) };
}

/** Float32 elements, without a copy where the bytes are aligned. @throws TypeError when the tensor is not float32. */
export function float32Values(tensor: Tensor): Float32Array {
  if (tensor.dtype !== 'float32') throw new TypeError(`float32 tensor wanted, got ${tensor.dtype}`);
  const { bytes } = tensor;
  return bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    : new Float32Array(new Uint8Array(bytes).buffer);
}

/** Every element as a number, whatever the type. Integers beyond 2⁵³ lose bits; strings are refused. */
export function numbers(tensor: Tensor): number[] {
  const { bytes, dtype } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = elementSize[dtype];
  if (size === 0) throw new TypeError('a string tensor has no numbers');
  const read = readers[dtype as Exclude<DataType, 'string'>];
  return Array.from({ length: bytes.byteLength / size }, (_, index) => read(view, index * size));
}

const readers: Record<Exclude<DataType, 'string'>, (view: DataView, offset: number) => number> = {
  float32: (view, offset) => view.getFloat32(offset, true),
  float64: (view, offset) => view.getFloat64(offset, true),
  float16: (view, offset) => float16ToNumber(view.getUint16(offset, true)),
  bfloat16: (view, offset) => bfloat16ToNumber(view.getUint16(offset, true)),
  int8: (view, offset) => view.getInt8(offset),
  uint8: (view, offset) => view.getUint8(offset),
  int16: (view, offset) => view.getInt16(offset, true),
  uint16: (view, offset) => view.getUint16(offset, true),
  int32: (view, offset) => view.getInt32(offset, true),
  uint32: (view, offset) => view.getUint32(offset, true),
  int64: (view, offset) => Number(view.getBigInt64(offset, true)),
  uint64: (view, offset) => Number(view.getBigUint64(offset, true)),
  bool: (view, offset) => view.getUint8(offset),
};

/** IEEE 754 binary16 bits to a number. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const bfloat16Scratch = new DataView(new ArrayBuffer(4));
function bfloat16ToNumber(bits: number): number {
  bfloat16Scratch.setUint32(0, bits << 16, true);
  return bfloat16Scratch.getFloat32(0, true);
}
