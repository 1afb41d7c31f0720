/**
 * Tensors from files: NumPy's `.npy`, which says what it holds, and raw little-endian elements, which do not. A file holds one sample or
 * several, one after the other; several files follow one another. Only what a run takes is read.
 *
 * The format of `.npy` is in numpy.lib.format: "\x93NUMPY", a version, the length of a header, the header as the text of a Python
 * dictionary with descr, fortran_order and shape, then the elements.
 */

import { type DataType, elementSize, typedArray, typedArrays } from '../base/data-type.ts';
import { fail, type Place } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import { asFloat32, elementCount, float32Holds } from '../graph/tensor.ts';
import type { InputSource } from './feed.ts';

/** The bytes of a file, read where they are wanted. */
export interface ByteSource {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** @throws file/not-found */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** An input of a network. */
export interface TensorInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** A file that was looked at. */
interface TensorFile {
  readonly source: ByteSource;
  readonly dtype: DataType;
  /** Where its elements begin. */
  readonly offset: number;
  /** How many samples it holds. */
  readonly count: number;
}

/**
 * Files as what an input gets. A sample is a tensor of the input's shape without its batch; where the first dimension of the input is
 * not the batch of the network it is the whole tensor.
 * @param batch of the network
 * @throws run/input for a file that holds no whole samples of that shape and type; evaluate/data-set for a damaged .npy; file/not-found
 */
export async function tensorSource(
  { name, shape, dtype }: TensorInput,
  batch: number,
  sources: readonly ByteSource[],
): Promise<InputSource> {
  const perRun = shape.length > 0 && shape[0] === batch ? batch : 1;
  const own = shape.length > 0 && shape[0] === batch ? shape.slice(1) : shape;
  const files: TensorFile[] = [];
  for (const source of sources) files.push(await look(source, name, own, dtype));
  const elements = elementCount(own);
  const starts: number[] = [];
  let size = 0;
  for (const { count } of files) {
    starts.push(size);
    size += count;
  }
  const bytesOf = elements * elementSize[dtype];
  return {
    input: name,
    name: sources[0]?.file ?? name,
    size,
    perRun,
    async read(first, count) {
      const bytes = new Uint8Array(elementCount(shape) * elementSize[dtype]);
      for (let done = 0; done < count; ) {
        const at = first + done;
        const index = starts.findLastIndex((start) => start <= at);
        const file = files[index]!;
        const part = Math.min(count - done, starts[index]! + file.count - at);
        const stride = elements * elementSize[file.dtype];
        const raw = await file.source.read(file.offset + (at - starts[index]!) * stride, part * stride);
        bytes.set(converted(raw, file, dtype, name), done * bytesOf);
        done += part;
      }
      return { tensor: { dtype, shape, bytes }, labels: Array.from({ length: count }, () => undefined) };
    },
  };
}

const npyMagic = '\x93NUMPY';
/** Longer than what NumPy writes for any shape. */
const longestHeader = 65_536;

async function look(
  source: ByteSource,
  input: string,
  shape: readonly number[],
  wanted: DataType,
): Promise<TensorFile> {
  const place = { file: source.file, value: input };
  const start = await source.read(0, Math.min(source.size, longestHeader));
  const header = latin1(start.subarray(0, npyMagic.length)) === npyMagic ? npyHeader(start, place) : undefined;
  const dtype = header?.dtype ?? wanted;
  const offset = header?.offset ?? 0;
  const bytes = elementCount(shape) * elementSize[dtype];
  const count = (source.size - offset) / bytes;
  if (header) {
    const leading = header.shape.length - shape.length;
    const fits = leading >= 0 && shape.every((dim, axis) => dim === header.shape[leading + axis]);
    if (!fits) {
      const expected = shape.length === 0 ? 'a number, or a list of them' : `[…, ${shape.join(', ')}]`;
      const detail = { expected, actual: `[${header.shape.join(', ')}]` };
      fail('run/input', 'the array has another shape than the input', place, detail);
    }
    if (elementCount(header.shape) * elementSize[dtype] !== source.size - offset) {
      const detail = {
        expected: offset + elementCount(header.shape) * elementSize[dtype],
        actual: `${source.size} bytes`,
      };
      fail('evaluate/data-set', 'the file has another size than its header says', place, detail);
    }
  }
  if (!Number.isInteger(count) || count < 1) {
    const detail = {
      expected: `a multiple of ${bytes} bytes (${dtype} ${shape.join('×') || 'scalar'})`,
      actual: `${source.size} bytes`,
    };
    fail('run/input', 'the file has another size than the input', place, detail);
  }
  return { source, dtype, offset, count };
}

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** NumPy's kinds of elements; the byte order comes before them. */
const npyTypes: Readonly<Record<string, DataType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
};

