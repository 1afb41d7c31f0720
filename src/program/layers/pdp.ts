/** Pooling. */

import * as z from '../../base/schema.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { isNvdla, type NvdlaTarget } from '../../targets/target.ts';
import type { ConvolutionPrecision } from '../nvdla/convolution-buffer.ts';
import { pooledColumns, poolingReciprocals, poolingStripes } from '../nvdla/pooling.ts';
import type { Shape4 } from '../surface.ts';
import {
  atoms,
  type LayerContext,
  precisionOf,
  same,
  sameShape,
  surfaceOf,
  unchanged,
  whole,
  wrong,
} from './context.ts';
import {
  checkExtent,
  checkPadding,
  type Extent,
  extentSchema,
  index,
  integer,
  optional,
  outputExtent,
  type Padding,
  paddingSchema,
  record,
} from './fields.ts';
import type { LayerKind, Visit } from './kind.ts';

/**
 * Pooling. `average` divides by the number of cells: all of the kernel's (`countPadding`) or those inside the image.
 * On orin and xavier an int8 sum is converted to float32 and multiplied by float32(1/count), rounded half away from zero. A sum of
 * float16 is taken in float32, cell by cell and row by row from +0, and multiplied likewise. Maxima and minima of float16 are IEEE's, and
 * every result of it ends as those of the single-point stage do.
 */
export interface Pdp<S> {
  readonly input?: S;
  readonly mode: 'max' | 'min' | 'average';
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly padding: Padding;
  readonly countPadding: boolean;
  /** How an average is taken on integer-scale targets; absent on float-scale ones. */
  readonly average?: IntegerAverage;
  readonly output: S;
}

/**
 * The reciprocals are 16-bit fractions, or on float16 the hardware's 17-bit floats; `padValues[n − 1]` is what n padded
 * columns add to the sum.
 */
export interface IntegerAverage {
  readonly recipWidth: number;
  readonly recipHeight: number;
  readonly padValues: readonly number[];
}

const average = record<IntegerAverage>()({ recipWidth: integer, recipHeight: integer, padValues: z.array(integer) });

export const pdpSchema = record<Pdp<number>>()({
  input: optional(index),
  mode: z.enum(['max', 'min', 'average']),
  kernel: extentSchema,
  stride: extentSchema,
  padding: paddingSchema,
  countPadding: z.boolean(),
  average: optional(average),
  output: index,
});

export function mapPdp<S, T>({ input, ...pdp }: Pdp<S>, visit: Visit<S, T>): Pdp<T> {
  return {
    ...pdp,
    ...(input !== undefined && { input: visit(input, { role: 'input', field: 'pdp.input', client: 'pdp' }) }),
    output: visit(pdp.output, { role: 'output', field: 'pdp.output' }),
  };
}

export function checkPdp(context: LayerContext, pdp: Pdp<number>, shape: Shape4): void {
  checkExtent(context, 'pdp.kernel', pdp.kernel);
  checkExtent(context, 'pdp.stride', pdp.stride);
  checkPadding(context, 'pdp.padding', pdp.padding);
  const [n, c, h, w] = shape;
  const { top, left, bottom, right } = pdp.padding;
  if (top >= pdp.kernel.h || bottom >= pdp.kernel.h || left >= pdp.kernel.w || right >= pdp.kernel.w) {
    wrong(
      context,
      'pdp.padding leaves windows without a pixel',
      'less than the kernel',
      `${top}, ${left}, ${bottom}, ${right}`,
    );
  }
  if (isNvdla(context.target) && pdp.mode === 'average' && pdp.average === undefined) {
    wrong(context, 'an average needs its reciprocals', 'pdp.average', 'none');
  }
  if (pdp.average !== undefined) {
    whole(context, 'pdp.average.recipWidth', pdp.average.recipWidth, 0, 65_536);
    whole(context, 'pdp.average.recipHeight', pdp.average.recipHeight, 0, 65_536);
    for (const value of pdp.average.padValues) whole(context, 'pdp.average.padValues', value, -(2 ** 31), 2 ** 31 - 1);
  }
  const height = outputExtent(h, pdp.kernel.h, pdp.stride.h, 1, top + bottom);
  const width = outputExtent(w, pdp.kernel.w, pdp.stride.w, 1, left + right);
  if (height < 1 || width < 1)
    wrong(context, 'pdp.kernel is larger than the padded input', 'an output', `${height}×${width}`);
  const { shape: made } = surfaceOf(context, pdp.output, 'pdp.output');
  const [, , rows, columns] = made;
  const open = isNvdla(context.target);
  sameShape(context, 'pdp.output', made, [
    n,
    c,
    open ? Math.min(rows, height) : height,
    open ? Math.min(columns, width) : width,
  ]);
}

