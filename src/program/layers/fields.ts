/** Fields that several kinds of layer have: their types, schemas and limits. */

import { integer, record } from '../record.ts';
import { type LayerContext, whole } from './context.ts';
import type { ChannelRange } from './kind.ts';

export interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Height × width. */
export interface Extent {
  readonly h: number;
  readonly w: number;
}

export interface Convert {
  readonly offset: number;
  readonly scale: number;
  readonly shift: number;
}

export const extentSchema = record<Extent>()({ h: integer, w: integer });
export const paddingSchema = record<Padding>()({ top: integer, left: integer, bottom: integer, right: integer });
export const convertSchema = record<Convert>()({ offset: integer, scale: integer, shift: integer });

export function checkExtent(context: LayerContext, field: string, { h, w }: Extent): void {
  whole(context, `${field}.h`, h, 1, 65_535);
  whole(context, `${field}.w`, w, 1, 65_535);
}

export function checkPadding(context: LayerContext, field: string, pad: Padding): void {
  for (const side of ['top', 'left', 'bottom', 'right'] as const)
    whole(context, `${field}.${side}`, pad[side], 0, 65_535);
}

export function checkConvert(context: LayerContext, field: string, { offset, scale, shift }: Convert): void {
  whole(context, `${field}.offset`, offset, -(2 ** 31), 2 ** 31 - 1);
  whole(context, `${field}.scale`, scale, -32_768, 65_535);
  whole(context, `${field}.shift`, shift, 0, 63);
}

/** What a converter's registers hold: signed bits of its offset, and its shift. */
interface ConvertLimits {
  readonly offsetBits: number;
  readonly shift: readonly [least: number, most: number];
}

export function checkConvertRegisters(
  context: LayerContext,
  field: string,
  { offset, scale, shift }: Convert,
  limits: ConvertLimits,
): void {
  const most = 2 ** (limits.offsetBits - 1);
  whole(context, `${field}.offset`, offset, -most, most - 1);
  whole(context, `${field}.scale`, scale, -32_768, 32_767);
  whole(context, `${field}.shift`, shift, ...limits.shift);
}

/** Rows or columns of the output: what ⌊(in + padding − (dilation·(kernel−1)+1)) / stride⌋ + 1 gives. */
export function outputExtent(size: number, kernel: number, stride: number, dilation: number, pads: number): number {
  return Math.floor((size + pads - (dilation * (kernel - 1) + 1)) / stride) + 1;
}

/** So many channels from a first one on. */
export const channelRun = (from: number, count: number): ChannelRange => ({ from, to: from + count });