/** @throws evaluate/data-set */
function npyHeader(bytes: Uint8Array, place: Place) {
  const bad = (message: string, actual?: string): never =>
    fail('evaluate/data-set', message, place, actual === undefined ? {} : { actual });
  if (bytes.length < 12) bad('the .npy file ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, start] = [bytes[6]!, bytes[6]! === 1 ? 10 : 12];
  if (version < 1 || version > 3) bad('another version of the .npy format', `${version}`);
  const offset = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (offset > bytes.length) bad('the .npy file ends inside its header');
  const text = latin1(bytes.subarray(start, offset));
  const field = (name: string, value: string) => new RegExp(`['"]${name}['"]\\s*:\\s*${value}`).exec(text)?.[1];
  const descr = field('descr', `['"]([^'"]*)['"]`);
  const order = field('fortran_order', '(True|False)');
  const dims = field('shape', '\\(([\\d\\s,L]*)\\)');
  if (descr === undefined || order === undefined || dims === undefined)
    return bad('the header of the .npy file is damaged');
  const dtype = /^[<|=]/.test(descr) ? npyTypes[descr.slice(1)] : undefined;
  if (dtype === undefined) return bad('the elements of the .npy file are no little-endian numbers', descr);
  const shape = dims.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number.parseInt(part, 10)]));
  if (order === 'True' && shape.length > 1) {
    return bad('the elements of the .npy file lie in the order of Fortran: save numpy.ascontiguousarray of them');
  }
  return { dtype, offset, shape };
}

const floats: readonly DataType[] = ['float32', 'float16'];

/**
 * Elements in the type of the input: floats from floats of any width and from bytes, integers and truth values from integers that they
 * can hold. Other integers might stand for scaled numbers, as the samples of a sound do, and are given for no floats.
 */
function converted(bytes: Uint8Array, { dtype, source }: TensorFile, wanted: DataType, input: string): Uint8Array {
  if (dtype === wanted) return bytes;
  const place = { file: source.file, value: input };
  const unfit = (actual: string): never =>
    fail('run/input', 'the elements are no numbers of the type of the input', place, { expected: wanted, actual });
  if (floats.includes(wanted)) {
    if (dtype !== 'float64' && dtype !== 'float32' && !float32Holds.includes(dtype)) return unfit(dtype);
    const values = asFloat32({ dtype, shape: [], bytes });
    const out = wanted === 'float32' ? values : Uint16Array.from(values, float16Bits);
    return new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
  }
  if (wanted === 'string' || wanted === 'float64' || wanted === 'bfloat16') return unfit(dtype);
  if (dtype === 'string' || dtype === 'bfloat16' || dtype.startsWith('float')) return unfit(dtype);
  const given = typedArray(dtype as 'int64', bytes);
  const big = wanted === 'int64' || wanted === 'uint64';
  const values = Array.from<number | bigint, number | bigint>(given, (value) => (big ? BigInt(value) : Number(value)));
  const out = (typedArrays[wanted as 'int32'] as Int32ArrayConstructor).from(values as number[]);
  for (const [index, value] of out.entries()) if (BigInt(value) !== BigInt(given[index]!)) unfit(`${given[index]}`);
  return new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
}
