/** Constant folding against onnxruntime, which computes the same node from run-time inputs. */

import { Float16Array } from '@petamoriken/float16';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataType } from '../../base/data-type.ts';
import { float16Bits } from '../../base/float16.ts';
import { elementCount, float32Tensor, int64Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { dataTypeNumber } from '../data-type.ts';
import { resolve } from '../resolve.ts';
import { agree, folded } from '../testing/folding.ts';
import { graphOf, node, type Plain, tensorAttribute } from '../testing/graphs.ts';

const shape = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 });
const int64 = fc.oneof(
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n, -1n, 0n),
);
const float = fc.oneof(
  fc.float({ noNaN: true }),
  fc.integer({ min: -8, max: 8 }).map((value) => value / 2),
);

const filled = <T>(dims: readonly number[], item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(item, { minLength: elementCount(dims), maxLength: elementCount(dims) });

function tensors(dtype: 'int64' | 'int32' | 'float32' | 'bool', dims: readonly number[]): fc.Arbitrary<Tensor> {
  switch (dtype) {
    case 'int64':
      return filled(dims, int64).map((values) => int64Tensor(dims, values));
    case 'int32':
      return filled(dims, fc.integer()).map((values) => ({
        dtype,
        shape: dims,
        bytes: new Uint8Array(Int32Array.from(values).buffer),
      }));
    case 'float32':
      return filled(dims, float).map((values) => float32Tensor(dims, values));
    case 'bool':
      return filled(dims, fc.boolean()).map((values) => ({
        dtype,
        shape: dims,
        bytes: Uint8Array.from(values, Number),
      }));
  }
}

const broadcastPair = (dtypes: readonly ('int64' | 'int32' | 'float32' | 'bool')[]) =>
  fc
    .record({ dtype: fc.constantFrom(...dtypes), dims: shape, masks: fc.tuple(fc.nat(7), fc.nat(7)), drop: fc.nat(3) })
    .chain(({ dtype, dims, masks, drop }) => {
      const thin = (mask: number) => dims.map((dim, axis) => ((mask >> axis) & 1 ? 1 : dim));
      return fc.tuple(
        tensors(dtype, thin(masks[0])),
        tensors(dtype, thin(masks[1]).slice(Math.min(drop, dims.length))),
      );
    });

const numeric = ['int64', 'int32', 'float32'] as const;

describe('folding gives the bytes that onnxruntime computes', () => {
  test.each([
    ['Add', numeric],
    ['Sub', numeric],
    ['Mul', numeric],
    // onnxruntime's vectorised Min and Max of int64 compare the low halves as if they were signed.
    ['Min', ['int32', 'float32']],
    ['Max', ['int32', 'float32']],
    ['Equal', numeric],
    ['Less', numeric],
    ['GreaterOrEqual', numeric],
    ['And', ['bool']],
    ['Xor', ['bool']],
  ] as const)('%s', async (op, dtypes) => {
    await fc.assert(
      fc.asyncProperty(broadcastPair(dtypes), async (inputs) => {
        expect(await agree(op, inputs)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('Div and Mod, which are left alone where the divisor is zero', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('Div', 'Mod'), broadcastPair(['int64', 'int32']), async (op, [a, b]) => {
        const divisors = numbers(b);
        // The most negative number by −1 traps on x86, so onnxruntime is not asked.
        const traps = divisors.includes(-1) && numbers(a).some((value) => value === -(2 ** 63) || value === -(2 ** 31));
        if (traps) return;
        if (divisors.includes(0))
          expect(folded(graphOf([node(op, ['a', 'b'], ['y'])], { outputs: ['y'] }), { a, b })).toBeUndefined();
        else expect(await agree(op, [a, b])).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('division of floats', async () => {
    await fc.assert(
      fc.asyncProperty(broadcastPair(['float32']), async (inputs) => {
        expect(await agree('Div', inputs)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('rounding, roots and signs', async () => {
    const operators = fc.constantFrom('Floor', 'Ceil', 'Round', 'Sqrt', 'Reciprocal', 'Neg', 'Abs', 'Relu', 'Sign');
    await fc.assert(
      fc.asyncProperty(
        operators,
        shape.chain((dims) => tensors('float32', dims)),
        async (op, x) => {
          expect(await agree(op, [x])).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('casts', async () => {
    const from = fc.constantFrom('int64', 'int32', 'float32', 'bool').chain((dtype) => tensors(dtype as 'int64', [3]));
    const to = fc.constantFrom<DataType>(
      'int64',
      'int32',
      'int8',
      'uint8',
      'float32',
      'float64',
      'bool',
      'int16',
      'float16',
    );
    let done = 0;
    await fc.assert(
      fc.asyncProperty(from, to, async (x, dtype) => {
        if (dtype === 'float16') return;
        if (await agree('Cast', [x], { to: dataTypeNumber(dtype) })) done++;
      }),
      { numRuns: 80 },
    );
    expect(done).toBeGreaterThan(40);
  });

  test('movement of elements', async () => {
    const x = pattern([2, 3, 4]);
    const list = (...values: number[]) => int64Tensor([values.length], values);
    expect(await agree('Transpose', [x], { perm: [2, 0, 1] })).toBe(true);
    expect(await agree('Transpose', [x])).toBe(true);
    expect(await agree('Slice', [x, list(-1, 1), list(-5, 3), list(0, 2), list(-1, 2)])).toBe(true);
    expect(await agree('Gather', [x, int64Tensor([2, 2], [0, -1, 1, 2])], { axis: 1 })).toBe(true);
    expect(await agree('GatherElements', [x, int64Tensor([2, 1, 4], [0, -1, 1, 2, 2, 1, 0, 0])], { axis: 1 })).toBe(
      true,
    );
    expect(await agree('Concat', [x, x, x], { axis: 1 })).toBe(true);
    expect(await agree('Concat', [x, x], { axis: -1 })).toBe(true);
    expect(await agree('Expand', [pattern([3, 1]), list(2, 1, 4)])).toBe(true);
    expect(await agree('Tile', [x, list(2, 1, 3)])).toBe(true);
    expect(await agree('Reshape', [x, list(0, -1)])).toBe(true);
    expect(await agree('Flatten', [x], { axis: -1 })).toBe(true);
    expect(await agree('Squeeze', [pattern([1, 3, 1]), list(0, -1)])).toBe(true);
    expect(await agree('Unsqueeze', [x, list(1, -1)])).toBe(true);
    expect(await agree('NonZero', [float32Tensor([2, 3], [0, 1, 0, 2, 0, 3])])).toBe(true);
    expect(await agree('ConstantOfShape', [list(2, 3)], { value: tensorAttribute(int64Tensor([1], [-7])) })).toBe(true);
    expect(await agree('ConstantOfShape', [list(2, 3)])).toBe(true);
    expect(await agree('Shape', [x], { start: 1, end: -1 })).toBe(true);
    expect(await agree('Size', [x])).toBe(true);
    expect(await agree('Range', [int64Tensor([], [10]), int64Tensor([], [1]), int64Tensor([], [-3])])).toBe(true);
    expect(await agree('Range', [float32Tensor([], [1]), float32Tensor([], [6]), float32Tensor([], [2])])).toBe(true);
    const condition: Tensor = { dtype: 'bool', shape: [2, 1, 4], bytes: Uint8Array.of(1, 0, 0, 1, 1, 1, 0, 0) };
    expect(await agree('Where', [condition, x, float32Tensor([], [9])])).toBe(true);
    expect(await agree('ReduceProd', [int64Tensor([2, 3], [2 ** 30, 2 ** 20, 3, -4, 5, 6])], { axes: [1] })).toBe(true);
    expect(await agree('ReduceMax', [x], { axes: [0, -1], keepdims: 0 })).toBe(true);
    expect(await agree('ReduceSum', [int64Tensor([2, 3], [1, 2, 3, 4, 5, 6]), list(0)], { keepdims: 0 })).toBe(true);
    expect(await agree('Clip', [x, float32Tensor([], [-0.25]), float32Tensor([], [0.5])])).toBe(true);
    expect(await agree('Pow', [x, float32Tensor([], [2])])).toBe(true);
  });
});

const pattern = (dims: readonly number[]): Tensor =>
  float32Tensor(
    dims,
    Array.from({ length: elementCount(dims) }, (_, index) => (index * 7) % 11),
  );

test('64-bit integers are compared, multiplied and reduced exactly, and wrap', () => {
  const a = int64Tensor([4], [0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n]);
  const b = int64Tensor([4], [2n ** 31n, 2n ** 63n - 2n, 1n, 2n ** 33n]);
  const of = (op: string, inputs: Readonly<Record<string, Tensor>>, attributes: Readonly<Record<string, Plain>> = {}) =>
    folded(graphOf([node(op, Object.keys(inputs), ['y'], attributes)], { outputs: ['y'] }), inputs)?.bytes;
  const bytes = (...values: bigint[]) => int64Tensor([values.length], values).bytes;
  expect(of('Min', { a, b })).toEqual(bytes(0n, 2n ** 63n - 2n, -(2n ** 63n), 2n ** 31n));
  expect(of('Max', { a, b })).toEqual(bytes(2n ** 31n, 2n ** 63n - 1n, 1n, 2n ** 33n));
  expect(of('Mul', { a, b })).toEqual(bytes(0n, 2n - 2n ** 63n, -(2n ** 63n), 0n));
  expect(of('Neg', { a })).toEqual(bytes(0n, -(2n ** 63n) + 1n, -(2n ** 63n), -(2n ** 31n)));
  expect(of('ReduceProd', { b: int64Tensor([3], [2n ** 40n, 2n ** 20n, 2n ** 10n]) }, { keepdims: 1 })).toEqual(
    bytes(0n),
  );
});

describe('what is not folded', () => {
  const left = (
    op: string,
    inputs: Readonly<Record<string, Tensor>>,
    attributes: Readonly<Record<string, Plain>> = {},
  ) => folded(graphOf([node(op, Object.keys(inputs), ['y'], attributes)], { outputs: ['y'] }), inputs) === undefined;

  test('results that are large and not made of something as large', () => {
    expect(left('ConstantOfShape', { x: int64Tensor([2], [4097, 4096]) })).toBe(true);
    expect(left('ConstantOfShape', { x: int64Tensor([2], [4096, 4096]) })).toBe(false);
  });

  test('casts that C++ leaves open', () => {
    expect(left('Cast', { x: float32Tensor([1], [300]) }, { to: dataTypeNumber('uint8') })).toBe(true);
    expect(left('Cast', { x: float32Tensor([1], [Number.NaN]) }, { to: dataTypeNumber('int64') })).toBe(true);
  });

  test('angles beyond what sin and cos know, scales in blocks, what trains', () => {
    const x = float32Tensor([2, 4], [1, 2, 3, 4, 5, 6, 7, 2e6]);
    expect(left('Sin', { x })).toBe(true);
    const [scale, bias] = [float32Tensor([4], [1, 1, 1, 1]), float32Tensor([4], [0, 0, 0, 0])];
    const norm = { x, scale, bias, mean: bias, variance: scale };
    expect(left('BatchNormalization', norm, { training_mode: 1 })).toBe(true);
    expect(left('BatchNormalization', norm)).toBe(false);
    const [small, blocks] = [
      { dtype: 'int8', shape: [2, 4], bytes: new Uint8Array(8) } as const,
      float32Tensor([2, 2], [1, 2, 3, 4]),
    ];
    expect(left('DequantizeLinear', { small, blocks }, { block_size: 2 })).toBe(true);
  });

  test('a product that would keep us busy', () => {
    const matrix = (rows: number, columns: number) => float32Tensor([rows, columns], new Float32Array(rows * columns));
    expect(left('MatMul', { a: matrix(512, 512), b: matrix(512, 512) })).toBe(true);
    expect(left('MatMul', { a: matrix(128, 128), b: matrix(128, 128) })).toBe(false);
  });

  test('a graph whose folding would never end', () => {
    const side = { s: int64Tensor([1], [2 ** 20]), t: int64Tensor([1], [1]) };
    const nodes = [
      node('ConstantOfShape', ['s'], ['v0']),
      ...Array.from({ length: 2000 }, (_, index) => node('Neg', [`v${index}`], [`v${index + 1}`])),
    ];
    const resolved = resolve(graphOf(nodes, { constants: side, outputs: ['v2000'] }));
    expect(resolved.nodes.length).toBeGreaterThan(1900);
    expect(resolved.nodes.length).toBeLessThan(2001);
  });
});

test('float16 rounds as the standard does', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double(), fc.float(), fc.double({ min: -70000, max: 70000 }), fc.double({ min: -1e-4, max: 1e-4 })),
      (value) => {
        const expected = new Uint16Array(Float16Array.of(value).buffer)[0]!;
        if (Number.isNaN(value)) expect(float16Bits(value) & 0x7c00).toBe(0x7c00);
        else expect(float16Bits(value)).toBe(expected);
      },
    ),
    { numRuns: 5000 },
  );
  expect(float16Bits(65519.99)).toBe(0x7bff);
  expect(float16Bits(65520)).toBe(0x7c00);
  expect(float16Bits(2 ** -25)).toBe(0);
  expect(float16Bits(-(2 ** -24) * 1.5)).toBe(0x8002);
});
