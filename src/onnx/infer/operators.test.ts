/**
 * Shape inference against onnxruntime: random nodes of every family, run, and the shapes compared. onnxruntime may
 * refuse what we accept (a type without a kernel); what it runs we must infer exactly.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementSize } from '../../base/data-type.ts';
import type { Attribute, Graph, ValueType } from '../../graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../../graph/tensor.ts';
import { resolve } from '../resolve.ts';
import { float, floats, graphOf, node, pattern, runEveryValue } from '../testing/graphs.ts';

type Case = fc.Arbitrary<Graph>;

const size = fc.integer({ min: 1, max: 9 });
const image = fc.tuple(
  fc.integer({ min: 1, max: 3 }),
  fc.constant(4),
  fc.integer({ min: 3, max: 17 }),
  fc.integer({ min: 3, max: 17 }),
);
const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));
const pads = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 2 })));
const autoPad = fc.constantFrom('NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID');
const shapeOf = (least: number, most: number) =>
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength: least, maxLength: most });
const list = (values: readonly number[]): Tensor => int64Tensor([values.length], values);

/** pads and auto_pad exclude one another. */
const padding = (auto: string, given: readonly number[]): Record<string, string | readonly number[]> =>
  auto === 'NOTSET' ? { pads: given } : { auto_pad: auto };

const single = (op: string, shape: readonly number[], attributes = {}, opset = 17): Graph =>
  graphOf([node(op, ['x'], ['y'], attributes)], { opset, inputs: { x: shape }, outputs: ['y'] });

const convolution: Case = fc
  .record({
    image,
    kernel: pair(1, 3),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pads,
    auto: autoPad,
    group: fc.constantFrom(1, 2, 4),
    bias: fc.boolean(),
  })
  .map(({ image: x, kernel, strides, dilations, pads: given, auto, group, bias }) =>
    graphOf(
      [
        node('Conv', bias ? ['x', 'w', 'b'] : ['x', 'w'], ['y'], {
          strides,
          dilations,
          group,
          ...padding(auto, given),
        }),
      ],
      {
        inputs: { x },
        constants: { w: pattern([8, 4 / group, ...kernel]), ...(bias && { b: pattern([8]) }) },
        outputs: ['y'],
      },
    ),
  );

const transposed: Case = fc
  .record({
    image,
    kernel: pair(1, 4),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pads,
    auto: autoPad,
    group: fc.constantFrom(1, 2),
    extra: pair(0, 1),
  })
  .map(({ image: x, kernel, strides, dilations, pads: given, auto, group, extra }) =>
    graphOf(
      [
        node('ConvTranspose', ['x', 'w'], ['y'], {
          strides,
          group,
          ...(auto === 'NOTSET' && {
            dilations,
            output_padding: extra.map((each, axis) => Math.min(each, strides[axis]! - 1)),
          }),
          ...padding(auto === 'SAME_LOWER' ? 'SAME_UPPER' : auto, given),
        }),
      ],
      { inputs: { x }, constants: { w: pattern([4, 3, ...kernel]) }, outputs: ['y'] },
    ),
  );

const pooling: Case = fc
  .record({
    op: fc.constantFrom('MaxPool', 'AveragePool'),
    image,
    kernel: pair(1, 3),
    strides: pair(1, 4),
    pads,
    auto: autoPad,
    ceil: fc.boolean(),
  })
  .map(({ op, image: x, kernel, strides, pads: given, auto, ceil }) =>
    single(op, x, {
      kernel_shape: kernel,
      strides,
      ...(auto === 'NOTSET' && { ceil_mode: Number(ceil) }),
      ...padding(
        auto,
        given.map((pad, index) => Math.min(pad, kernel[index % 2]! - 1)),
      ),
    }),
  );

const broadcasting: Case = fc
  .record({
    op: fc.constantFrom('Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Greater', 'Less', 'Equal'),
    shape: shapeOf(0, 4),
    masks: fc.tuple(fc.nat(15), fc.nat(15)),
    drop: fc.nat(4),
  })
  .map(({ op, shape, masks, drop }) => {
    const squeeze = (mask: number) => shape.map((dim, axis) => ((mask >> axis) & 1 ? 1 : dim));
    return graphOf([node(op, ['a', 'b'], ['y'])], {
      inputs: { a: squeeze(masks[0]), b: squeeze(masks[1]).slice(Math.min(drop, shape.length)) },
      outputs: ['y'],
    });
  });

