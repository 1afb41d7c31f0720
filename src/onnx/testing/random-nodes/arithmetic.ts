/** Random nodes that compute: element by element, matrix products, along axes, and operators of one input. */

import fc from 'fast-check';
import type { Attribute } from '../../../graph/graph.ts';
import { float32Tensor } from '../../../graph/tensor.ts';
import { float, graphOf, node, pattern } from '../graphs.ts';
import { type Case, list, shapeOf, single, size } from './draw.ts';

export const broadcasting: Case = fc
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

export const matrices: Case = fc
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

export const reduction: Case = fc
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

export const alongAxes: Case = fc
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

export const unary: Case = fc
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
