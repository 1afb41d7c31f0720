import { describe, expect, it } from 'vitest';
import { modelFile, nodeProto, valueInfo } from '../onnx/testing/files.ts';
import { runModel } from '../onnx/testing/graphs.ts';
import { bfloat16Values, float16Bits, float16Value, float16Values, saturatedFloat16 } from './float16.ts';

const patterns = Uint16Array.from({ length: 1 << 16 }, (_, pattern) => pattern);

describe('binary16', () => {
  it('stands for the numbers that onnxruntime casts every pattern to', async () => {
    const cast = nodeProto('Cast', ['x'], ['y'], {
      attribute: [{ name: 'to', type: 2, i: 1, floats: [], ints: [], strings: [] }],
    });
    const file = modelFile({
      node: [cast],
      input: [valueInfo('x', [1 << 16], 10)],
      output: [valueInfo('y', [1 << 16])],
    });
    const { y } = await runModel(file, {
      x: { dtype: 'float16', shape: [1 << 16], bytes: new Uint8Array(patterns.buffer) },
    });
    const expected = new Float32Array(y!.bytes.buffer);
    // NaN is NaN; which of its patterns it becomes says nothing.
    expect(Array.from(float16Values(patterns))).toEqual(Array.from(expected));
  });

  it('comes back from its number', () => {
    for (const bits of patterns) {
      const value = float16Value(bits);
      if (!Number.isNaN(value)) expect(float16Bits(value)).toBe(bits);
    }
  });
});

describe('the nearest binary16 number', () => {
  it('is that of the bits, with ±65,504 for infinities', () => {
    const wrong: number[] = [];
    const check = (value: number) => {
      const exact = float16Value(float16Bits(value));
      const wanted = Number.isFinite(exact) || Number.isNaN(exact) ? exact : Math.sign(exact) * 65504;
      if (!Object.is(saturatedFloat16(value), wanted)) wrong.push(value);
    };
    for (const bits of patterns) {
      const value = float16Value(bits);
      if (!Number.isFinite(value)) continue;
      const next = float16Value(bits + 1);
      const tie = Number.isFinite(next) ? (value + next) / 2 : value;
      for (const near of [value, tie, Math.fround(tie * (1 + 2 ** -23)), Math.fround(tie * (1 - 2 ** -23))])
        check(near);
    }
    for (const value of [65519.99, 65520, 1e30, Number.POSITIVE_INFINITY, Number.NaN, 2 ** -25, 2 ** -149, 0, -0]) {
      check(Math.fround(value));
      check(Math.fround(-value));
    }
    expect(wrong).toEqual([]);
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32', () => {
    expect([...bfloat16Values(Uint16Array.of(0x3f80, 0xc040, 0x7f80, 0x0001))]).toEqual([
      1,
      -3,
      Number.POSITIVE_INFINITY,
      2 ** -133,
    ]);
  });
});