const reduction: Case = fc
  .record({
    op: fc.constantFrom('ReduceMean', 'ReduceMax', 'ReduceSum', 'ReduceL2', 'ReduceProd', 'ReduceLogSumExp'),
    opset: fc.constantFrom(11, 13, 18),
    shape: shapeOf(1, 4),
    chosen: fc.array(fc.nat(7), { maxLength: 3 }),
    keepdims: fc.constantFrom(0, 1),
  })
  .map(({ op, opset, shape, chosen, keepdims }) => {
    const axes = [...new Set(chosen.map((axis) => axis % shape.length))].map((axis, index) =>
      index % 2 ? axis - shape.length : axis,
    );
    const asInput = opset >= 18 || (opset >= 13 && op === 'ReduceSum');
    if (axes.length === 0) return single(op, shape, { keepdims }, opset);
    if (!asInput) return single(op, shape, { keepdims, axes }, opset);
    return graphOf([node(op, ['x', 'axes'], ['y'], { keepdims })], {
      opset,
      inputs: { x: shape },
      constants: { axes: list(axes) },
      outputs: ['y'],
    });
  });

const slicing: Case = fc
  .record({
    opset: fc.constantFrom(9, 10, 13),
    shape: shapeOf(1, 4),
    bounds: fc.array(
      fc.tuple(
        fc.integer({ min: -12, max: 12 }),
        fc.integer({ min: -12, max: 2 ** 31 - 1 }),
        fc.constantFrom(1, 2, -1, -3),
      ),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ opset, shape, bounds }) => {
    const used = bounds.slice(0, shape.length);
    const [starts, ends, steps] = [0, 1, 2].map((column) => used.map((row) => row[column]!)) as [
      number[],
      number[],
      number[],
    ];
    const axes = used.map((_, axis) => (axis % 2 ? axis - shape.length : axis));
    if (opset < 10) return single('Slice', shape, { starts, ends, axes }, opset);
    return graphOf([node('Slice', ['x', 's', 'e', 'a', 't'], ['y'])], {
      opset,
      inputs: { x: shape },
      constants: { s: list(starts), e: list(ends), a: list(axes), t: list(steps) },
      outputs: ['y'],
    });
  });

const resizing: Case = fc
  .record({
    opset: fc.constantFrom(9, 10, 11, 13, 18),
    image,
    scales: fc.tuple(fc.float({ min: 1, max: 3, noNaN: true }), fc.float({ min: 1, max: 3, noNaN: true })),
    sizes: fc.option(pair(1, 20)),
  })
  .map(({ opset, image: x, scales, sizes }) => {
    const scale = float32Tensor([4], [1, 1, ...scales]);
    const op = opset < 10 ? 'Upsample' : 'Resize';
    const bySize = opset >= 11 && sizes !== null;
    const inputs = opset < 11 ? ['x', 'scales'] : bySize ? ['x', '', '', 'sizes'] : ['x', '', 'scales'];
    return graphOf([node(op, inputs, ['y'], { mode: 'nearest' })], {
      opset,
      inputs: { x },
      constants: bySize ? { sizes: list([x[0], x[1], ...sizes]) } : { scales: scale },
      outputs: ['y'],
    });
  });

