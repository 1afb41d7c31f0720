/**
 * A TensorProto to a Tensor. ONNX stores elements as raw little-endian bytes, as packed typed fields (small integers
 * and 16-bit floats as varints), or in another file. Raw, float and double data need no conversion and stay views.
 */

import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type DataType, elementSize } from '../base/data-type.ts';
import { fail, type Place } from '../base/errors.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import { requireDataType } from './data-type.ts';
import { externalBytes, isExternal } from './external.ts';
import type { Payload, TensorProto } from './proto/onnx.ts';

const maxDimension = 2 ** 31 - 1;
const maxBytes = 2 ** 40;

/** @throws onnx/dtype, onnx/dimension, onnx/tensor-size, onnx/external-data */
export function readTensor(proto: TensorProto, place: Place, external?: ReadonlyMap<string, Uint8Array>): Tensor {
  const dtype = requireDataType(proto.dataType, place);
  const shape = readDimensions(proto.dims, place);
  const size = elementCount(shape) * elementSize[dtype];
  if (size > maxBytes) {
    const detail = { expected: `at most ${maxBytes} bytes`, actual: `${size} bytes ([${shape.join(', ')}])` };
    fail('onnx/dimension', 'the tensor is too large', place, detail);
  }
  if (dtype === 'string') return { dtype, shape, bytes: new Uint8Array(0) };
  if (isExternal(proto)) return { dtype, shape, bytes: externalBytes(proto, size, external) };
  const bytes = proto.rawData ?? typedBytes(proto, dtype, elementCount(shape), place);
  if (bytes.length !== size) {
    fail('onnx/tensor-size', `the ${dtype} tensor of shape [${shape.join(', ')}] has the wrong size`, place, {
      expected: `${size} bytes`,
      actual: `${bytes.length} bytes`,
    });
  }
  return { dtype, shape, bytes };
}

/** A tensor may be empty only as a list: `Resize` is given one for the input it does not use. */
function readDimensions(dims: readonly number[], place: Place): readonly number[] {
  for (const dim of dims) {
    const empty = dim === 0 && dims.length === 1;
    if (empty || (Number.isSafeInteger(dim) && dim > 0 && dim <= maxDimension)) continue;
    fail('onnx/dimension', 'a dimension of the tensor is zero, negative or too large', place, {
      expected: `1 to ${maxDimension}`,
      actual: `[${dims.join(', ')}]`,
    });
  }
  return dims;
}

function typedBytes(
  proto: TensorProto,
  dtype: Exclude<DataType, 'string'>,
  elements: number,
  place: Place,
): Uint8Array {
  switch (dtype) {
    case 'float32':
      return joined(proto.floatData);
    case 'float64':
      return joined(proto.doubleData);
    case 'int64':
      return varints(proto.int64Data, dtype, elements, place);
    case 'uint32':
    case 'uint64':
      return varints(proto.uint64Data, dtype, elements, place);
    default:
      return varints(proto.int32Data, dtype, elements, place);
  }
}

function joined(payload: Payload): Uint8Array {
  if (payload.length === 1) return payload[0]!;
  const bytes = new Uint8Array(payload.reduce((sum, chunk) => sum + chunk.length, 0));
  let position = 0;
  for (const chunk of payload) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}

/** Varints narrowed to the element type: the low bytes of the two's complement. */
function varints(payload: Payload, dtype: DataType, elements: number, place: Place): Uint8Array {
  const wire = joined(payload);
  const size = elementSize[dtype];
  // A varint takes a byte at least, so a short payload is refused before anything is allocated for it.
  if (wire.length < elements) {
    fail('onnx/tensor-size', 'the tensor has fewer elements than its shape', place, {
      expected: `${elements} elements`,
      actual: `at most ${wire.length}`,
    });
  }
  const bytes = new Uint8Array(elements * size);
  const view = new DataView(bytes.buffer);
  const reader = new BinaryReader(wire);
  let found = 0;
  try {
    for (; reader.pos < reader.len; found++) {
      if (found >= elements) break;
      if (size === 8) view.setBigInt64(found * 8, BigInt(reader.int64()), true);
      else {
        const value = Number(BigInt.asIntN(32, BigInt(reader.int64())));
        if (size === 4) view.setInt32(found * 4, value, true);
        else if (size === 2) view.setInt16(found * 2, value, true);
        else view.setInt8(found, value);
      }
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    fail('onnx/tensor-size', `the elements of the tensor are malformed: ${error.message}`, place);
  }
  if (found !== elements || reader.pos !== reader.len) {
    fail('onnx/tensor-size', 'the tensor has another number of elements than its shape', place, {
      expected: `${elements} elements`,
      actual: reader.pos !== reader.len ? `more than ${found}` : `${found}`,
    });
  }
  return bytes;
}