export function checkPdpRegisters(
  context: LayerContext,
  pdp: Pdp<number>,
  precision: ConvolutionPrecision,
  target: NvdlaTarget,
): void {
  const { kernel, stride, padding, average } = pdp;
  const limits = nvdlaLimits.pooling;
  same(context, 'the type of pdp.output', atoms(context, pdp.output, 'pdp.output'), precision);
  for (const axis of ['h', 'w'] as const) {
    whole(context, `pdp.kernel.${axis}`, kernel[axis], ...limits.window);
    whole(context, `pdp.stride.${axis}`, stride[axis], ...limits.stride);
  }
  for (const side of ['top', 'left', 'bottom', 'right'] as const)
    whole(context, `pdp.padding.${side}`, padding[side], ...limits.padding);
  same(context, 'pdp.countPadding', pdp.countPadding, true);
  same(context, 'pdp.average', average === undefined ? 'absent' : 'there', pdp.mode === 'average' ? 'there' : 'absent');
  const [, , , outputWidth] = surfaceOf(context, pdp.output, 'pdp.output').shape;
  const columns = pooledColumns(kernel, stride, precision, target);
  if (pdp.input === undefined) {
    if (outputWidth > columns) wrong(context, 'pdp.output is wider than the line buffer', columns, outputWidth);
  } else {
    const [, , , inputWidth] = surfaceOf(context, pdp.input, 'pdp.input').shape;
    const { count } = poolingStripes({ kernel, stride, padding, inputWidth, outputWidth }, columns);
    whole(context, 'the number of stripes of pdp.output', count, ...limits.stripes);
  }
  if (average === undefined) return;
  const table = poolingReciprocals(precision);
  same(context, 'pdp.average.recipWidth', average.recipWidth, table[kernel.w - 1]);
  same(context, 'pdp.average.recipHeight', average.recipHeight, table[kernel.h - 1]);
  same(context, 'the number of pdp.average.padValues', average.padValues.length, limits.padding[1]);
  const most = precision === 'float16' ? 0 : 2 ** (limits.padValueBits - 1);
  for (const value of average.padValues) {
    whole(context, 'pdp.average.padValues', value, -most, Math.max(0, most - 1));
  }
}

export const pdpKind: LayerKind<'pdp'> = {
  kind: 'pdp',
  title: 'pooling',
  fields: { pdp: pdpSchema },
  runs: 'engines',
  lacks: () => undefined,
  map: ({ kind, pdp }, visit) => ({ kind, pdp: mapPdp(pdp, visit) }),
  check(context, { pdp }) {
    if (pdp.input === undefined) wrong(context, 'a PDP that starts a pipeline has an input', 'a surface', 'none');
    const input = surfaceOf(context, pdp.input, 'pdp.input');
    checkPdp(context, pdp, input.shape);
    unchanged(context, input, surfaceOf(context, pdp.output, 'pdp.output'));
  },
  checkRegisters(context, { pdp }, target) {
    const input = atoms(context, pdp.input!, 'pdp.input');
    checkPdpRegisters(context, pdp, precisionOf(context, input, 'pdp.input', target), target);
  },
  work({ pdp }, typeOf) {
    const { shape, dtype } = typeOf(pdp.output);
    return [{ engine: 'pdp', enters: typeOf(pdp.input!).shape, leaves: shape, dtype }];
  },
};
