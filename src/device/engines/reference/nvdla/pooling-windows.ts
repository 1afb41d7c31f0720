/** Which rows and columns of the image each window of PDP covers. */

import { fail } from '../../../../base/errors.ts';
import type { Pdp } from '../../../../program/layer.ts';
import type { Shape4 } from '../../../../program/surface.ts';
import type { Cube } from '../../../launch.ts';

/** The part of a window that lies in the image, and how many of its cells do not. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly padded: number;
}

/** @throws device/fault, device/unsupported */
export function poolingWindows(
  { kernel, stride, padding, output }: Pdp<Cube>,
  [, channels, height, width]: Shape4,
): { readonly rows: readonly Span[]; readonly columns: readonly Span[] } {
  const [batch, outChannels, outHeight, outWidth] = output.shape;
  if (batch !== 1) fail('device/unsupported', 'hardware batches are not modelled', {}, { actual: batch });
  if (outChannels !== channels) {
    fail('device/fault', 'pooling changes channels', {}, { expected: channels, actual: outChannels });
  }
  return {
    rows: Array.from({ length: outHeight }, (_, y) => span(y, stride.h, kernel.h, padding.top, height)),
    columns: Array.from({ length: outWidth }, (_, x) => span(x, stride.w, kernel.w, padding.left, width)),
  };
}

function span(position: number, stride: number, kernel: number, before: number, size: number): Span {
  const start = position * stride - before;
  const from = Math.max(start, 0);
  const to = Math.min(start + kernel, size);
  return { from, to, padded: kernel - Math.max(0, to - from) };
}
