/** TensorProto.DataType, both ways. */

import type { DataType } from '../base/data-type.ts';
import { fail, type Place } from '../base/errors.ts';

const numbersOfTypes: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const typesOfNumbers: ReadonlyMap<number, DataType> = new Map(
  Object.entries(numbersOfTypes).map(([type, number]) => [number, type as DataType]),
);

/** ONNX's number of a type, as `Cast` and TensorProto have it. */
export const dataTypeNumber = (type: DataType): number => numbersOfTypes[type];

/** The type of a number; undefined for types that dlakit does not know (complex, float8, 4-bit). */
export const dataTypeOf = (number: number): DataType | undefined => typesOfNumbers.get(number);

/** @throws onnx/dtype */
export function requireDataType(number: number | undefined, place: Place): DataType {
  const type = typesOfNumbers.get(number ?? 0);
  return type ?? fail('onnx/dtype', 'the data type is not one that dlakit reads', place, { actual: number ?? 'none' });
}
