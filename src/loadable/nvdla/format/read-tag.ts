/** Reading the tag of a loadable of ours (tag.ts) from untrusted bytes. */

import * as z from 'zod';
import { fail } from '../../../base/errors.ts';
import type { StockLoadable } from './stock-loadable.ts';
import { type LoadableTag, tagName } from './tag.ts';

const mostBytes = 2 ** 20;

const finite = z.number().refine(Number.isFinite);
const tensor = z.strictObject({
  name: z.string().min(1),
  shape: z.array(z.number().int().positive()),
  dtype: z.enum(['int8', 'int16', 'float16']),
  /** real = scale × integer; absent for float16. */
  scale: finite.positive().optional(),
});

const schema = z.strictObject({
  format: z.literal('dlakit-loadable'),
  version: z.literal(1),
  target: z.string().min(1),
  network: z.string(),
  /** By their bind ids. */
  inputs: z.array(tensor),
  outputs: z.array(tensor),
  submissions: z.number().int().min(2).max(65_535).optional(),
  layers: z.array(z.string()).optional(),
  preprocess: z
    .strictObject({
      mean: z.array(finite),
      std: z.array(finite),
      channelOrder: z.enum(['rgb', 'bgr', 'gray']),
    })
    .optional(),
});

/** The tag of a loadable of ours; undefined for others. @throws loadable/corrupt */
export function tagOf({ blobs }: StockLoadable): LoadableTag | undefined {
  const blob = blobs.find((candidate) => candidate.name === tagName);
  if (!blob) return undefined;
  const place = { value: tagName };
  if (blob.data.length > mostBytes) {
    fail('loadable/corrupt', 'the tag is too large', place, { expected: mostBytes, actual: blob.data.length });
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(blob.data));
  } catch (error) {
    fail('loadable/corrupt', `the tag is not JSON: ${error instanceof Error ? error.message : String(error)}`, place);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return fail('loadable/corrupt', `the tag: ${issue?.path.join('.') || 'all of it'}: ${issue?.message}`, place);
  }
  const { format: _, version: __, ...tag } = parsed.data;
  return tag;
}
