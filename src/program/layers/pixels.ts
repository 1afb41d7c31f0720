/** Pixels at other places: a pass through SDP (open NVDLA). */

import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { isNvdla } from '../../targets/target.ts';
import { elementsPerAtom } from '../geometry.ts';
import type { Shape4 } from '../surface.ts';
import { atoms, type LayerContext, precisionOf, surfaceOf, whole, wrong } from './context.ts';
import { channelRun, checkExtent, extentSchema, index, integer, record } from './fields.ts';
import type { LayerKind, PixelGrid } from './kind.ts';

/**
 * Copies pixels of one surface to other pixels of another, unchanged, in a pass through SDP. Deconvolutions and
 * enlargements are put together by it where there is no Rubik; it also cuts and joins along rows and columns. Where it
 * steps over columns, its cubes differ from the surfaces': columns are their lines and rows their channels, so that both
 * have strides.
 */
export interface PixelCopy<S> {
  readonly input: S;
  readonly inputChannel: number;
  readonly from: PixelGrid;
  readonly output: S;
  readonly outputChannel: number;
  readonly to: PixelGrid;
  /** Channels, of one atom where the copy steps over columns. */
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

const grid = record<PixelGrid>()({ row: integer, column: integer, step: extentSchema });

const pixelsSchema = record<PixelCopy<number>>()({
  input: index,
  inputChannel: integer,
  from: grid,
  output: index,
  outputChannel: integer,
  to: grid,
  channels: integer,
  rows: integer,
  columns: integer,
});

export const stepsOverColumns = ({ from, to }: Pick<PixelCopy<unknown>, 'from' | 'to'>): boolean =>
  from.step.w > 1 || to.step.w > 1;

/** Channels and lines of a cube (nvdla/sw `common.h`): rows times channels of an atom, and columns, where it steps over columns. */
export const [, mostStepped] = nvdlaLimits.extent;

/** @throws program/invalid */
function checkPixels(context: LayerContext, pixels: PixelCopy<number>): void {
  const { channels, rows, columns } = pixels;
  const input = surfaceOf(context, pixels.input, 'pixels.input');
  const output = surfaceOf(context, pixels.output, 'pixels.output');
  const atom = elementsPerAtom(input.format);
  if (input.dtype !== output.dtype || input.format !== output.format || atom === 1 || input.shape[0] !== 1) {
    const [expected, actual] = [input, output].map(({ dtype, format }) => `${dtype} ${format}`) as [string, string];
    wrong(context, 'only atoms of one image are copied, to the same', expected, actual);
  }
  const steps = stepsOverColumns(pixels);
  whole(context, 'pixels.channels', channels, 1, steps ? atom : mostStepped);
  if (steps) whole(context, 'the rows of pixels, by channels of an atom', rows * atom, atom, mostStepped);
  for (const [field, { row, column, step }, channel, { shape }] of [
    ['pixels.from', pixels.from, pixels.inputChannel, input],
    ['pixels.to', pixels.to, pixels.outputChannel, output],
  ] as const) {
    const [, held, height, width] = shape;
    checkExtent(context, `${field}.step`, step);
    whole(context, `the channel of ${field}`, channel, 0, held - channels);
    if (channel % atom !== 0)
      wrong(context, `the channel of ${field} begins no atom`, `a multiple of ${atom}`, channel);
    if (channels % atom !== 0 && channel + channels !== held) {
      wrong(context, `the channels of ${field} end inside an atom`, held - channel, channels);
    }
    whole(context, `${field}.row`, row, 0, height - 1 - (rows - 1) * step.h);
    whole(context, `${field}.column`, column, 0, width - 1 - (columns - 1) * step.w);
  }
  whole(context, 'pixels.rows', rows, 1, mostStepped);
  whole(context, 'pixels.columns', columns, 1, mostStepped);
}

export const pixelsKind: LayerKind<'pixels'> = {
  kind: 'pixels',
  title: 'pixel copy',
  fields: { pixels: pixelsSchema },
  runs: 'descriptors',
  lacks: (target) => (isNvdla(target) ? undefined : 'engine for this layer'),
  map: ({ kind, pixels: { input, output, ...rest } }, visit) => ({
    kind,
    pixels: {
      ...rest,
      input: visit(input, {
        role: 'input',
        field: 'pixels.input',
        client: 'sdp',
        channels: channelRun(rest.inputChannel, rest.channels),
        comb: { ...rest.from, rows: rest.rows, columns: rest.columns },
      }),
      output: visit(output, {
        role: 'output',
        field: 'pixels.output',
        channels: channelRun(rest.outputChannel, rest.channels),
        comb: { ...rest.to, rows: rest.rows, columns: rest.columns },
      }),
    },
  }),
  check: (context, { pixels }) => checkPixels(context, pixels),
  checkRegisters(context, { pixels }, target) {
    precisionOf(context, atoms(context, pixels.input, 'pixels.input'), 'pixels.input', target);
  },
  work({ pixels: { channels, rows, columns, output } }, typeOf) {
    const moved: Shape4 = [1, channels, rows, columns];
    return [{ engine: 'sdp', enters: moved, leaves: moved, dtype: typeOf(output).dtype }];
  },
};
