/** A lookup table of SDP or CDP: LE has 65 entries, exponential or linear, LO 257, linear. */

import type { LutParam } from '../format/descriptors.ts';
import { hex, named, names, phrase, reserved } from './names.ts';

const entriesPerLine = 16;

export const lookupTableLines = (lut: LutParam): readonly string[] => [
  phrase(
    `LE ${named(names.lutMethod, lut.method)}`,
    ...(['hybrid', 'underflow', 'overflow'] as const).map(
      (what) => `${what} ${named(names.lutChoice, lut[`${what}Priority`])}`,
    ),
    reserved({ reserved0: lut.reserved0, reserved1: lut.reserved1 }),
  ),
  `LE: ${phrase(
    `${lut.method === 0 ? 'exponent' : 'index'} offset ${lut.linearExpOffset}`,
    `from ${edge(lut.linearExpStart)} to ${edge(lut.linearExpEnd)}`,
    `below ${slope(lut.linearExpUnderflow)}, above ${slope(lut.linearExpOverflow)}`,
  )}`,
  ...entries('LE', lut.linearExpTable),
  `LO: ${phrase(
    `index offset ${lut.linearOnlyOffset}`,
    `from ${edge(lut.linearOnlyStart)} to ${edge(lut.linearOnlyEnd)}`,
    `below ${slope(lut.linearOnlyUnderflow)}, above ${slope(lut.linearOnlyOverflow)}`,
  )}`,
  ...entries('LO', lut.linearOnlyTable),
];

/** A signed number, or the bits of a float32 in FP16. */
const edge = (bits: bigint): string => `${BigInt.asIntN(64, bits)} (${hex(bits)})`;

/** In FP16 the scale is the bits of the slope. */
const slope = ({ scale, shift, reserved0 }: LutParam['linearExpUnderflow']): string =>
  `slope ${scale} >> ${shift}${reserved0 === 0 ? '' : ` (reserved0 ${reserved0})`}`;

const entries = (name: string, table: readonly number[]): readonly string[] =>
  Array.from({ length: Math.ceil(table.length / entriesPerLine) }, (_, line) => {
    const from = line * entriesPerLine;
    return `${name}[${from}]: ${table.slice(from, from + entriesPerLine).join(' ')}`;
  });
