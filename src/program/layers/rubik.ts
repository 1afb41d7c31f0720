/** Rubik, which rearranges cubes (nvdla/sw `rubik.c` for the limits). */

import * as z from '../../base/schema.ts';
import { isNvdla } from '../../targets/target.ts';
import { elementsPerAtom } from '../geometry.ts';
import type { Shape4 } from '../surface.ts';
import { type LayerContext, precisionOf, sameShape, surfaceOf, wrong } from './context.ts';
import { checkExtent, type Extent, extentSchema, index, record } from './fields.ts';
import type { LayerKind } from './kind.ts';

/**
 * Rubik (nv_full) rearranges cubes. *Contract* makes an image out of the channels of a deconvolution: input channels come
 * in stride.w · stride.h runs of whole atoms, one for each position in a block of output pixels. *Split* takes a feature
 * cube apart into planes (`dla_linear`), one a channel, and *merge* puts planes together.
 */
export interface RubikMove<S> {
  readonly mode: 'contract' | 'split' | 'merge';
  readonly input: S;
  readonly output: S;
  /** Contract only; 1 × 1 otherwise. */
  readonly stride: Extent;
}

const rubikSchema = record<RubikMove<number>>()({
  mode: z.enum(['contract', 'split', 'merge']),
  input: index,
  output: index,
  stride: extentSchema,
});

/** @throws program/invalid */
function checkRubik(context: LayerContext, { mode, input, output, stride }: RubikMove<number>): void {
  checkExtent(context, 'rubik.stride', stride);
  const [from, to] = [surfaceOf(context, input, 'rubik.input'), surfaceOf(context, output, 'rubik.output')];
  if (from.dtype !== to.dtype) wrong(context, 'the type changes', from.dtype, to.dtype);
  for (const { format, name, isPlanes } of [
    { ...from, isPlanes: mode === 'merge' },
    { ...to, isPlanes: mode === 'split' },
  ]) {
    if ((format === 'dla_linear') !== isPlanes || (!isPlanes && elementsPerAtom(format) === 1)) {
      wrong(context, `${name} has a format that ${mode} does not take`, isPlanes ? 'dla_linear' : 'atoms', format);
    }
  }
  const [n, channels, height, width] = from.shape;
  if (mode !== 'contract') {
    if (stride.h !== 1 || stride.w !== 1)
      wrong(context, 'only contract has a stride', '1×1', `${stride.h}×${stride.w}`);
    sameShape(context, 'rubik.output', to.shape, from.shape);
    return;
  }
  const atom = elementsPerAtom(to.format);
  const run = Math.ceil(to.shape[1] / atom) * atom;
  const wanted: Shape4 = [n, to.shape[1], height * stride.h, width * stride.w];
  sameShape(context, 'rubik.output', to.shape, wanted);
  const runs = stride.h * stride.w;
  // The last run may end with its last channel.
  if (Math.ceil(channels / atom) * atom !== run * runs) {
    wrong(context, 'rubik.input has other channels than contract takes', run * runs, channels);
  }
}

export const rubikKind: LayerKind<'rubik'> = {
  kind: 'rubik',
  title: 'Rubik operation',
  fields: { rubik: rubikSchema },
  runs: 'descriptors',
  lacks: (target) => (!isNvdla(target) ? 'engine for this layer' : target.nvdla.rubik ? undefined : 'Rubik'),
  map: ({ kind, rubik: { input, output, ...rest } }, visit) => ({
    kind,
    rubik: {
      ...rest,
      input: visit(input, { role: 'input', field: 'rubik.input', client: 'rubik' }),
      output: visit(output, { role: 'output', field: 'rubik.output' }),
    },
  }),
  check: (context, { rubik }) => checkRubik(context, rubik),
  checkRegisters(context, { rubik }, target) {
    precisionOf(context, surfaceOf(context, rubik.input, 'rubik.input').dtype, 'rubik.input', target);
  },
  work({ rubik }, typeOf) {
    const { shape, dtype } = typeOf(rubik.output);
    return [{ engine: 'rubik', enters: typeOf(rubik.input).shape, leaves: shape, dtype }];
  },
};
