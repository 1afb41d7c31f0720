/** Fields of layers: how their schemas are written, and the types, schemas and limits of those that several kinds have. */

import * as z from '../../base/schema.ts';
import type { Bytes } from '../../base/units.ts';
import { type LayerContext, whole } from './context.ts';
import type { ChannelRange } from './kind.ts';

/**
 * Schemas are for values that come from text. The interfaces are the source of truth: `record<T>()` takes a schema for every
 * field that T has, optional ones included, and no other. Schemas see to types and ranges; how the parts fit together is the
 * validator's. An optional field has a schema that may be left out.
 */
export type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? z.ZodExactOptional<z.ZodType<Exclude<T[K], undefined>>>
    : z.ZodType<T[K]>;
};

export const record =
  <T>() =>
  <S extends Fields<T>>(fields: S): z.ZodObject<S, z.core.$strict> =>
    z.strictObject(fields);

export const optional = <S extends z.ZodType>(schema: S): z.ZodExactOptional<S> => schema.exactOptional();

export const integer = z.int();
export const number = z.number();
export const index = z.int().min(0);
export const indices = z.array(index);
export const byteCount = z.int().min(0) as unknown as z.ZodType<Bytes>;
export const text = z.string();
export const texts = z.array(text);

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