const reshaping: Case = fc
  .record({
    shape: shapeOf(1, 4),
    allow: fc.boolean(),
    kind: fc.constantFrom('open', 'zero', 'flat', 'squeeze', 'unsqueeze', 'transpose', 'flatten'),
    at: fc.nat(20),
  })
  .map(({ shape, kind, at }) => {
    const axis = at % shape.length;
    const reshape = (target: readonly number[]) =>
      graphOf([node('Reshape', ['x', 's'], ['y'])], {
        inputs: { x: shape },
        constants: { s: list(target) },
        outputs: ['y'],
      });
    switch (kind) {
      case 'open':
        return reshape(shape.with(axis, -1));
      case 'zero':
        return reshape([...shape.map((_, index) => (index === axis ? -1 : 0)), 1]);
      case 'flat':
        return reshape([1, elementCount(shape)]);
      case 'squeeze':
        return graphOf([node('Squeeze', ['x', 's'], ['y'])], {
          inputs: { x: shape.toSpliced(axis, 0, 1) },
          constants: { s: list([axis]) },
          outputs: ['y'],
        });
      case 'unsqueeze':
        return single('Unsqueeze', shape, { axes: [axis, -1] }, 11);
      case 'transpose':
        return single(
          'Transpose',
          shape,
          at % 2 ? {} : { perm: shape.map((_, index) => (index + axis) % shape.length) },
        );
      default:
        return single('Flatten', shape, { axis: (at % (2 * shape.length + 1)) - shape.length });
    }
  });

const joining: Case = fc
  .record({
    kind: fc.constantFrom('concat', 'split', 'split-even', 'tile', 'expand', 'pad', 'gather'),
    opset: fc.constantFrom(11, 13, 18),
    shape: shapeOf(1, 4),
    at: fc.nat(20),
    parts: fc.array(size, { minLength: 1, maxLength: 3 }),
  })
  .map(({ kind, opset, shape, at, parts }) => {
    const axis = at % shape.length;
    const total = parts.reduce((sum, part) => sum + part, 0);
    const names = parts.map((_, index) => `p${index}`);
    const second = (op: string, input: Tensor, attributes = {}): Graph =>
      graphOf([node(op, ['x', 'c'], ['y'], attributes)], {
        opset,
        inputs: { x: shape },
        constants: { c: input },
        outputs: ['y'],
      });
    switch (kind) {
      case 'concat':
        return graphOf([node('Concat', names, ['y'], { axis: at % 2 ? axis : axis - shape.length })], {
          opset,
          inputs: Object.fromEntries(names.map((name, index) => [name, shape.with(axis, parts[index]!)])),
          outputs: ['y'],
        });
      case 'split':
        return graphOf(
          [node('Split', opset < 13 ? ['x'] : ['x', 's'], names, opset < 13 ? { axis, split: parts } : { axis })],
          {
            opset,
            inputs: { x: shape.with(axis, total) },
            ...(opset >= 13 && { constants: { s: list(parts) } }),
            outputs: names,
          },
        );
      case 'split-even':
        return graphOf([node('Split', ['x'], names, { axis, ...(opset >= 18 && { num_outputs: names.length }) })], {
          opset,
          inputs: { x: shape.with(axis, opset >= 18 ? total + names.length : names.length * parts[0]!) },
          outputs: names,
        });
      case 'tile':
        return second('Tile', list(shape.map((_, index) => 1 + ((at >> index) & 1))));
      case 'expand':
        return second('Expand', list([2, ...shape.map((dim, index) => ((at >> index) & 1 ? dim : 1))]));
      case 'pad':
        return second('Pad', list([...shape, ...shape].map((_, index) => (at + index) % 3)));
      default:
        return second('Gather', int64Tensor([2, 1], [0, -1]), { axis });
    }
  });

const matrices: Case = fc
  .record({
    kind: fc.constantFrom('gemm', 'matmul', 'vector'),
    sizes: fc.tuple(size, size, size),
    flags: fc.nat(3),
    batch: shapeOf(0, 2),
    shared: fc.boolean(),
  })
  .map(({ kind, sizes: [rows, inner, columns], flags, batch, shared }) => {
    const [a, b] = [
      [rows, inner],
      [inner, columns],
    ];
    if (kind === 'gemm') {
      return graphOf(
        [node('Gemm', ['a', 'b', 'c'], ['y'], { transA: flags & 1, transB: flags >> 1, alpha: float(0.5) })],
        {
          inputs: { a: flags & 1 ? a!.toReversed() : a!, b: flags >> 1 ? b!.toReversed() : b!, c: [columns] },
          outputs: ['y'],
        },
      );
    }
    const [left, right] =
      kind === 'vector'
        ? [[inner], b!]
        : [
            [...batch, ...a!],
            [...(shared ? [] : batch), ...b!],
          ];
    return graphOf([node('MatMul', ['a', 'b'], ['y'])], { inputs: { a: left, b: right }, outputs: ['y'] });
  });

