/**
 * Random nodes of every family of operators that shape inference covers, for the properties that hold it, and with it the
 * views of graph/operators, against onnxruntime.
 */

import fc from 'fast-check';
import { expect } from 'vitest';
import { elementSize } from '../../base/data-type.ts';
import type { Attribute, Graph, ValueType } from '../../graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../../graph/tensor.ts';
import { resolve } from '../resolve.ts';
import { float, graphOf, node, pattern, runEveryValue } from './graphs.ts';

export type Case = fc.Arbitrary<Graph>;

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

export const single = (op: string, shape: readonly number[], attributes = {}, opset = 17): Graph =>
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
    strides: pair(1, 4),
    dilations: pair(1, 2),
    pads,
    auto: autoPad,
    group: fc.constantFrom(1, 2),
    extra: fc.option(pair(0, 2)),
    stated: fc.constantFrom('no', 'spatial'),
    shift: pair(-2, 3),
  })
  .map(({ image: x, kernel, strides, dilations, pads: given, auto, group, extra, stated, shift }) => {
    const reach = [0, 1].map(
      (axis) => (x[axis + 2]! - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1,
    );
    const sizes = reach.map((size, axis) => Math.max(1, size + shift[axis]!));
    return graphOf(
      [
        node('ConvTranspose', ['x', 'w'], ['y'], {
          strides,
          group,
          dilations,
          ...(extra && { output_padding: extra.map((each, axis) => Math.min(each, strides[axis]! - 1)) }),
          ...(stated === 'spatial' && { output_shape: sizes }),
          ...padding(auto, given),
        }),
      ],
      { inputs: { x }, constants: { w: pattern([4, 3, ...kernel]) }, outputs: ['y'] },
    );
  });

/** Windows over one and three spatial axes. */
const otherRanks: Case = fc
  .record({
    op: fc.constantFrom('Conv', 'ConvTranspose', 'MaxPool', 'AveragePool'),
    spatial: fc.constantFrom([11], [7, 5, 6]),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    auto: autoPad,
    ceil: fc.boolean(),
    statesKernel: fc.boolean(),
  })
  .map(({ op, spatial, kernel, stride, auto, ceil, statesKernel }) => {
    const all = (value: number): number[] => spatial.map(() => value);
    const pools = op.endsWith('Pool');
    const attributes = {
      strides: all(stride),
      ...padding(auto, [...all(kernel - 1), ...all(0)]),
      ...((pools || statesKernel) && { kernel_shape: all(kernel) }),
      ...(pools && { ceil_mode: Number(ceil) }),
    };
    if (pools) return single(op, [1, 4, ...spatial], attributes);
    return graphOf([node(op, ['x', 'w'], ['y'], attributes)], {
      inputs: { x: [1, 4, ...spatial] },
      constants: { w: pattern([4, 4, ...all(kernel)]) },
      outputs: ['y'],
    });
  });

const quantized: Case = fc
  .record({
    image,
    kernel: pair(1, 3),
    strides: pair(1, 3),
    auto: autoPad,
    pads,
    op: fc.constantFrom('QLinearConv', 'ConvInteger'),
  })
  .map(({ image: x, kernel, strides, auto, pads: given, op }) => {
    const bytes = (shape: readonly number[]): Tensor => ({
      dtype: 'uint8',
      shape,
      bytes: new Uint8Array(elementCount(shape)),
    });
    const attributes = { strides, ...padding(auto, given) };
    const scale = float32Tensor([], [0.5]);
    const inputs = op === 'ConvInteger' ? ['x', 'w'] : ['x', 's', 'z', 'w', 's', 'z', 's', 'z'];
    return graphOf([node(op, inputs, ['y'], attributes)], {
      inputs: { x: { dtype: 'uint8', shape: x } },
      constants: { w: bytes([3, 4, ...kernel]), ...(op === 'QLinearConv' && { s: scale, z: bytes([]) }) },
      outputs: ['y'],
    });
  });

const pooling: Case = fc
  .record({
    op: fc.constantFrom('MaxPool', 'AveragePool', 'LpPool'),
    opset: fc.constantFrom(7, 10, 12, 19),
    image,
    kernel: pair(1, 3),
    strides: pair(1, 4),
    dilations: fc.option(pair(1, 3)),
    pads,
    auto: autoPad,
    ceil: fc.boolean(),
  })
  // onnxruntime gives an empty output where no window fits; we refuse the node.
  .filter(({ image: x, kernel, dilations }) =>
    kernel.every((size, axis) => (size - 1) * (dilations?.[axis] ?? 1) < x[axis + 2]!),
  )
  .map(({ op, opset, image: x, kernel, strides, dilations, pads: given, auto, ceil }) =>
    single(
      op,
      x,
      {
        kernel_shape: kernel,
        strides,
        // Which pool has what since which opset.
        ...(opset >= (op === 'LpPool' ? 18 : 10) && { ceil_mode: Number(ceil) }),
        // onnxruntime forgets the dilation where it pads SAME; the specification does not.
        ...(opset >= (op === 'MaxPool' ? 10 : 19) && dilations && !auto.startsWith('SAME') && { dilations }),
        ...padding(
          auto,
          given.map((pad, index) => Math.min(pad, kernel[index % 2]! - 1)),
        ),
      },
      opset,
    ),
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
    noop: fc.boolean(),
  })
  .map(({ op, opset, shape, chosen, keepdims, noop }) => {
    const axes = [...new Set(chosen.map((axis) => axis % shape.length))].map((axis, index) =>
      index % 2 ? axis - shape.length : axis,
    );
    const asInput = opset >= 18 || (opset >= 13 && op === 'ReduceSum');
    if (axes.length === 0) {
      return single(op, shape, { keepdims, ...(asInput && { noop_with_empty_axes: Number(noop) }) }, opset);
    }
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
    opset: fc.constantFrom(9, 10, 11, 13, 18, 19),
    image,
    scales: fc.tuple(fc.float({ min: 0.5, max: 3, noNaN: true }), fc.float({ min: 0.5, max: 3, noNaN: true })),
    sizes: fc.option(pair(1, 20)),
    policy: fc.constantFrom('stretch', 'not_larger', 'not_smaller'),
    mode: fc.constantFrom('nearest', 'linear'),
    listsAxes: fc.boolean(),
    emptyLists: fc.boolean(),
  })
  .map(({ opset, image: x, scales, sizes, policy, mode, listsAxes, emptyLists }) => {
    const op = opset < 10 ? 'Upsample' : 'Resize';
    const bySize = opset >= 11 && sizes !== null;
    const lists = opset >= 18 && listsAxes;
    const [roi, none] = emptyLists ? ['roi', 'none'] : ['', ''];
    const inputs = opset < 11 ? ['x', 'scales'] : bySize ? ['x', roi, none, 'sizes'] : ['x', roi, 'scales'];
    const used = (name: string, tensor: Tensor) => inputs.includes(name) && { [name]: tensor };
    const larger = op === 'Upsample' ? scales.map((scale) => Math.max(1, scale)) : scales;
    const attributes = {
      mode,
      // onnxruntime miscounts negative axes when it keeps the aspect ratio.
      ...(lists && { axes: [2, policy === 'stretch' ? -1 : 3] }),
      ...(opset >= 18 && bySize && { keep_aspect_ratio_policy: policy }),
    };
    return graphOf([node(op, inputs, ['y'], attributes)], {
      opset,
      inputs: { x },
      constants: {
        ...used('sizes', list(lists ? (sizes ?? []) : [x[0], x[1], ...(sizes ?? [])])),
        ...used('scales', float32Tensor([lists ? 2 : 4], lists ? larger : [1, 1, ...larger])),
        ...used('roi', float32Tensor([0], [])),
        ...used('none', float32Tensor([0], [])),
      },
      outputs: ['y'],
    });
  });

