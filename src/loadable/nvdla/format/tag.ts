/**
 * The stock format does not say which configuration a loadable is for, nor what its numbers stand for. Ours say it in a
 * blob named `dlakit`, JSON, that no memory names: the stock runtime never looks at it. read-tag.ts reads it back.
 */

import type { Blob } from './stock-loadable.ts';

export const tagName = 'dlakit';

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
  readonly preprocess?:
    | {
        readonly mean: readonly number[];
        readonly std: readonly number[];
        readonly channelOrder: 'rgb' | 'bgr' | 'gray';
      }
    | undefined;
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
