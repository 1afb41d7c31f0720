/**
 * Which convolutions run in sparse mode: of every four weights that lie side by side along input channels two are zero, and the shape
 * is one that the hardware takes (facts 1.6: C > 64, K mod 64 in a short list, INT8, one group, no image input).
 */

import type { ConvOperation } from './operation.ts';

const remainders: ReadonlySet<number> = new Set([0, 1, 2, 4, 8, 16, 32]);

/** @param weights quantised, [K, C, R, S] */
export function runsSparse({ shape, weights: { shape: dims } }: ConvOperation, weights: Int8Array): boolean {
  const [kernels = 0, channels = 0, rows = 1, columns = 1] = dims;
  if (shape.transposed || shape.groups !== 1 || channels <= 64 || !remainders.has(kernels % 64)) return false;
  const area = rows * columns;
  for (let k = 0; k < kernels; k++) {
    for (let c = 0; c < channels; c += 4) {
      const last = Math.min(c + 4, channels);
      for (let at = 0; at < area; at++) {
        let used = 0;
        for (let each = c; each < last; each++) if (weights[(k * channels + each) * area + at] !== 0) used++;
        if (used > 2) return false;
      }
    }
  }
  return true;
}