const reshaping: Case = fc
  .record({
    shape: shapeOf(1, 4),
    kind: fc.constantFrom(
      'open',
      'zero',
      'allow-zero',
      'flat',
      'squeeze',
      'squeeze-ones',
      'unsqueeze',
      'unsqueeze-input',
      'squeeze-attribute',
      'transpose',
      'flatten',
      'shape',
      'blocks',
    ),
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
      case 'allow-zero':
        return graphOf([node('Reshape', ['x', 's'], ['y'], { allowzero: 1 })], {
          inputs: { x: shape.with(axis, 0) },
          constants: { s: list([0, at % 4]) },
          outputs: ['y'],
        });
      case 'squeeze-ones':
        return single('Squeeze', shape.with(axis, 1));
      case 'shape':
        return single('Shape', shape, { start: (at % 7) - 3, ...(at % 2 && { end: (at % 5) - 2 }) });
      case 'blocks': {
        const blocksize = 1 + (at % 3);
        const mode = at % 2 ? 'CRD' : 'DCR';
        return at < 10
          ? single('SpaceToDepth', [1, 3, 2 * blocksize, 3 * blocksize], { blocksize })
          : single('DepthToSpace', [1, 2 * blocksize ** 2, 4, 3], { blocksize, mode });
      }
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
      case 'unsqueeze-input':
        return graphOf([node('Unsqueeze', ['x', 'a'], ['y'])], {
          inputs: { x: shape },
          constants: { a: list([axis - shape.length - 2, -1]) },
          outputs: ['y'],
        });
      case 'squeeze-attribute':
        return single('Squeeze', shape.with(axis, 1), { axes: [axis - shape.length] }, 11);
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
    kind: fc.constantFrom(
      'concat',
      'split',
      'split-even',
      'tile',
      'expand',
      'pad',
      'pad-axes',
      'pad-attribute',
      'gather',
      'gather-elements',
      'gather-nd',
    ),
    opset: fc.constantFrom(10, 11, 13, 18, 19),
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
      case 'pad-axes':
        return graphOf([node('Pad', ['x', 'c', '', 'a'], ['y'])], {
          opset: 18,
          inputs: { x: shape },
          constants: { c: list([at % 3, 1]), a: list([at % 2 ? axis : axis - shape.length]) },
          outputs: ['y'],
        });
      case 'pad-attribute':
        return single('Pad', shape, { pads: [...shape, ...shape].map((_, index) => (at + index) % 3) }, 10);
      case 'gather-elements':
        return second(
          'GatherElements',
          int64Tensor(shape.with(axis, 2), Array<number>(elementCount(shape.with(axis, 2))).fill(0)),
          { axis },
        );
      case 'gather-nd':
        return second('GatherND', int64Tensor([2, axis + 1], Array<number>(2 * (axis + 1)).fill(0)));
      case 'pad':
        return second('Pad', list([...shape, ...shape].map((_, index) => (at + index) % 3)));
      default:
        return second('Gather', int64Tensor([2, 1], [0, -1]), { axis });
    }
  });

