/**
 * The stock format does not say which configuration a loadable is for, nor what its numbers stand for. Ours say it in a
 * blob named `dlakit`, JSON, that no memory names: the stock runtime never looks at it. Reading it back, nobody vouches for the bytes.
 */

import { fail } from '../../../base/errors.ts';
import * as z from '../../../base/schema.ts';
import { type Preprocess, preprocessSchema } from '../../../graph/preprocess.ts';
import type { Blob, StockLoadable } from './stock-loadable.ts';

const tagName = 'dlakit';

/** An input or output, by its bind id. */
export interface TaggedTensor {
  readonly name: string;
  /** Of one submission. */
  readonly shape: readonly number[];
  readonly dtype: 'int8' | 'int16' | 'float16';
  /** real = scale × integer; absent for float16. */
  readonly scale?: number | undefined;
}

export interface LoadableTag {
  readonly target: string;
  readonly network: string;
  readonly inputs: readonly TaggedTensor[];
  readonly outputs: readonly TaggedTensor[];
  /** How many submissions a run of the network takes: the images of its batch. Absent where it is one. */
  readonly submissions?: number | undefined;
  /** The layer that each operation is of, by the operation's index: what errors call it. */
  readonly layers?: readonly string[] | undefined;
  readonly preprocess?: Preprocess | undefined;
}

export function tagBlob(tag: LoadableTag): Blob {
  const data = new TextEncoder().encode(JSON.stringify({ format: 'dlakit-loadable', version: 1, ...tag }));
  return {
    name: tagName,
    size: data.length,
    interface: 0,
    subInterface: 0,
    version: { major: 0, minor: 0, subMinor: 0 },
    data,
  };
}

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
  preprocess: preprocessSchema.optional(),
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