const unary: Case = fc
  .record({
    op: fc.constantFrom(
      'Relu',
      'Sigmoid',
      'HardSigmoid',
      'LeakyRelu',
      'Softmax',
      'LRN',
      'GlobalAveragePool',
      'GlobalMaxPool',
      'DepthToSpace',
      'SpaceToDepth',
      'ArgMax',
      'Shape',
      'Clip',
      'HardSwish',
      'Dropout',
      'TopK',
      'LpPool',
      'InstanceNormalization',
      'OneHot',
    ),
    n: fc.integer({ min: 1, max: 2 }),
  })
  .map(({ op, n }) => {
    const x = [n, 4, 6, 8];
    const attributes: Readonly<Record<string, Record<string, number | readonly number[] | Attribute>>> = {
      LRN: { size: 3 },
      DepthToSpace: { blocksize: 2 },
      SpaceToDepth: { blocksize: 2 },
      ArgMax: { axis: 2, keepdims: n - 1 },
      LpPool: { kernel_shape: [2, 3] },
    };
    if (op === 'TopK') {
      return graphOf([node(op, ['x', 'k'], ['y', 'i'], { axis: 1 })], {
        inputs: { x },
        constants: { k: list([3]) },
        outputs: ['y', 'i'],
      });
    }
    if (op === 'InstanceNormalization') {
      return graphOf([node(op, ['x', 's', 's'], ['y'])], {
        inputs: { x },
        constants: { s: pattern([4]) },
        outputs: ['y'],
      });
    }
    if (op === 'OneHot') {
      return graphOf([node(op, ['x', 'd', 'v'], ['y'], { axis: 1 })], {
        inputs: { x: [n, 3] },
        constants: { d: list([7]), v: float32Tensor([2], [0, 1]) },
        outputs: ['y'],
      });
    }
    return single(op, x, attributes[op] ?? {});
  });

const families: readonly (readonly [string, Case, number])[] = [
  ['Conv', convolution, 60],
  ['ConvTranspose', transposed, 60],
  ['pooling', pooling, 60],
  ['broadcasting', broadcasting, 60],
  ['reduction', reduction, 80],
  ['Slice', slicing, 80],
  ['Resize and Upsample', resizing, 40],
  ['reshaping', reshaping, 60],
  ['joining and cutting', joining, 80],
  ['matrix products', matrices, 40],
  ['one input', unary, 60],
];

const zeros = ({ dtype, shape }: ValueType): Tensor => ({
  dtype,
  shape: shape as readonly number[],
  bytes: new Uint8Array(elementCount(shape as readonly number[]) * elementSize[dtype]),
});

describe('inferred shapes are those that onnxruntime computes', () => {
  test.each(families)('%s', async (_, arbitrary, runs) => {
    let agreed = 0;
    await fc.assert(
      fc.asyncProperty(arbitrary, async (graph) => {
        const feeds = Object.fromEntries(graph.inputs.map((name) => [name, zeros(graph.values.get(name)!)]));
        let actual: Readonly<Record<string, Tensor>>;
        try {
          actual = await runEveryValue(graph, feeds);
        } catch {
          return;
        }
        const resolved = resolve(graph);
        for (const [name, { dtype, shape }] of Object.entries(actual)) {
          const type = resolved.values.get(name);
          expect({ name, dtype: type?.dtype, shape: type?.shape }).toEqual({ name, dtype, shape });
        }
        agreed++;
      }),
      { numRuns: runs },
    );
    expect(agreed).toBeGreaterThan(runs / 2);
  });

  test('Upsample of opset 7 takes its scales from an attribute', () => {
    const graph = single('Upsample', [1, 3, 5, 7], { scales: floats([1, 1, 2, 1.5]) }, 7);
    expect(resolve(graph).values.get('y')?.shape).toEqual([1, 3, 10, 10]);
  });
});