const alongAxes: Case = fc
  .record({
    op: fc.constantFrom('Softmax', 'LogSoftmax', 'Hardmax', 'ArgMax', 'ArgMin', 'TopK', 'LayerNormalization', 'OneHot'),
    opset: fc.constantFrom(9, 12, 13, 17),
    shape: shapeOf(1, 4),
    at: fc.nat(20),
    k: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ op, opset, shape, at, k }) => {
    const axis = (at % (2 * shape.length)) - shape.length;
    const length = shape.at(axis)!;
    switch (op) {
      case 'TopK':
        if (opset < 10) {
          return graphOf([node(op, ['x'], ['y', 'i'], { axis, k: Math.min(k, length) })], {
            opset,
            inputs: { x: shape },
            outputs: ['y', 'i'],
          });
        }
        return graphOf([node(op, ['x', 'k'], ['y', 'i'], { axis })], {
          opset,
          inputs: { x: shape },
          constants: { k: list([Math.min(k, length)]) },
          outputs: ['y', 'i'],
        });
      case 'LayerNormalization':
        return graphOf([node(op, ['x', 's'], ['y', 'm', 'd'], { axis })], {
          opset: 17,
          inputs: { x: shape },
          constants: { s: pattern(shape.slice(axis)) },
          outputs: ['y', 'm', 'd'],
        });
      case 'OneHot':
        return graphOf([node(op, ['x', 'd', 'v'], ['y'], { axis })], {
          opset: Math.max(opset, 11),
          inputs: { x: { dtype: 'int64', shape } },
          constants: { d: at % 2 ? list([k]) : float32Tensor([1], [k + 0.5]), v: float32Tensor([2], [0, 1]) },
          outputs: ['y'],
        });
      case 'ArgMax':
      case 'ArgMin':
        return single(op, shape, { axis, keepdims: at % 2 }, opset);
      default:
        return single(op, shape, at % 3 === 0 ? {} : { axis: opset < 11 ? axis + shape.length : axis }, opset);
    }
  });

