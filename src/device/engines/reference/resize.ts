/**
 * Up-scaling by whole factors. All positions are fractions over 2·scale, so they are computed in integers.
 *
 * Output index i of an axis with factor s lies at p / (2s) in the input, where p = 2i (asymmetric) or 2i + 1 − s
 * (half-pixel). Nearest takes the pixel that `rounding` says. Linear (half-pixel) takes j = ⌊p / 2s⌋ with weight
 * 2s − (p − 2sj) and j + 1 with weight p − 2sj; the four products of a pixel sum to an int32 over 4·sy·sx, which is
 * converted to float32, multiplied by the factor, rounded half away from zero and clamped. Indices outside the image take
 * the edge. Of float16 every product and sum is rounded to float32, and the result to binary16.
 */

import { fail } from '../../../base/errors.ts';
import { saturatedFloat16 } from '../../../base/float16.ts';
import { clamp, roundHalfAway } from '../../../base/rounding.ts';
import type { Resize } from '../../../program/layer.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import {
  type Activations,
  expectOneType,
  expectShape,
  readElements,
  readFeature,
  writeElements,
  writeFeature,
} from './feature.ts';

/** The input indices and weights of one output index, along one axis. */
export interface Tap {
  readonly first: number;
  readonly second: number;
  /** Of `first` and `second`; they sum to 2·scale. */
  readonly weights: readonly [number, number];
}

/** The taps of every output index of an axis. Nearest has all its weight on `first`. */
export function resizeTaps(resize: Resize<Cube>, scale: number, size: number): Tap[] {
  const edge = (index: number) => clamp(index, 0, size - 1);
  return Array.from({ length: size * scale }, (_, i) => {
    const period = 2 * scale;
    const halfPixel = 2 * i + 1 - scale;
    if (resize.mode === 'linear') {
      const p = halfPixel;
      const j = Math.floor(p / period);
      const rest = p - period * j;
      return { first: edge(j), second: edge(j + 1), weights: [period - rest, rest] };
    }
    const p = resize.coordinates === 'half_pixel' ? halfPixel : 2 * i;
    const nearest = {
      floor: Math.floor(p / period),
      half_down: Math.ceil((p - scale) / period),
      half_up: Math.floor((p + scale) / period),
    }[resize.rounding];
    return { first: edge(nearest), second: edge(nearest), weights: [period, 0] };
  });
}

/** @throws device/fault */
export function checkResize(resize: Resize<Cube>): void {
  const { scale, input, output } = resize;
  if (![scale.h, scale.w].every((s) => Number.isInteger(s) && s >= 1 && s <= 32)) {
    fail('device/fault', 'a resize factor is outside 1 … 32', {}, { actual: `${scale.h} ${scale.w}` });
  }
  if (resize.mode === 'linear' && resize.factor !== Math.fround(resize.factor)) {
    fail('device/fault', 'the factor of a resize is no float32', {}, { actual: resize.factor });
  }
  expectOneType(input, output, 'a resize');
  const [batch, channels, height, width] = input.shape;
  expectShape([batch, channels, height * scale.h, width * scale.w], output.shape, 'the resize output');
}

/** @throws device/fault, device/unsupported */
export function resize(stage: Resize<Cube>, bus: Bus): void {
  checkResize(stage);
  const what = 'the resize input';
  const { data: from, shape } =
    stage.mode === 'nearest' ? readElements(stage.input, bus, what) : readFeature(stage.input, bus, what);
  const [batch, channels, height, width] = shape;
  const { scale } = stage;
  const rows = resizeTaps(stage, scale.h, height);
  const columns = resizeTaps(stage, scale.w, width);
  const length = batch * channels * rows.length * columns.length;
  const data = from instanceof Float32Array ? new Float32Array(length) : new Int32Array(length);
  let to = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    const at = (y: number, x: number) => from[(plane * height + y) * width + x]!;
    for (const row of rows) {
      for (const column of columns) {
        data[to++] =
          stage.mode === 'nearest' ? at(row.first, column.first) : interpolate(at, row, column, stage.factor, from);
      }
    }
  }
  const write = stage.mode === 'nearest' ? writeElements : writeFeature;
  write(stage.output, { shape: stage.output.shape, data }, bus, 'the resize output');
}

function interpolate(
  at: (y: number, x: number) => number,
  row: Tap,
  column: Tap,
  factor: number,
  from: Activations['data'],
): number {
  // Every sum of int8 is exact in float32, so that rounding it changes nothing.
  const between = (a: number, b: number, [first, second]: Tap['weights']) =>
    Math.fround(Math.fround(a * first) + Math.fround(b * second));
  const above = between(at(row.first, column.first), at(row.first, column.second), column.weights);
  const below = between(at(row.second, column.first), at(row.second, column.second), column.weights);
  const t = Math.fround(between(above, below, row.weights) * factor);
  return from instanceof Float32Array ? saturatedFloat16(t) : clamp(roundHalfAway(t), -128, 127);
}
