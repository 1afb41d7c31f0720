/**
 * What float16 products lose to a cut of 8 bits, by the data's sign and the low byte of its mantissa; four tables of 16
 * bytes for each, which kernels look up by four bits of the weight:
 *
 *     its multiples modulo 256, by the weight's lowest four bits, and by the next four
 *     when the carry-save tree loses one more, by the same bits as Booth digits see them: if the two bytes have a bit in
 *     common, in the lower half for positive weights, in the upper for negative ones
 *
 * For any data the tree's loss, as a function of both halves of the weight's low byte, has at most four different rows
 * other than none: four bits are enough.
 */

import { shiftedProduct } from '../../../reference/nvdla/float16/multiply.ts';
import * as layout from './job.ts';

const entries = 512;

export const cutTablesBytes = entries * layout.tableBytes;

let made: Uint8Array | undefined;

export function cutTables(): Uint8Array {
  made ??= makeTables();
  return made;
}

function makeTables(): Uint8Array {
  const tables = new Uint8Array(cutTablesBytes);
  for (let byte = 0; byte < 256; byte++) {
    const [low, high] = lossBits(byte);
    const positive = byte * layout.tableBytes;
    const negative = (byte + 256) * layout.tableBytes;
    for (let i = 0; i < 16; i++) {
      tables[positive + i] = byte * i;
      tables[negative + i] = -byte * i;
      tables[positive + 16 + i] = byte * i * 16;
      tables[negative + 16 + i] = -byte * i * 16;
      tables[positive + 32 + i] = low[i]!;
      tables[positive + 48 + i] = high[i]!;
      // With the data's sign the product's changes: digits are inverted, and the halves change places.
      tables[negative + 32 + i] = ((low[15 - i]! & 15) << 4) | (low[15 - i]! >> 4);
      tables[negative + 48 + i] = high[15 - i]!;
    }
  }
  return tables;
}

/** The pair of tables for positive data. */
function lossBits(byte: number): readonly [low: Uint8Array, high: Uint8Array] {
  const low = new Uint8Array(16);
  const high = new Uint8Array(16);
  const rows: number[] = [];
  for (const negative of [false, true]) {
    for (let i = 0; i < 16; i++) {
      let row = 0;
      for (let j = 0; j < 16; j++) if (losesMore(byte, i | (j << 4), negative)) row |= 1 << j;
      if (row === 0) continue;
      if (!rows.includes(row)) rows.push(row);
      low[i]! |= 1 << (rows.indexOf(row) + (negative ? 4 : 0));
    }
  }
  if (rows.length > 4) throw new Error('four bits do not tell what the carry-save tree loses');
  for (const [bit, row] of rows.entries()) {
    for (let j = 0; j < 16; j++) if ((row >> j) & 1) high[j]! |= 0x11 << bit;
  }
  return [low, high];
}

/** @param digits the weight's low byte, inverted when the product is negative */
function losesMore(byte: number, digits: number, negative: boolean): boolean {
  const weight = negative ? ~digits & 255 : digits;
  const product = byte * weight * (negative ? -1 : 1);
  return shiftedProduct(byte, weight, negative, 8) < Math.floor(product / 256);
}
