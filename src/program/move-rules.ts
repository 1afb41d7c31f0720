/** What the validator asks of what only moves bytes: pixels, Rubik and the bridge DMA (nvdla/sw `rubik.c` and `bdma.c` for the limits). */

import { elementsPerAtom } from './geometry.ts';
import type { BdmaTransfer, PixelCopy, RubikMove } from './layer.ts';
import { extent, type LayerContext, sameShape, surfaceOf, whole, wrong } from './layer-context.ts';
import type { Shape4 } from './surface.ts';

/** @throws program/invalid */
export function checkRubik(context: LayerContext, { mode, input, output, stride }: RubikMove<number>): void {
  extent(context, 'rubik.stride', stride);
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

export const stepsOverColumns = ({ from, to }: Pick<PixelCopy<unknown>, 'from' | 'to'>): boolean =>
  from.step.w > 1 || to.step.w > 1;

/** Channels and lines of a cube (nvdla/sw `common.h`): rows times channels of an atom, and columns, where it steps over columns. */
export const mostStepped = 8192;

/** @throws program/invalid */
export function checkPixels(context: LayerContext, pixels: PixelCopy<number>): void {
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
    extent(context, `${field}.step`, step);
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

const lineUnit = 32;
const mostTransfers = 20;
const mostRepeats = 8192;

/** @throws program/invalid */
export function checkTransfers(context: LayerContext, transfers: readonly BdmaTransfer<number>[]): void {
  whole(context, 'the number of transfers', transfers.length, 1, mostTransfers);
  const [first] = transfers;
  for (const transfer of transfers) {
    whole(context, 'bdma.lines', transfer.lines, 1, mostRepeats);
    whole(context, 'bdma.surfaces', transfer.surfaces, 1, mostRepeats);
    whole(context, 'bdma.lineBytes', transfer.lineBytes, lineUnit, 2 ** 31);
    for (const side of ['input', 'output'] as const) {
      const surface = surfaceOf(context, transfer[side], `bdma.${side}`);
      const isSram = (id: number): boolean => surfaceOf(context, id, `bdma.${side}`).memory === 'managed_sram';
      if (isSram(transfer[side]) !== isSram(first![side])) {
        wrong(context, `bdma.${side} lies in another memory than in the first transfer`, 'one memory', surface.memory);
      }
      const [offset, line, step] = [
        transfer[`${side}Offset`],
        transfer[`${side}LineStride`],
        transfer[`${side}SurfaceStride`],
      ];
      whole(context, `bdma.${side}Offset`, offset, 0, surface.size);
      whole(context, `bdma.${side}LineStride`, line, transfer.lineBytes, 2 ** 32 - 1);
      whole(context, `bdma.${side}SurfaceStride`, step, line * transfer.lines, 2 ** 32 - 1);
      for (const [name, value] of [
        ['lineBytes', transfer.lineBytes],
        [`${side}Offset`, offset],
        [`${side}LineStride`, line],
        [`${side}SurfaceStride`, step],
      ] as const) {
        if (value % lineUnit !== 0) wrong(context, `bdma.${name} is not aligned`, `a multiple of ${lineUnit}`, value);
      }
      const end = offset + (transfer.surfaces - 1) * step + (transfer.lines - 1) * line + transfer.lineBytes;
      if (end > surface.size) wrong(context, `bdma.${side} leaves ${surface.name}`, surface.size, end);
    }
  }
}
