import { describe, expect, it } from 'vitest';
import { float16Bits } from '../base/float16.ts';
import { asFloat32, computedTensor, float32Reader, float32Tensor, readFloat32, type Tensor } from './tensor.ts';
import { reshaped } from './weight-scales.ts';

/** A tensor of the squares of 0, 1, 2, …, and how often elements of it were computed. */
function squares(count: number) {
  const runs: [start: number, length: number][] = [];
  const tensor = computedTensor([count], (start, into) => {
    runs.push([start, into.length]);
    for (let index = 0; index < into.length; index++) into[index] = (start + index) ** 2;
  });
  return { tensor, runs };
}

const plain = float32Tensor([4], [0, 1, 4, 9]);

const half: Tensor = {
  dtype: 'float16',
  shape: [4],
  bytes: new Uint8Array(Uint16Array.from([0, 1, 4, 9], float16Bits).buffer),
};

/** The same as they lie in a file: not on a multiple of four bytes. */
function unaligned({ bytes, ...type }: Tensor): Tensor {
  const file = new Uint8Array(bytes.length + 1);
  file.set(bytes, 1);
  return { ...type, bytes: file.subarray(1) };
}

describe('a computed tensor', () => {
  it('is computed when its bytes are asked for, once', () => {
    const { tensor, runs } = squares(4);
    expect(runs).toEqual([]);
    expect(tensor).toEqual(plain);
    expect([...asFloat32(tensor)]).toEqual([0, 1, 4, 9]);
    expect(runs).toEqual([[0, 4]]);
  });

  it('is computed where it is read, and then not kept', () => {
    const { tensor, runs } = squares(9);
    const part = new Float32Array(3);
    readFloat32(tensor, 2, part);
    expect([...part]).toEqual([4, 9, 16]);
    readFloat32(tensor, 5, part);
    expect([...part]).toEqual([25, 36, 49]);
    expect(runs).toEqual([
      [2, 3],
      [5, 3],
    ]);
  });

  it('takes another shape without being computed', () => {
    const { tensor, runs } = squares(4);
    const square = reshaped(tensor, [2, 2]);
    expect(square.shape).toEqual([2, 2]);
    expect(runs).toEqual([]);
    expect(square).toEqual(reshaped(plain, [2, 2]));
  });
});

describe('reading as float32', () => {
  it('gives the elements, wherever they lie and whatever their type', () => {
    for (const tensor of [plain, unaligned(plain), half, unaligned(half), squares(4).tensor]) {
      const part = new Float32Array(2);
      readFloat32(tensor, 1, part);
      expect([...part]).toEqual([1, 4]);
      expect([...float32Reader()(tensor)]).toEqual([0, 1, 4, 9]);
    }
  });

  it('takes the same memory again, and none for what lies as float32', () => {
    const read = float32Reader();
    const first = read(squares(5).tensor);
    const second = read(squares(3).tensor);
    expect(second.buffer).toBe(first.buffer);
    expect([...second]).toEqual([0, 1, 4]);
    expect(read(plain).buffer).toBe(plain.bytes.buffer);
  });
});
