/**
 * Single-point operations that only copy: pixels that are cut out of surfaces or put into them (`PixelCopy`). Their cubes are
 * rectangles, which may step over rows, or *turned*: one pixel wide, with the columns of the surface as lines and its rows as
 * channels, so that they step over pixels both ways (lower/moves.ts). Where only copies touch a surface, its width is the
 * one that they suggest; another that explains the same bytes would do as well.
 */

import { elementSize } from '../../../base/data-type.ts';
import { elementsPerAtom } from '../../../program/geometry.ts';
import type { CubeAccess, MemoryAccess } from './access.ts';
import { unsaid } from './lift-context.ts';
import { type Frame, framePixel, type Part, type PixelPart, placeIn } from './surfaces.ts';
import type { Value } from './values.ts';

/** The two ends of a copy. */
export interface CopyEnds {
  readonly input: CubeAccess;
  readonly output: CubeAccess;
}

type Fit = (end: CubeAccess, frame: Frame) => PixelPart | undefined;

const blocksOf = ({ shape, format }: CubeAccess): number => Math.ceil(shape[1] / elementsPerAtom(format));
const pixelOf = ({ dtype, format }: CubeAccess): number => elementsPerAtom(format) * elementSize[dtype];
const isStep = (step: number): boolean => Number.isInteger(step) && step >= 1;

const straight: Fit = (end, frame) => {
  const [, channels, rows, columns] = end.shape;
  const place = placeIn(frame, end.offset);
  const step = rows === 1 && end.lineStride < frame.lineStride ? 1 : end.lineStride / frame.lineStride;
  const fits = isStep(step) && (blocksOf(end) === 1 || end.surfaceStride === frame.surfaceStride);
  if (!place || !fits || place.column + columns > frame.width) return undefined;
  const { block, row, column } = place;
  const channel = block * elementsPerAtom(frame.format);
  return { kind: 'pixels', channel, channels, grid: { row, column, step: { h: step, w: 1 } }, rows, columns };
};

const turned: Fit = (end, frame) => {
  const [, held, columns, width] = end.shape;
  const atom = elementsPerAtom(frame.format);
  const place = placeIn(frame, end.offset);
  const step = { h: end.surfaceStride / frame.lineStride, w: end.lineStride / framePixel(frame) };
  if (!place || width !== 1 || held % atom !== 0 || !isStep(step.h) || !isStep(step.w)) return undefined;
  const { block, row, column } = place;
  if (column + (columns - 1) * step.w >= frame.width) return undefined;
  const channel = block * atom;
  const channels = Math.min(atom, frame.channels - channel);
  return { kind: 'pixels', channel, channels, grid: { row, column, step }, rows: held / atom, columns };
};

/** Whether a straight cube has the surface's stride between atoms, also where that makes no difference. */
const isStrict = (end: CubeAccess, frame: Frame): boolean =>
  end.surfaceStride === frame.surfaceStride && end.shape[1] <= frame.channels;

/** How the cubes of a copy lie in their surfaces. @throws loadable/unliftable */
function fitCopy({ input, output }: CopyEnds, from: Frame, to: Frame): readonly [PixelPart, PixelPart] {
  const both = (lie: Fit): readonly [PixelPart, PixelPart] | undefined => {
    const [read, written] = [lie(input, from), lie(output, to)];
    return read && written && read.channels === written.channels ? [read, written] : undefined;
  };
  const plain = both(straight);
  if (plain && isStrict(input, from) && isStrict(output, to)) return plain;
  return both(turned) ?? plain ?? unsaid('a copy whose cubes do not lie on the lines of their surfaces');
}

interface GuessedEnd {
  readonly end: CubeAccess;
  readonly other: CubeAccess;
  /** The frame that the other lies in, where it is known. */
  readonly frame: Frame | undefined;
}

function isTurned({ end, other, frame }: GuessedEnd): boolean {
  if (end.shape[3] > 1) return false;
  if (frame) return !(straight(other, frame) && isStrict(other, frame)) && turned(other, frame) !== undefined;
  return end.shape[1] % elementsPerAtom(end.format) === 0;
}

