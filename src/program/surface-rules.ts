/** The validator's rules for a surface on its own, and for surfaces that lie inside others. */

import { elementSize } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { isNvdla, type Target } from '../targets/target.ts';
import {
  channelBlocks,
  elementsPerAtom,
  isFeatureFormat,
  pixelBytes,
  placeInside,
  rowAlignment,
  viewSize,
} from './geometry.ts';
import type { Program } from './program.ts';
import type { ElementType, Surface, SurfaceFormat } from './surface.ts';

/** Bounds that keep every product below 2⁵³. */
const mostBytes = 2 ** 40;
const mostElements = 2 ** 30;
/**
 * The alignment that the allocator gives a surface: the CBUF line of the stock configurations and the row pitch of
 * docs/hardware/orin.md#formats. Others may put one at any atom of the open NVDLA.
 */
export const surfaceAlignment = 64;
const deepestView = 16;

const dtypes: Readonly<Record<SurfaceFormat, readonly ElementType[]>> = {
  chw32: ['int8'],
  chw16: ['int8', 'int16', 'float16'],
  chw8: ['int8'],
  dla_hwc4: ['int8', 'int16', 'float16'],
  dla_linear: ['int8', 'int16', 'float16'],
  kcrs: ['int8', 'int16', 'float16'],
  vector: ['int8', 'int16', 'int32', 'float16', 'float32'],
};

/** @throws program/invalid */
export function checkSurface(surface: Surface, program: Program, target?: Target): void {
  const { shape, dtype, format, size, offset, memory } = surface;
  const place = { value: surface.name };
  if (shape.length !== 4 || !shape.every((dim) => Number.isInteger(dim) && dim >= 1 && dim <= mostElements)) {
    fail('program/invalid', 'a shape needs four dimensions of at least 1', place, { actual: shape.join('×') });
  }
  if (!dtypes[format].includes(dtype)) {
    fail('program/invalid', `${format} does not hold ${dtype}`, place, { expected: dtypes[format].join(', ') });
  }
  for (const field of ['lineStride', 'surfaceStride', 'batchStride', 'size', 'offset'] as const) {
    const value = surface[field];
    if (!(Number.isSafeInteger(value) && value >= 0 && value <= mostBytes)) {
      fail('program/invalid', `${field} is no number of bytes`, place, { actual: value });
    }
  }
  checkFormat(surface, target);
  checkStrides(surface, program, target);
  if (surface.scale !== undefined && !(Number.isFinite(surface.scale) && surface.scale > 0)) {
    fail('program/invalid', 'a scale is not positive and finite', place, { actual: surface.scale });
  }
  if (surface.parent !== undefined) return;
  const alignment = isNvdla(target) ? target.memoryAtom : surfaceAlignment;
  if (offset % alignment !== 0) {
    fail('program/invalid', 'the offset is not aligned', place, {
      expected: `a multiple of ${alignment}`,
      actual: offset,
    });
  }
  if (memory === 'io' && offset !== 0) {
    fail('program/invalid', 'an io surface starts its buffer', place, { expected: 0, actual: offset });
  }
  const end = offset + size;
  const capacity = memory === 'managed_sram' ? program.sram : mostBytes;
  if (end > capacity) {
    fail('program/invalid', `the surface leaves ${memory}`, place, {
      expected: `an end of at most ${capacity}`,
      actual: end,
    });
  }
  if (!isFeatureFormat(format) && memory !== 'global_dram') {
    fail('program/invalid', `a ${format} surface is a constant`, place, { expected: 'global_dram', actual: memory });
  }
}

function checkFormat({ name, shape, dtype, format, memory }: Surface, target: Target | undefined): void {
  const place = { value: name };
  const [n, c, h, w] = shape;
  if (format === 'vector' && (n !== 1 || h !== 1 || w !== 1)) {
    fail('program/invalid', 'a vector has the shape 1×elements×1×1', place, { actual: shape.join('×') });
  }
  if (format === 'dla_hwc4') {
    if (c !== 1 && c !== 3 && c !== 4) {
      fail('program/invalid', 'dla_hwc4 has 1, 3 or 4 channels', place, { actual: c });
    }
    if (memory !== 'io' && !(isNvdla(target) && memory === 'global_dram')) {
      fail('program/invalid', 'dla_hwc4 is a format of inputs', place, { expected: 'io', actual: memory });
    }
  }
  const atom = elementsPerAtom(format) * elementSize[dtype];
  if (target !== undefined && elementsPerAtom(format) > 1 && atom !== target.memoryAtom) {
    fail('program/invalid', `${format} of ${dtype} does not have the target's atom`, place, {
      expected: `${target.memoryAtom} bytes`,
      actual: `${atom} bytes`,
    });
  }
}

