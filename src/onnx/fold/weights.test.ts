/** Folding of what stands between constants and a weight, against onnxruntime: to its rounding where sums and functions are rounded. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataType } from '../../base/data-type.ts';
import { elementCount, float32Tensor, int64Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { agree, folded } from '../testing/folding.ts';
import { float, graphOf, node, type Plain, pattern } from '../testing/graphs.ts';

/** About eight units in the last place of float32. */
const rounding = 2 ** -20;

const dims = (rank: number, most = 5) =>
  fc.array(fc.integer({ min: 1, max: most }), { minLength: rank, maxLength: rank });
const within = (low: number, high: number, shape: fc.Arbitrary<number[]> = dims(2)): fc.Arbitrary<Tensor> =>
  shape.chain((size) =>
    fc
      .array(fc.double({ min: low, max: high, noNaN: true }), {
        minLength: elementCount(size),
        maxLength: elementCount(size),
      })
      .map((values) => float32Tensor(size, values)),
  );

const list = (...values: number[]): Tensor => int64Tensor([values.length], values);
const scalar = (value: number): Tensor => float32Tensor([], [value]);
const integers = (dtype: DataType, shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype,
  shape,
  bytes: new Uint8Array(
    (dtype.endsWith('16') ? Int16Array : dtype === 'int32' ? Int32Array : Int8Array).from(values).buffer,
  ),
});

describe('functions of one number', () => {
  const functions: readonly (readonly [string, number, number, number, Readonly<Record<string, Plain>>?])[] = [
    ['Exp', 17, -20, 20],
    ['Log', 17, 0, 100],
    ['Tanh', 17, -10, 10],
    ['Sigmoid', 17, -20, 20],
    ['Erf', 17, -5, 5],
    ['Sin', 17, -100, 100],
    ['Cos', 17, -100, 100],
    ['Tan', 17, -1.5, 1.5],
    ['Asin', 17, -1, 1],
    ['Acos', 17, -1, 1],
    ['Atan', 17, -50, 50],
    ['Sinh', 17, -10, 10],
    ['Cosh', 17, -10, 10],
    ['Asinh', 17, -50, 50],
    ['Acosh', 17, 1, 50],
    ['Atanh', 17, -0.99, 0.99],
    ['Softplus', 17, -30, 30],
    ['Softsign', 17, -30, 30],
    ['Mish', 18, -20, 20],
    ['Elu', 17, -10, 10, { alpha: float(0.7) }],
    ['Celu', 17, -10, 10, { alpha: float(2) }],
    ['Selu', 17, -10, 10],
    ['LeakyRelu', 17, -10, 10, { alpha: float(0.125) }],
    ['ThresholdedRelu', 17, -3, 3, { alpha: float(0.75) }],
    ['HardSigmoid', 17, -10, 10, { alpha: float(0.3) }],
    ['HardSwish', 17, -10, 10],
    ['Gelu', 20, -6, 6],
    ['Gelu', 20, -6, 6, { approximate: 'tanh' }],
    ['Shrink', 17, -3, 3, { lambd: float(1), bias: float(0.25) }],
  ];

  test.each(functions.map(([op, opset, low, high, attributes = {}]) => ({ op, opset, low, high, attributes })))(
    '$op of opset $opset ($#)',
    async ({ op, opset, low, high, attributes }) => {
      await fc.assert(
        fc.asyncProperty(within(low, high), async (x) => {
          expect(await agree(op, [x], attributes, opset, rounding)).toBe(true);
        }),
        { numRuns: 12 },
      );
    },
  );

  test('of infinities and NaN', async () => {
    const x = float32Tensor([5], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, 0, -1]);
    for (const op of ['Exp', 'Log', 'Atan', 'Erf', 'IsNaN', 'IsInf'])
      expect(await agree(op, [x], {}, 17, rounding)).toBe(true);
    expect(await agree('IsInf', [x], { detect_negative: 0 })).toBe(true);
  });

  test('Swish is x times its sigmoid', () => {
    const graph = graphOf([node('Swish', ['x'], ['y'], { alpha: float(2) })], { opset: 24, outputs: ['y'] });
    const y = folded(graph, { x: float32Tensor([3], [-1, 0, 2]) });
    expect(numbers(y!)).toEqual([-1 / (1 + Math.exp(2)), 0, 2 / (1 + Math.exp(-4))].map(Math.fround));
  });

  test('float16 is computed in doubles and rounded once', () => {
    const x: Tensor = { dtype: 'float16', shape: [2], bytes: new Uint8Array(Uint16Array.of(0x3c00, 0x4000).buffer) };
    const y = folded(graphOf([node('Exp', ['x'], ['y'])], { outputs: ['y'] }), { x });
    expect([y!.dtype, ...new Uint16Array(y!.bytes.buffer)]).toEqual(['float16', 0x4170, 0x4764]);
  });

  test('Pow', async () => {
    await fc.assert(
      fc.asyncProperty(within(0.01, 20, fc.constant([6])), within(-3, 3, fc.constant([6])), async (x, y) => {
        expect(await agree('Pow', [x, y], {}, 17, rounding)).toBe(true);
      }),
      { numRuns: 20 },
    );
    const signs = float32Tensor([4], [-2, -0.5, 3, 0]);
    for (const exponent of [0.5, -0.5, 3, 0, 2, -1]) {
      expect(await agree('Pow', [signs, scalar(exponent)], {}, 17, rounding)).toBe(true);
    }
  });

  test('PRelu and Mean broadcast', async () => {
    expect(await agree('PRelu', [pattern([2, 3, 4]), pattern([3, 1])])).toBe(true);
    expect(await agree('Mean', [pattern([2, 3]), pattern([3]), scalar(0.3)], {}, 17, rounding)).toBe(true);
  });
});

