import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementSize } from '../base/data-type.ts';
import { DlakitError } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import { asFloat32, numbers } from '../graph/tensor.ts';
import { type ByteSource, type TensorInput, tensorSource } from './tensor-files.ts';
import { npy } from './testing/npy.ts';

const input: TensorInput = { name: 'x', shape: [1, 2, 2], dtype: 'float32' };

interface Watched extends ByteSource {
  /** Bytes that were read at most at once. */
  readonly most: () => number;
}

function fileOf(bytes: Uint8Array, file = 'x.npy'): Watched {
  let most = 0;
  return {
    file,
    size: bytes.length,
    most: () => most,
    read: async (offset, length) => {
      if (offset + length > bytes.length) throw new Error('beyond the end');
      if (offset > 0) most = Math.max(most, length);
      return bytes.slice(offset, offset + length);
    },
  };
}

const read = async (files: readonly Uint8Array[], of: TensorInput = input, batch = 1) => {
  const source = await tensorSource(
    of,
    batch,
    files.map((bytes, index) => fileOf(bytes, `${index}.npy`)),
  );
  const found: number[][] = [];
  for (let first = 0; first < source.size; first += source.perRun) {
    const { tensor } = await source.read(first, Math.min(source.perRun, source.size - first));
    expect(tensor).toMatchObject({ dtype: of.dtype, shape: of.shape });
    found.push(tensor.dtype === 'float16' ? [...asFloat32(tensor)] : numbers(tensor));
  }
  return found;
};

const floats = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe('files of tensors', () => {
  it('hold one sample or several, by the shape of the array or the size of the file', async () => {
    const two = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ];
    expect(await read([npy('<f4', '(2, 2, 2)', floats)])).toEqual(two);
    expect(await read([npy('<f4', '(2, 1, 2, 2)', floats)])).toEqual(two);
    expect(await read([npy('<f4', '(2, 2)', floats.subarray(0, 4))])).toEqual([two[0]]);
    expect(await read([npy('<f4', '(1, 2, 2)', floats.subarray(0, 4))])).toEqual([two[0]]);
    expect(await read([new Uint8Array(floats.buffer)])).toEqual(two);
    const halves = [floats.subarray(0, 4), floats.subarray(4)].map((part) => npy('<f4', '(2, 2)', part));
    expect(await read(halves)).toEqual(two);
  });

  it('fill a batch from several files, and leave zeros', async () => {
    const batch: TensorInput = { name: 'x', shape: [3, 2], dtype: 'float32' };
    const files = [npy('<f4', '(1, 2)', floats.subarray(0, 2)), npy('<f4', '(3, 2)', floats.subarray(2))];
    expect(await read(files, batch, 3)).toEqual([
      [1, 2, 3, 4, 5, 6],
      [7, 8, 0, 0, 0, 0],
    ]);
    // The first dimension of a state is not the batch.
    const state: TensorInput = { name: 'h', shape: [2, 3], dtype: 'float32' };
    expect(await read([npy('<f4', '(1, 2, 3)', floats.subarray(0, 6))], state, 3)).toEqual([[1, 2, 3, 4, 5, 6]]);
  });

  it('hold numbers of other types than the input, where each is one of it', async () => {
    const four = (values: ArrayBufferView, descr: string, of = input) => read([npy(descr, '(2, 2)', values)], of);
    expect(await four(Float64Array.of(0.1, 2, 3, 4), '<f8')).toEqual([[Math.fround(0.1), 2, 3, 4]]);
    expect(await four(Uint16Array.from([0.5, 2, -3, 4], float16Bits), '<f2')).toEqual([[0.5, 2, -3, 4]]);
    expect(await four(Uint8Array.of(0, 1, 2, 255), '|u1')).toEqual([[0, 1, 2, 255]]);
    expect(await four(Float32Array.of(0.5, 2, -3, 4), '<f4', { ...input, dtype: 'float16' })).toEqual([
      [0.5, 2, -3, 4],
    ]);
    const integers: TensorInput = { name: 'sr', shape: [], dtype: 'int64' };
    expect(await read([npy('<i4', '()', Int32Array.of(16_000))], integers)).toEqual([[16_000]]);
    expect(await read([npy('<i8', '(1,)', BigInt64Array.of(-5n))], integers)).toEqual([[-5]]);
    const bytes: TensorInput = { name: 'b', shape: [1, 2], dtype: 'uint8' };
    await expect(read([npy('<i4', '(2,)', Int32Array.of(1, 256))], bytes)).rejects.toThrow('expected uint8, found 256');
    await expect(four(Int16Array.of(1, 2, 3, 4), '<i2')).rejects.toThrow('expected float32, found int16');
    await expect(read([npy('<f4', '()', Float32Array.of(1))], integers)).rejects.toThrow(
      'expected int64, found float32',
    );
  });

  it.each([
    ['(2, 3)', '<f4', 'another shape than the input (expected […, 2, 2], found [2, 3]) [run/input]'],
    ['(4,)', '<f4', 'another shape than the input'],
    ['(5, 2, 2)', '<f4', 'another size than its header says'],
    ['(2, 2, 2)', '>f4', 'no little-endian numbers (found >f4) [evaluate/data-set]'],
    ['(2, 2, 2)', '<U8', 'no little-endian numbers'],
    ['(2, x)', '<f4', 'the header of the .npy file is damaged'],
  ])('of shape %s and type %s are refused', async (shape, descr, message) => {
    await expect(read([npy(descr, shape, floats)])).rejects.toThrow(message);
  });

  it('in the order of Fortran, in part or in another version are refused', async () => {
    await expect(read([npy('<f4', '(2, 2, 2)', floats, 'True')])).rejects.toThrow('the order of Fortran');
    const whole = npy('<f4', '(2, 2, 2)', floats);
    await expect(read([whole.with(6, 9)])).rejects.toThrow('another version of the .npy format (found 9)');
    await expect(read([whole.subarray(0, 40)])).rejects.toThrow('ends inside its header');
    await expect(read([new Uint8Array(7)])).rejects.toThrow(
      '0.npy, value x: the file has another size than the input (expected a multiple of 16 bytes (float32 2×2), found 7 bytes) [run/input]',
    );
  });

  it('are refused with a code or read whatever bytes they begin with', async () => {
    const whole = npy('<f4', '(2, 2, 2)', floats);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(whole.length), async (changes, cut) => {
        let bytes = whole;
        for (const [at, value] of changes) bytes = bytes.with(at, value);
        for (const part of [bytes, bytes.subarray(0, cut)]) {
          await read([part]).catch((error: unknown) => {
            if (!(error instanceof DlakitError)) throw error;
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are read in parts no larger than a run', async () => {
    const file = fileOf(npy('<f4', '(100, 2, 2)', new Float32Array(400)));
    const source = await tensorSource(input, 1, [file]);
    expect(source.size).toBe(100);
    for (let first = 0; first < 100; first++) await source.read(first, 1);
    expect(file.most()).toBe(4 * elementSize.float32);
  });
});
