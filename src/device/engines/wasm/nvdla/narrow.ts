/**
 * Which set-ups of SDP assembly/nvdla/narrow.ts does in one pass: all that our compiler makes of a convolution with or
 * without a residual addition. X1 takes vectors; X2 adds an int8 of the point, or there is none; no Y; the converter
 * only shifts.
 *
 * The limits keep two promises. X1's results may be cut to ±2²⁰: whatever X2 adds (at most 2⁷ · 2¹²) and the converter
 * shifts away (at most 11 bits) then still saturates where it would have. And X1's products end 26 bits behind the point
 * at most.
 */

import type { NvdlaSdp } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import type { JobFields } from '../kernel-host.ts';
import * as layout from './job.ts';

const mostTruncate = 26;
const mostAddShift = 12;
const mostShift = 11;
const mostResult = 2 ** 20;

/**
 * @param kinds what the units are to the kernels
 * @param truncate CACC's rounding shift before SDP
 */
export function narrowFields(
  { x1, x2, y, convert }: NvdlaSdp<Cube>,
  kinds: { readonly x1: number; readonly x2: number },
  truncate: number,
): (job: JobFields) => void {
  const isNarrow =
    truncate === 0 &&
    kinds.x1 === layout.kindVector &&
    x1!.truncate <= mostTruncate &&
    (!x2 || (kinds.x2 === layout.kindAdd && x2.truncate === 0 && x2.aluShift <= mostAddShift)) &&
    !y &&
    convert.offset === 0 &&
    convert.scale === 1 &&
    convert.shift <= mostShift;
  if (!isNarrow) return (job) => job.set(layout.narrow, 0);
  const isRelu = (unit: typeof x1): boolean => unit?.activation === 'relu' || unit?.afterPrelu === 'relu';
  const low = isRelu(x1) ? 0 : -mostResult;
  return (job) => {
    job.set(layout.narrow, 1);
    job.setDouble(layout.narrowLowF, low);
    job.set(layout.narrowAdds, x2 ? 1 : 0);
    job.set(layout.narrowAddShift, x2?.aluShift ?? 0);
    job.set(layout.narrowFloor, isRelu(x2) ? 0 : -(2 ** 31));
    job.set(layout.narrowShift, convert.shift);
  };
}
