/** The tensor of a `Constant` node, from whichever of its attributes is given. */

import { fail } from '../base/errors.ts';
import type { Node } from '../graph/graph.ts';
import { float32Tensor, type Tensor } from '../graph/tensor.ts';

/** @throws onnx/graph, onnx/dtype */
export function constantTensor(node: Node): Tensor {
  const place = { node: node.name };
  for (const [name, attribute] of Object.entries(node.attributes)) {
    if (name === 'value' && attribute.kind === 'tensor') return attribute.value;
    if (name === 'value_float' && attribute.kind === 'float') return float32Tensor([], [attribute.value]);
    if (name === 'value_floats' && attribute.kind === 'floats') {
      return float32Tensor([attribute.value.length], attribute.value);
    }
    if (name === 'value_int' && attribute.kind === 'int') return clampedInt64Tensor([], [attribute.value]);
    if (name === 'value_ints' && attribute.kind === 'ints') {
      return clampedInt64Tensor([attribute.value.length], attribute.value);
    }
    if (name === 'value_string') return { dtype: 'string', shape: [], bytes: new Uint8Array(0) };
    if (name === 'value_strings' && attribute.kind === 'strings') {
      return { dtype: 'string', shape: [attribute.value.length], bytes: new Uint8Array(0) };
    }
    if (name === 'sparse_value') fail('onnx/dtype', 'sparse constants are not read', place);
  }
  fail('onnx/graph', 'the Constant has no value', place);
}

const largest = 2n ** 63n - 1n;

/** A double beyond the range of int64 (INT64_MAX rounds up to 2⁶³) becomes the nearest int64. */
export function clampInt64(value: number): bigint {
  const integer = BigInt(Math.trunc(value));
  return integer > largest ? largest : integer < -largest - 1n ? -largest - 1n : integer;
}

function clampedInt64Tensor(shape: readonly number[], values: readonly number[]): Tensor {
  const data = BigInt64Array.from(values, clampInt64);
  return { dtype: 'int64', shape, bytes: new Uint8Array(data.buffer) };
}