describe('reductions', () => {
  const operators = ['Sum', 'Mean', 'Prod', 'Min', 'Max', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'];

  test.each(operators.map((name) => `Reduce${name}`))('%s', async (op) => {
    const positive = op === 'ReduceLogSum' || op === 'ReduceProd';
    await fc.assert(
      fc.asyncProperty(
        within(positive ? 0.25 : -4, 4, dims(3, 4)),
        fc.uniqueArray(fc.integer({ min: -3, max: 2 }), { selector: (axis) => (axis + 3) % 3, maxLength: 3 }),
        fc.nat(1),
        async (x, axes, keepdims) => {
          const some: Readonly<Record<string, Plain>> = axes.length > 0 && op !== 'ReduceSum' ? { axes } : {};
          const inputs = op === 'ReduceSum' && axes.length > 0 ? [x, list(...axes)] : [x];
          expect(await agree(op, inputs, { ...some, keepdims }, 17, rounding)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('ArgMax, ArgMin and CumSum', async () => {
    const x = float32Tensor([2, 4], [1, 3, 3, -2, 0, 0, -5, -5]);
    for (const op of ['ArgMax', 'ArgMin']) {
      for (const select_last_index of [0, 1]) {
        expect(await agree(op, [x], { axis: 1, keepdims: 0, select_last_index })).toBe(true);
        expect(await agree(op, [x], { axis: 0, select_last_index })).toBe(true);
      }
    }
    for (const exclusive of [0, 1]) {
      for (const reverse of [0, 1]) {
        expect(await agree('CumSum', [x, int64Tensor([], [-1])], { exclusive, reverse }, 17, rounding)).toBe(true);
        expect(await agree('CumSum', [x, int64Tensor([], [0])], { exclusive, reverse }, 17, rounding)).toBe(true);
      }
    }
  });
});

describe('normalization', () => {
  test.each([
    ['Softmax', 17],
    ['Softmax', 11],
    ['LogSoftmax', 17],
    ['LogSoftmax', 11],
    ['Hardmax', 17],
    ['Hardmax', 11],
  ] as const)('%s of opset %i', async (op, opset) => {
    for (const axis of [-1, 0, 1, 2, undefined]) {
      expect(await agree(op, [pattern([2, 3, 4])], axis === undefined ? {} : { axis }, opset, rounding)).toBe(true);
    }
  });

  test('norms and statistics', async () => {
    const x = pattern([2, 3, 4, 2]);
    const channels = (low: number) => float32Tensor([3], [low, low + 0.5, low + 1]);
    for (const p of [1, 2]) expect(await agree('LpNormalization', [x], { axis: 1, p }, 17, rounding)).toBe(true);
    const statistics = [channels(0.5), channels(-1), channels(-0.5), channels(0.25)];
    expect(await agree('BatchNormalization', [x, ...statistics], { epsilon: float(0.01) }, 17, rounding)).toBe(true);
    expect(await agree('InstanceNormalization', [x, channels(0.5), channels(0)], {}, 17, rounding)).toBe(true);
    const last = [pattern([4, 2]), pattern([4, 2])];
    expect(await agree('LayerNormalization', [x, ...last], { axis: 2 }, 17, rounding)).toBe(true);
    expect(await agree('LayerNormalization', [x, pattern([2])], {}, 17, rounding)).toBe(true);
  });
});

describe('products', () => {
  test('MatMul broadcasts', async () => {
    const shapes: readonly (readonly [number[], number[]])[] = [
      [
        [3, 4],
        [4, 2],
      ],
      [[4], [4, 2]],
      [[3, 4], [4]],
      [[4], [4]],
      [
        [2, 1, 3, 4],
        [5, 4, 2],
      ],
      [
        [5, 3, 4],
        [4, 2],
      ],
      [[4], [2, 4, 3]],
    ];
    for (const [a, b] of shapes) expect(await agree('MatMul', [pattern(a), pattern(b)], {}, 17, rounding)).toBe(true);
  });

  test('Gemm with its factors and transpositions', async () => {
    for (const transA of [0, 1]) {
      for (const transB of [0, 1]) {
        const a = pattern(transA ? [4, 3] : [3, 4]);
        const b = pattern(transB ? [2, 4] : [4, 2]);
        const attributes = { transA, transB, alpha: float(0.5), beta: float(2) };
        for (const c of [pattern([2]), pattern([3, 1]), scalar(1)]) {
          expect(await agree('Gemm', [a, b, c], attributes, 17, rounding)).toBe(true);
        }
        expect(await agree('Gemm', [a, b], attributes, 17, rounding)).toBe(true);
      }
    }
  });
});

describe('quantized weights', () => {
  const weights = integers('int8', [2, 3, 2], [-128, 127, 0, 1, -1, 64, 3, -3, 100, -100, 5, 7]);

  test('DequantizeLinear, by one scale and by one a channel', async () => {
    expect(await agree('DequantizeLinear', [weights, scalar(0.3)])).toBe(true);
    expect(await agree('DequantizeLinear', [weights, scalar(0.3), integers('int8', [], [5])])).toBe(true);
    const scales = float32Tensor([3], [0.1, 0.2, 0.7]);
    expect(await agree('DequantizeLinear', [weights, scales, integers('int8', [3], [1, 0, -7])], { axis: 1 })).toBe(
      true,
    );
    expect(await agree('DequantizeLinear', [weights, scales, integers('int8', [3], [1, 0, -7])], { axis: -2 })).toBe(
      true,
    );
    const bytes = { ...weights, dtype: 'uint8' } as const;
    expect(await agree('DequantizeLinear', [bytes, scalar(0.3), integers('uint8', [], [128])])).toBe(true);
    expect(await agree('DequantizeLinear', [integers('int32', [2], [70000, -3]), scalar(0.001)])).toBe(true);
  });

  test('the type that a node of opset 23 states', () => {
    const nodes = [node('DequantizeLinear', ['w', 's'], ['y'], { output_dtype: 10 })];
    const y = folded(graphOf(nodes, { opset: 23, outputs: ['y'] }), { w: weights, s: scalar(0.5) });
    expect([y!.dtype, ...numbers(y!).slice(0, 3)]).toEqual(['float16', -64, 63.5, 0]);
    const float8 = [node('QuantizeLinear', ['x', 's'], ['y'], { output_dtype: 17 })];
    expect(folded(graphOf(float8, { opset: 23, outputs: ['y'] }), { x: pattern([2]), s: scalar(1) })).toBeUndefined();
  });

  test('QuantizeLinear rounds half to even and saturates', async () => {
    const x = float32Tensor([2, 4], [0.5, 1.5, -2.5, 1000, -1000, 0.4999, 0.25, -0.75]);
    expect(await agree('QuantizeLinear', [x, scalar(1), integers('int8', [], [0])])).toBe(true);
    expect(await agree('QuantizeLinear', [x, scalar(0.5), integers('uint8', [], [3])])).toBe(true);
    expect(await agree('QuantizeLinear', [x, scalar(0.1)])).toBe(true);
    const scales = float32Tensor([4], [0.1, 0.3, 0.7, 9]);
    expect(await agree('QuantizeLinear', [x, scales, integers('int8', [4], [1, 2, 3, 4])], { axis: 1 })).toBe(true);
  });
});

describe('placement', () => {
  test('Pad in every mode', async () => {
    const x = pattern([2, 3, 4]);
    const pads = list(0, 1, 2, 1, 0, 1);
    expect(await agree('Pad', [x, pads])).toBe(true);
    expect(await agree('Pad', [x, pads, scalar(-1.5)])).toBe(true);
    expect(await agree('Pad', [x, list(0, -1, 1, 0, 0, -2)])).toBe(true);
    expect(await agree('Pad', [x, list(0, 2, 3, 1, 2, 1)], { mode: 'edge' })).toBe(true);
    expect(await agree('Pad', [x, list(0, 2, 3, 0, 1, 2)], { mode: 'reflect' })).toBe(true);
    expect(await agree('Pad', [x, list(0, 2, 1, 0, 1, 2)], { mode: 'wrap' }, 19)).toBe(true);
    expect(await agree('Pad', [int64Tensor([2], [7, 8]), list(1, 2), int64Tensor([], [-3])])).toBe(true);
  });

  test('blocks, triangles, diagonals, scattering', async () => {
    const x = pattern([1, 8, 2, 3]);
    expect(await agree('DepthToSpace', [x], { blocksize: 2 })).toBe(true);
    expect(await agree('DepthToSpace', [x], { blocksize: 2, mode: 'CRD' })).toBe(true);
    expect(await agree('SpaceToDepth', [pattern([1, 2, 4, 6])], { blocksize: 2 })).toBe(true);
    for (const upper of [0, 1]) {
      expect(await agree('Trilu', [pattern([2, 3, 4])], { upper })).toBe(true);
      expect(await agree('Trilu', [pattern([3, 4]), int64Tensor([], [1])], { upper })).toBe(true);
    }
    expect(await agree('EyeLike', [pattern([3, 4])], { k: 1 })).toBe(true);
    expect(await agree('EyeLike', [pattern([3, 4])], { k: -1, dtype: 7 })).toBe(true);
    const data = pattern([3, 4]);
    expect(await agree('ScatterND', [data, int64Tensor([2, 1], [2, 0]), pattern([2, 4])])).toBe(true);
    expect(await agree('ScatterND', [data, int64Tensor([1, 2], [1, -1]), pattern([1])])).toBe(true);
    expect(
      await agree('ScatterElements', [data, int64Tensor([2, 2], [0, 2, 1, -1]), pattern([2, 2])], { axis: 0 }),
    ).toBe(true);
    expect(await agree('ScatterElements', [data, int64Tensor([3, 1], [0, 3, -2]), pattern([3, 1])], { axis: 1 })).toBe(
      true,
    );
    expect(await agree('GatherND', [data, int64Tensor([2, 1], [2, -3])])).toBe(true);
    expect(await agree('GatherND', [data, int64Tensor([2, 2], [2, 1, 0, -1])])).toBe(true);
    expect(await agree('CastLike', [float32Tensor([2], [1.5, -7]), int64Tensor([1], [0])])).toBe(true);
    expect(await agree('Dropout', [data])).toBe(true);
  });

  test('copies of any rank and order are the bytes that onnxruntime moves', async () => {
    await fc.assert(
      fc.asyncProperty(dims(4, 4), fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), async (shape, perm) => {
        expect(await agree('Transpose', [pattern(shape)], { perm })).toBe(true);
        expect(await agree('Expand', [pattern(shape.map((dim, axis) => (axis % 2 ? dim : 1))), list(...shape)])).toBe(
          true,
        );
        expect(await agree('Tile', [pattern(shape), list(1, 2, 3, 2)])).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
