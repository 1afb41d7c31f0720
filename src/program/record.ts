/**
 * Schemas for values that come from text. The interfaces are the source of truth: `record<T>()` takes a schema for every
 * field that T has, optional ones included, and no other. Schemas see to types and ranges; how the parts fit together is the
 * validator's.
 */

import * as z from '../base/schema.ts';
import type { Bytes } from '../base/units.ts';

/** One schema for each field; an optional field has one that may be left out. */
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