/** Operators whose size is a value: of constants, and of what is computed from a shape. */
const generating: Case = fc
  .record({
    kind: fc.constantFrom('range', 'range-float', 'constant-of-shape', 'eye', 'random', 'global'),
    start: fc.integer({ min: -9, max: 9 }),
    limit: fc.integer({ min: -20, max: 20 }),
    delta: fc.constantFrom(1, 2, 3, -1, -4),
    shape: shapeOf(0, 4),
  })
  .map(({ kind, start, limit, delta, shape }) => {
    const range = (a: Tensor, b: Tensor, c: Tensor): Graph =>
      graphOf([node('Range', ['a', 'b', 'c'], ['y'])], {
        constants: { a, b, c },
        outputs: ['y'],
      });
    const scalar = (value: number): Tensor => int64Tensor([], [value]);
    switch (kind) {
      case 'range':
        return range(scalar(start), scalar(limit), scalar(delta));
      case 'range-float':
        return range(
          ...([start, limit, delta].map((value) => float32Tensor([], [value / 4])) as [Tensor, Tensor, Tensor]),
        );
      case 'constant-of-shape':
        return graphOf([node('ConstantOfShape', ['s'], ['y'])], { constants: { s: list(shape) }, outputs: ['y'] });
      case 'eye':
        return single('EyeLike', [3, 1 + shape.length], { dtype: 7 });
      case 'random':
        return graphOf([node('RandomUniform', [], ['y'], { shape })], { outputs: ['y'] });
      default:
        return single('GlobalAveragePool', [1, 2, ...shape, 3]);
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
      'BatchNormalization',
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
    if (op === 'BatchNormalization') {
      return graphOf([node(op, ['x', 's', 's', 's', 'v'], ['y'], { epsilon: float(0.01) })], {
        inputs: { x },
        constants: { s: pattern([4]), v: float32Tensor([4], [1, 2, 3, 4]) },
        outputs: ['y'],
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

/** A name, nodes as graphs of one, and how many of them the suite draws. */
export const families: readonly (readonly [string, Case, number])[] = [
  ['Conv', convolution, 60],
  ['ConvTranspose', transposed, 150],
  ['windows of other ranks', otherRanks, 80],
  ['quantized convolutions', quantized, 40],
  ['pooling', pooling, 150],
  ['broadcasting', broadcasting, 60],
  ['reduction', reduction, 80],
  ['Slice', slicing, 80],
  ['Resize and Upsample', resizing, 120],
  ['reshaping', reshaping, 120],
  ['joining and cutting', joining, 150],
  ['operators along axes', alongAxes, 120],
  ['generated sizes', generating, 40],
  ['matrix products', matrices, 40],
  ['one input', unary, 60],
];

const zeros = ({ dtype, shape }: ValueType): Tensor => ({
  dtype,
  shape: shape as readonly number[],
  bytes: new Uint8Array(elementCount(shape as readonly number[]) * elementSize[dtype]),
});

/** Draws nodes of a family and holds their inferred types against what onnxruntime computes. Gives how many it could run. */
export async function holdToOnnxruntime(nodes: Case, runs: number): Promise<number> {
  let agreed = 0;
  await fc.assert(
    fc.asyncProperty(nodes, async (graph) => {
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
  return agreed;
}