/** The frame of a surface that only copies touch, with lines without gaps. */
function guessSurface(ends: readonly GuessedEnd[]): CubeAccess {
  const [{ end: first }] = ends as readonly [GuessedEnd];
  const guesses = ends.map((guessed) => {
    const { end, other, frame } = guessed;
    const [, channels, height, width] = end.shape;
    if (isTurned(guessed)) {
      const lineStride = height * end.lineStride;
      const rows = blocksOf(end) * Math.max(1, Math.round(end.surfaceStride / lineStride));
      // A turned cube has all channels of an atom.
      return { channels: Math.min(elementsPerAtom(end.format), frame?.channels ?? channels), lineStride, rows };
    }
    // Whole lines at the other end are whole lines here, with others between them.
    const line = width * pixelOf(end);
    const isWhole = other.lineStride === line && end.lineStride % line === 0;
    const lineStride = isWhole ? line : end.lineStride;
    return { channels, lineStride, rows: Math.floor(end.surfaceStride / lineStride), isSure: true };
  });
  const most = (of: (guess: (typeof guesses)[number]) => number, among = guesses): number =>
    among.reduce((largest, guess) => Math.max(largest, of(guess)), 1);
  const sure = guesses.filter(({ isSure }) => isSure);
  const channels = most((guess) => guess.channels, sure.length > 0 ? sure : guesses);
  const lineStride = Math.max(
    pixelOf(first),
    most((guess) => guess.lineStride),
  );
  const rows = most((guess) => guess.rows);
  const offset = ends.reduce((least, { end }) => Math.min(least, end.offset), first.offset);
  const shape = [1, channels, rows, Math.floor(lineStride / pixelOf(first))] as const;
  return { ...first, offset, shape, lineStride, surfaceStride: rows * lineStride };
}

/** A frame with room for the pixels of a copy. */
const grown = (frame: Frame, { channel, channels, grid, rows }: PixelPart): Frame => ({
  ...frame,
  channels: Math.max(frame.channels, channel + channels),
  height: Math.max(frame.height, grid.row + (rows - 1) * grid.step.h + 1),
});

/** The part as a plain view, where it is whole lines without steps. */
function plainPart({ channel, channels, grid, rows, columns }: PixelPart, frame: Frame): Part | undefined {
  const { row, column, step } = grid;
  if (column !== 0 || columns !== frame.width || step.h !== 1 || step.w !== 1) return undefined;
  const whole = channel === 0 && row === 0 && rows === frame.height && channels === frame.channels;
  return whole ? { kind: 'whole' } : { kind: 'view', channel, row, shape: [1, channels, rows, columns] };
}

export interface PlacedCopies {
  readonly frames: ReadonlyMap<Value, Frame>;
  /** Where the cubes of copies lie in their surfaces. */
  readonly parts: ReadonlyMap<MemoryAccess, Part>;
}

/**
 * Frames for values that only copies touch, and the places of all copies.
 * @param frames of other values @param frameWith the frame of a value of which a cube is all @throws loadable/unliftable
 */
export function placeCopies(
  copies: readonly CopyEnds[],
  valueAt: ReadonlyMap<MemoryAccess, Value>,
  known: ReadonlyMap<Value, Frame>,
  frameWith: (value: Value, guess: CubeAccess) => Frame | undefined,
): PlacedCopies {
  const frames = new Map(known);
  const ends = new Map<Value, Omit<GuessedEnd, 'frame'>[]>();
  for (const { input, output } of copies) {
    for (const [end, other] of [
      [input, output],
      [output, input],
    ] as const) {
      const value = valueAt.get(end)!;
      ends.set(value, [...(ends.get(value) ?? []), { end, other }]);
    }
  }
  // In order: the frame of what a copy reads is known by then, and gives the frame of what it writes.
  for (const [value, own] of ends) {
    if (frames.has(value)) continue;
    const guessed = own.map((each) => ({ ...each, frame: frames.get(valueAt.get(each.other)!) }));
    const frame = frameWith(value, guessSurface(guessed));
    if (frame) frames.set(value, frame);
  }
  const frameOf = (end: CubeAccess): Frame =>
    frames.get(valueAt.get(end)!) ?? unsaid('a copy of what others take for bytes');
  const pixels = copies.map((ends) => ({ ends, fits: fitCopy(ends, frameOf(ends.input), frameOf(ends.output)) }));
  for (const { ends: own, fits } of pixels) {
    for (const [index, end] of [own.input, own.output].entries()) {
      frames.set(valueAt.get(end)!, grown(frameOf(end), fits[index]!));
    }
  }
  const parts = new Map<MemoryAccess, Part>();
  for (const { ends: own, fits } of pixels) {
    const both = [own.input, own.output] as const;
    const plain = both.map((end, index) => plainPart(fits[index]!, frameOf(end)));
    const isPlain = plain.every((part) => part !== undefined);
    for (const [index, end] of both.entries()) parts.set(end, isPlain ? plain[index]! : fits[index]!);
  }
  return { frames, parts };
}