/** Strides hold what they step over, in whole pixels and rows of the format; the size ends with the last channel block. */
function checkStrides(surface: Surface, { surfaces }: Program, target: Target | undefined): void {
  const { shape, dtype, format, lineStride, surfaceStride, batchStride, size } = surface;
  const [n, , h, w] = shape;
  const pixel = pixelBytes(shape, dtype, format);
  const blocks = channelBlocks(shape, format);
  const isPlain = format === 'dla_hwc4' || format === 'dla_linear';
  // Of the open NVDLA lines of any number of atoms will do (nvdla/hw spec/manual, D_LINE_STRIDE).
  const rows =
    isPlain && isNvdla(target) ? target.memoryAtom : Math.max(rowAlignment(format, target), isPlain ? 1 : pixel);
  const steps = [
    ['lineStride', lineStride, w * pixel, rows],
    ['surfaceStride', surfaceStride, h * lineStride, pixel],
    ['batchStride', batchStride, blocks * surfaceStride, pixel],
  ] as const;
  for (const [field, stride, least, multiple] of steps) {
    if (stride < least || stride % multiple !== 0) {
      const expected = `a multiple of ${multiple} of at least ${least}`;
      fail('program/invalid', `${field} does not fit the shape`, { value: surface.name }, { expected, actual: stride });
    }
  }
  const parent = surface.parent === undefined ? undefined : surfaces[surface.parent];
  const exact = parent ? viewSize(parent, shape) : (n - 1) * batchStride + blocks * surfaceStride;
  if (size === exact) return;
  fail(
    'program/invalid',
    'the size does not fit the strides',
    { value: surface.name },
    { expected: exact, actual: size },
  );
}

/**
 * Views lie inside a parent of the same memory, on an atom's border, with its strides.
 * @param open of the open NVDLA: they may be runs of rows too, also of an image, and take the channels that fill up the last atom
 * @throws program/invalid
 */
export function checkViews(surfaces: readonly Surface[], open: boolean): void {
  for (const view of surfaces) {
    if (view.parent === undefined) continue;
    const place = { value: view.name };
    const parent = surfaces[view.parent];
    if (parent === undefined) fail('program/invalid', 'the parent is no surface', place, { actual: view.parent });
    let depth = 0;
    for (let at: Surface | undefined = view; at?.parent !== undefined; at = surfaces[at.parent]) {
      if (++depth > deepestView) {
        fail('program/invalid', 'views are nested too deep or in a circle', place, { expected: deepestView });
      }
    }
    for (const field of ['memory', 'format', 'dtype', 'lineStride', 'surfaceStride', 'batchStride'] as const) {
      if (view[field] !== parent[field]) {
        fail('program/invalid', `a view has another ${field} than its parent`, place, {
          expected: parent[field],
          actual: view[field],
        });
      }
    }
    if (!isFeatureFormat(view.format) || (view.format === 'dla_hwc4' && !open)) {
      fail('program/invalid', `a ${view.format} surface has no views`, place);
    }
    for (const axis of open ? ([0, 3] as const) : ([0, 2, 3] as const)) {
      if (view.shape[axis] !== parent.shape[axis]) {
        fail(
          'program/invalid',
          `a view differs from its parent in more than channels${open ? ' and rows' : ''}`,
          place,
          {
            expected: parent.shape.join('×'),
            actual: view.shape.join('×'),
          },
        );
      }
    }
    const { channel, row } = placeInside(view, parent);
    const [endChannel, endRow] = [channel + view.shape[1], row + view.shape[2]];
    const atom = elementsPerAtom(parent.format);
    const channels = open ? Math.ceil(parent.shape[1] / atom) * atom : parent.shape[1];
    const outside = endChannel > channels || endRow > parent.shape[2];
    if (view.offset < parent.offset || !Number.isInteger(row) || outside) {
      fail('program/invalid', 'a view does not lie on whole atoms inside its parent', place, {
        expected: `offset ${parent.offset} + k·${parent.surfaceStride}, at most ${channels} channels`,
        actual: `offset ${view.offset}, ${view.shape[1]} channels`,
      });
    }
  }
}
