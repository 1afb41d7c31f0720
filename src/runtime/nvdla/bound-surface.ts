/**
 * The tensor of an input or output as a surface: what a tensor descriptor says, with the size of atoms that the device
 * has, and with the shape and the scale that a tag gives it.
 */

import { elementSize } from '../../base/data-type.ts';
import { fail } from '../../base/errors.ts';
import { bytes } from '../../base/units.ts';
import { elementCount } from '../../graph/tensor.ts';
import type { TensorDesc } from '../../loadable/nvdla/format/stock-loadable.ts';
import type { TaggedTensor } from '../../loadable/nvdla/format/tag.ts';
import { atomFormat } from '../../program/geometry.ts';
import { dataFormatCodes, dataTypeCodes } from '../../program/nvdla/codes.ts';
import { featureData, featureDataX8 } from '../../program/nvdla/pixel-formats.ts';
import type { ElementType, Surface, SurfaceFormat } from '../../program/surface.ts';

const { NCHW, NHWC, NCxHWx } = dataFormatCodes.numbers;

/**
 * Bytes of an atom, by the pixel format of features. `nvdla_runtime` goes by it alone: nvdla/sw's regression has
 * descriptors that call such a tensor nchw, or that say nv_full's atoms on nv_small.
 */
const featureAtoms: Readonly<Record<number, number>> = { [featureData]: 32, [featureDataX8]: 8 };
const elementTypes: readonly (ElementType | undefined)[] = dataTypeCodes.names.map((name) =>
  name === 'unknown' ? undefined : name === 'float' ? 'float32' : name,
);

/** How the elements of a tensor lie: `atom` channels of a pixel side by side, `runs` times. */
export interface TensorLayout {
  readonly dtype: ElementType;
  readonly elementBytes: number;
  readonly format: SurfaceFormat;
  readonly atom: number;
  readonly runs: number;
}

/**
 * @param atomBytes of the device's memory
 * @throws device/unsupported for a type or a format that is not modelled; loadable/corrupt for an empty dimension
 */
export function tensorLayout(tensor: TensorDesc, atomBytes: number): TensorLayout {
  const { name, dataType, dataFormat, dims } = tensor;
  const place = { value: name };
  const { n, c, h, w } = dims;
  if (Math.min(n, c, h, w) < 1) {
    fail('loadable/corrupt', 'a tensor has an empty dimension', place, { actual: `${n}x${c}x${h}x${w}` });
  }
  const dtype = elementTypes[dataType];
  if (!dtype) return fail('device/unsupported', 'a tensor of this type is not modelled', place, { actual: dataType });
  const elementBytes = elementSize[dtype];
  const featureAtom = dataFormat === NCHW ? featureAtoms[tensor.pixelFormat] : undefined;
  switch (featureAtom ? NCxHWx : dataFormat) {
    case NCHW:
      return { dtype, elementBytes, format: 'dla_linear', atom: 1, runs: dims.c };
    case NHWC: {
      const atom = dims.c === 1 ? 1 : 4;
      if (dims.c > 4) fail('device/unsupported', 'pixels of more than 4 channels are not modelled', place);
      return { dtype, elementBytes, format: 'dla_hwc4', atom, runs: 1 };
    }
    case NCxHWx: {
      const atom = (featureAtom ?? atomBytes) / elementBytes;
      const format = atomFormat(atom);
      if (format) return { dtype, elementBytes, format, atom, runs: Math.ceil(dims.c / atom) };
    }
  }
  return fail('device/unsupported', 'a tensor of this format is not modelled', place, { actual: dataFormat });
}

/** Bytes of a line and of a surface, from one to the next. */
export interface Strides {
  readonly line: number;
  readonly surface: number;
}

export const stridesOf = ({ strides }: TensorDesc): Strides => ({ line: strides[1] ?? 0, surface: strides[2] ?? 0 });

/** Bytes from the first element to one past the last atom. @throws run/input when lines or surfaces overlap */
export function tensorExtent(tensor: TensorDesc, layout: TensorLayout, { line, surface }: Strides): number {
  const { dims, name } = tensor;
  const row = dims.w * layout.atom * layout.elementBytes;
  if (dims.h > 1 && line < row) {
    fail('run/input', 'the lines of the tensor overlap', { value: name }, { expected: row, actual: line });
  }
  const plane = (dims.h - 1) * line + row;
  if (layout.runs > 1 && surface < plane) {
    fail('run/input', 'the surfaces of the tensor overlap', { value: name }, { expected: plane, actual: surface });
  }
  return (layout.runs - 1) * surface + plane;
}

/**
 * @param size of the tensor's buffer
 * @throws loadable/corrupt when the tag and the tensor descriptor are not about the same tensor, or the tensor does not fit
 *   its buffer; device/unsupported
 */
export function boundSurface(tensor: TensorDesc, tagged: TaggedTensor, size: number, atomBytes: number): Surface {
  const layout = tensorLayout(tensor, atomBytes);
  const { dims, offset } = tensor;
  const strides = stridesOf(tensor);
  const channels = elementCount(tagged.shape) / (dims.h * dims.w);
  // For an image the descriptor counts the components that lie in memory, the tag those that the network reads.
  const isSame = layout.format === 'dla_hwc4' ? channels <= dims.c : channels === dims.c;
  if (!Number.isInteger(channels) || channels < 1 || !isSame || dims.n !== 1 || layout.dtype !== tagged.dtype) {
    const detail = {
      expected: `${layout.dtype} ${dims.n}x${dims.c}x${dims.h}x${dims.w}`,
      actual: `${tagged.dtype} ${tagged.shape.join('x')}`,
    };
    fail(
      'loadable/corrupt',
      'the tag says something else of a tensor than its descriptor',
      { value: tagged.name },
      detail,
    );
  }
  const end = offset + tensorExtent(tensor, layout, strides);
  if (end > size) {
    const detail = { expected: size, actual: end };
    fail('loadable/corrupt', 'a tensor does not fit its buffer', { value: tagged.name }, detail);
  }
  const split = [offset, strides.line, strides.surface].find((bytes) => bytes % layout.elementBytes !== 0);
  if (split !== undefined) {
    const detail = { expected: `a multiple of ${layout.elementBytes}`, actual: split };
    fail('loadable/corrupt', 'the strides of a tensor split elements', { value: tagged.name }, detail);
  }
  return {
    id: 0,
    name: tagged.name,
    shape: [1, channels, dims.h, dims.w],
    dtype: layout.dtype,
    format: layout.format,
    lineStride: bytes(strides.line),
    surfaceStride: bytes(strides.surface),
    batchStride: bytes(size - offset),
    size: bytes(size - offset),
    memory: 'io',
    offset: bytes(offset),
    ...(tagged.scale !== undefined && { scale: tagged.scale }),
  };
}
