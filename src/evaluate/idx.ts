/**
 * IDX files, the format of MNIST and its relatives: a magic number (0, 0, element type, rank), big-endian sizes, then
 * the elements. Read gzipped or not. Images and labels are unsigned bytes (type 0x08); nothing else is read here.
 */

import { DlakitError, fail } from '../base/errors.ts';
import type { DataSet } from './data-set.ts';

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const mostBytes = 2 ** 31 - 1;
const unsignedByte = 0x08;

/** @throws evaluate/data-set */
export async function readIdx(bytes: Uint8Array, file?: string): Promise<IdxArray> {
  const place = file === undefined ? {} : { file };
  const data = isGzip(bytes) ? await gunzip(bytes, mostBytes, file) : bytes;
  const bad = (message: string, detail: { expected?: string | number; actual?: string | number } = {}): never =>
    fail('evaluate/data-set', message, place, detail);
  if (data.length < 4 || data[0] !== 0 || data[1] !== 0) return bad('this is not an IDX file');
  if (data[2] !== unsignedByte) {
    return bad('the elements of the IDX file are not bytes', { expected: 'type 8', actual: `type ${data[2]}` });
  }
  const rank = data[3]!;
  if (rank < 1 || rank > 4)
    return bad('the IDX file has an odd number of dimensions', { expected: '1 to 4', actual: rank });
  const start = 4 + 4 * rank;
  if (data.length < start) return bad('the IDX file ends inside its header');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (!shape.every((dim) => dim > 0)) return bad('a dimension of the IDX file is zero', { actual: shape.join('×') });
  if (data.length - start !== elements) {
    return bad('the IDX file has another number of bytes than its dimensions say', {
      expected: elements,
      actual: data.length - start,
    });
  }
  return { shape, data: data.subarray(start) };
}

/**
 * A data set of gray, RGB or RGBA images ([N, H, W], [N, H, W, 3] or [N, H, W, 4]) and their labels ([N]).
 * @throws evaluate/data-set
 */
export async function idxDataSet(
  images: Uint8Array,
  labels: Uint8Array | undefined,
  names: { readonly images?: string; readonly labels?: string } = {},
): Promise<DataSet> {
  const { shape, data } = await readIdx(images, names.images);
  const place = names.images === undefined ? {} : { file: names.images };
  const [count = 0, height = 0, width = 0, depth = 1] = shape;
  if (shape.length < 3 || (depth !== 1 && depth !== 3 && depth !== 4)) {
    fail('evaluate/data-set', 'the IDX file holds no images', place, {
      expected: 'count×height×width, or …×3 or …×4',
      actual: shape.join('×'),
    });
  }
  const channels = depth;
  const marks = labels && (await readIdx(labels, names.labels));
  if (marks && (marks.shape.length !== 1 || marks.shape[0] !== count)) {
    fail(
      'evaluate/data-set',
      'there is not one label for each image',
      names.labels === undefined ? {} : { file: names.labels },
      { expected: count, actual: marks.shape.join('×') },
    );
  }
  const size = height * width * channels;
  return {
    name: names.images ?? 'images',
    size: count,
    async sample(index) {
      const pixels = data.subarray(index * size, (index + 1) * size);
      const label = marks?.data[index];
      return {
        image: { width, height, channels, pixels },
        file: `${names.images ?? 'image'} ${index}`,
        ...(label !== undefined && { label }),
      };
    },
  };
}

/** Whether bytes begin as a gzip file does (RFC 1952, 2.3.1). */
const isGzip = (data: Uint8Array): boolean => data[0] === 0x1f && data[1] === 0x8b;

/**
 * Decompresses with what every platform has. The result is bounded, so that a small file cannot fill the memory.
 *
 * @throws evaluate/data-set when the data is damaged or grows beyond `limit` bytes
 */
export async function gunzip(data: Uint8Array, limit = 2 ** 31 - 1, file?: string): Promise<Uint8Array> {
  const place = file === undefined ? {} : { file };
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    // Decompressors refuse views of shared memory, which the DOM types reflect.
    const source = data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
    const reader = new Blob([source]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > limit) {
        await reader.cancel();
        fail('evaluate/data-set', 'the decompressed data is too large', place, { expected: `at most ${limit} bytes` });
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof DlakitError) throw error;
    fail('evaluate/data-set', 'the gzip data is damaged or truncated', place);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
