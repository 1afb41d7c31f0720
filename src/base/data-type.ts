/** The element types of tensors, and how their elements lie in memory: the one table that everything else asks. */

/** ONNX's element types that dlakit knows, by ONNX's names in lower case. */
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

/**
 * The typed array whose elements are those of a tensor. The 16-bit floats, for which JavaScript has no array everywhere, are
 * seen as their bits, and a bool as its byte. Strings are not kept and have no elements.
 */
export const typedArrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** What a DLA computes a network in. */
export type Precision = 'int8' | 'float16';

/** Precisions by the names that users and TensorRT give them: flags, formats, JSON and text. */
export const precisionNames = ['int8', 'fp16'] as const;
export type PrecisionName = (typeof precisionNames)[number];

export const precisionName = (precision: Precision): PrecisionName => (precision === 'float16' ? 'fp16' : precision);
export const precisionNamed = (name: PrecisionName): Precision => (name === 'fp16' ? 'float16' : name);

/** Bytes of one element; 0 for strings. */
export const elementSize: Readonly<Record<DataType, number>> = {
  ...(Object.fromEntries(
    Object.entries(typedArrays).map(([dtype, array]) => [dtype, array.BYTES_PER_ELEMENT]),
  ) as Record<keyof typeof typedArrays, number>),
  string: 0,
};

/** A typed array over little-endian bytes, without a copy where they are aligned in memory of their own. */
export function typedArray<Type extends keyof typeof typedArrays>(
  dtype: Type,
  bytes: Uint8Array,
): InstanceType<(typeof typedArrays)[Type]> {
  const array = typedArrays[dtype];
  const own = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  const length = Math.floor(own.byteLength / array.BYTES_PER_ELEMENT);
  return new array(own.buffer as ArrayBuffer, own.byteOffset, length) as InstanceType<(typeof typedArrays)[Type]>;
}
