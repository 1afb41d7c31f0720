/**
 * Pixels that move: rectangles and rows in one launch; what steps over columns an atom of channels at a time, and no more rows
 * than the cubes of such a launch have channels for.
 */

import type { PixelGrid } from '../../program/layer.ts';
import { mostStepped, stepsOverColumns } from '../../program/layers/pixels.ts';
import type { ResizeOperation } from '../operation.ts';
import type { PixelsOperation } from '../place.ts';
import type { Launches, Lowering } from './lowering.ts';

interface Moved {
  /** Surface. */
  readonly input: number;
  readonly from: PixelGrid;
  /** Surface. */
  readonly output: number;
  readonly to: PixelGrid;
  readonly rows: number;
  readonly columns: number;
}

export const lowerPixels = ({ input, output, ...rest }: PixelsOperation, at: Lowering): Launches =>
  pixelCopies({ ...rest, input: at.surfaces.of(input), output: at.surfaces.of(output) }, at);

export function pixelCopies({ input, from, output, to, rows, columns }: Moved, { surfaces, atom }: Lowering): Launches {
  const channels = surfaces.shapeOf(input)[1];
  const common = { input, output, columns };
  if (!stepsOverColumns({ from, to })) {
    const pixels = { ...common, inputChannel: 0, outputChannel: 0, from, to, channels, rows };
    return [{ kind: 'pixels', pixels }];
  }
  const launches: Launches[number][] = [];
  const most = mostStepped / atom;
  for (let channel = 0; channel < channels; channel += atom) {
    for (let row = 0; row < rows; row += most) {
      const pixels = {
        ...common,
        inputChannel: channel,
        from: { ...from, row: from.row + row * from.step.h },
        outputChannel: channel,
        to: { ...to, row: to.row + row * to.step.h },
        channels: Math.min(atom, channels - channel),
        rows: Math.min(most, rows - row),
      };
      launches.push({ kind: 'pixels', pixels });
    }
  }
  return launches;
}

export const everyPixel: PixelGrid = { row: 0, column: 0, step: { h: 1, w: 1 } };

/** Every column again as often as it is wanted, and then every row: rows take a launch for all channels. */
export function lowerResize({ input, output, resize: { scale } }: ResizeOperation, at: Lowering): Launches {
  const { surfaces } = at;
  const [n, channels, rows, columns] = at.shapeOf(input);
  const whole = surfaces.of(output);
  const wide =
    scale.w === 1
      ? surfaces.of(input)
      : scale.h === 1
        ? whole
        : surfaces.inner(`${output}:widened`, [n, channels, rows, columns * scale.w], at.scaleOf(output));
  const launches: Launches[number][] = [];
  for (let column = 0; column < scale.w && scale.w > 1; column++) {
    const to = { row: 0, column, step: { h: 1, w: scale.w } };
    const ends = { input: surfaces.of(input), from: everyPixel, output: wide, to };
    launches.push(...pixelCopies({ ...ends, rows, columns }, at));
  }
  for (let row = 0; row < scale.h && wide !== whole; row++) {
    const to = { row, column: 0, step: { h: scale.h, w: 1 } };
    const ends = { input: wide, from: everyPixel, output: whole, to };
    launches.push(...pixelCopies({ ...ends, rows, columns: columns * scale.w }, at));
  }
  return launches;
}

/** Why an enlargement is not such a copy; undefined when it is. */
export function resizeObstacle({ resize }: ResizeOperation, [, , , columns]: readonly number[]): string | undefined {
  if (resize.mode !== 'nearest') return 'it interpolates, and pixels are only copied';
  const { coordinates, rounding, scale } = resize;
  const source = (place: number, factor: number): number => {
    const at = coordinates === 'asymmetric' ? place / factor : (place + 0.5) / factor - 0.5;
    if (rounding === 'floor') return Math.floor(at);
    return rounding === 'half_down' ? Math.ceil(at - 0.5) : Math.floor(at + 0.5);
  };
  for (const factor of [scale.h, scale.w]) {
    for (let place = 0; place < factor; place++) {
      if (source(place, factor) !== 0) return 'its pixels do not all come from the pixel whose block they lie in';
    }
  }
  return columns! * scale.w > mostStepped ? `it has more than ${mostStepped} columns` : undefined;
}
