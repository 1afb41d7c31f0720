/**
 * Tensors where they cross: between the caller and the network, and between DLA segments and host segments. A value is
 * kept in the form it was made in; it becomes int8, float32 or float16 when a segment wants it so.
 */

import { elementSize } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { float16Bits, float16Values } from '../base/float16.ts';
import type { Rounding } from '../base/rounding.ts';
import { asFloat32, elementCount, float32Tensor, float32Values, type Tensor, widenedTo } from '../graph/tensor.ts';
import type { Plan, PlanTensor } from '../program/program.ts';
import type { Surface } from '../program/surface.ts';
import { dequantize, quantize, type SurfaceValues } from './pack.ts';

/** An int8 tensor of the DLA (scale given), or a tensor as ONNX knows it. */
export interface Crossing {
  readonly tensor: Tensor;
  readonly scale?: number;
}

/** The inputs of the network, in the types that the plan wants. @throws run/input */
export function checkedInputs(plan: Plan, given: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const inputs: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(given)) {
    const wanted = plan.inputs.includes(name) ? planTensor(plan, name).dtype : tensor.dtype;
    inputs[name] = widenedTo(wanted, tensor);
  }
  checkInputs(plan, inputs);
  return inputs;
}

function checkInputs(plan: Plan, inputs: Readonly<Record<string, Tensor>>): void {
  const known = plan.inputs.join(', ');
  for (const name of Object.keys(inputs)) {
    if (!plan.inputs.includes(name)) {
      fail('run/input', 'the network has no such input', { value: name }, { expected: known });
    }
  }
  for (const name of plan.inputs) {
    const tensor = inputs[name];
    if (tensor === undefined) fail('run/input', 'an input is missing', { value: name }, { expected: known });
    const { dtype, shape } = planTensor(plan, name);
    if (tensor.dtype !== dtype) {
      fail('run/input', 'an input has the wrong type', { value: name }, { expected: dtype, actual: tensor.dtype });
    }
    if (tensor.shape.length !== shape.length || tensor.shape.some((dim, axis) => dim !== shape[axis])) {
      const expected = shape.join('x');
      fail('run/input', 'an input has the wrong shape', { value: name }, { expected, actual: tensor.shape.join('x') });
    }
    const size = elementCount(shape) * elementSize[dtype];
    if (tensor.bytes.length !== size) {
      fail(
        'run/input',
        'an input has the wrong number of bytes',
        { value: name },
        { expected: size, actual: tensor.bytes.length },
      );
    }
  }
}

/** @throws program/invalid when the plan does not describe the tensor */
export function planTensor(plan: Plan, name: string): PlanTensor {
  return (
    plan.tensors.find((tensor) => tensor.name === name) ??
    fail('program/invalid', 'the plan does not describe a tensor that crosses between segments', { value: name })
  );
}

/** An input of the network. An int8 one is already on the scale of the plan. */
export function crossingOf(plan: Plan, name: string, tensor: Tensor): Crossing {
  const { dtype, scale } = planTensor(plan, name);
  return dtype === 'int8' && scale !== undefined ? { tensor, scale } : { tensor };
}

/**
 * The elements that a surface of a DLA segment takes in all of its runs, run by run: int8, or bits of float16.
 * @throws run/input, program/invalid
 */
export function toSurface(
  name: string,
  { tensor, scale }: Crossing,
  surface: Surface,
  rounding: Rounding,
  runs = 1,
): SurfaceValues {
  const place = { value: name };
  const elements = elementCount(surface.shape) * runs;
  const size = elementSize[tensor.dtype];
  if (tensor.bytes.length !== elements * size) {
    fail('program/invalid', 'a surface has another number of elements than the tensor that it takes', place, {
      expected: elements,
      actual: size > 0 ? tensor.bytes.length / size : 0,
    });
  }
  if (surface.dtype === 'float16') {
    const real = realValues(name, { tensor, ...(scale !== undefined && { scale }) });
    return Uint16Array.from(real, float16Bits);
  }
  if (tensor.dtype === 'int8' && (scale === undefined || scale === surface.scale)) return int8Values(tensor);
  if (surface.scale === undefined)
    return fail('program/invalid', 'a surface that takes real numbers has no scale', place);
  const real = realValues(name, { tensor, ...(scale !== undefined && { scale }) });
  const quantized = quantize(real, surface.scale, rounding);
  if (typeof quantized !== 'number') return quantized;
  return fail('run/input', 'a tensor that goes to the DLA holds NaN', place, { actual: `element ${quantized}` });
}

/** Joins what a surface held in each of several runs into one tensor: int8 as it is, float16 as float32. */
export function surfaceTensor(surface: Surface, shape: readonly number[], parts: readonly SurfaceValues[]): Tensor {
  const count = parts.reduce((sum, { length }) => sum + length, 0);
  const float = surface.dtype === 'float16';
  const all = float ? new Uint16Array(count) : new Int8Array(count);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return float ? float32Tensor(shape, float16Values(all as Uint16Array)) : int8Tensor(shape, all as Int8Array);
}

/** The tensor that a host segment or the caller gets. @throws program/invalid */
export function toTensor(name: string, crossing: Crossing, wanted: PlanTensor): Tensor {
  const { tensor, scale } = crossing;
  // An FP16 segment's values travel as float32; a reader of float16 gets them narrowed.
  if (tensor.dtype === 'float32' && wanted.dtype === 'float16') {
    const halves = Uint16Array.from(float32Values(tensor), float16Bits);
    return { dtype: 'float16', shape: tensor.shape, bytes: new Uint8Array(halves.buffer) };
  }
  if (scale === undefined || wanted.dtype === 'int8') return { ...tensor, shape: tensor.shape };
  const values = dequantize(int8Values(tensor), scale);
  if (wanted.dtype === 'float32') return float32Tensor(tensor.shape, values);
  if (wanted.dtype === 'float16') {
    const halves = Uint16Array.from(values, float16Bits);
    return { dtype: 'float16', shape: tensor.shape, bytes: new Uint8Array(halves.buffer) };
  }
  return fail(
    'program/invalid',
    'a tensor of the DLA cannot become this type',
    { value: name },
    { actual: wanted.dtype },
  );
}

function realValues(name: string, { tensor, scale }: Crossing): Float32Array {
  if (tensor.dtype === 'float32') return float32Values(tensor);
  if (tensor.dtype === 'float16') return asFloat32(tensor);
  if (tensor.dtype === 'int8' && scale !== undefined) return dequantize(int8Values(tensor), scale);
  return fail(
    'program/invalid',
    'a tensor of this type cannot go to the DLA',
    { value: name },
    { actual: tensor.dtype },
  );
}

export const int8Values = ({ bytes }: Tensor): Int8Array =>
  new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const int8Tensor = (shape: readonly number[], values: Int8Array): Tensor => ({
  dtype: 'int8',
  shape,
  bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});
