/** Random nodes that move elements or make them up: slices, resizes, reshapes, joins, and sizes that are values. */

import fc from 'fast-check';
import type { Graph } from '../../../graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../../../graph/tensor.ts';
import { graphOf, node } from '../graphs.ts';
import { type Case, image, list, pair, shapeOf, single, size } from './draw.ts';

export const slicing: Case = fc
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

export const resizing: Case = fc
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

export const reshaping: Case = fc
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

export const joining: Case = fc
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

/** Operators whose size is a value: of constants, and of what is computed from a shape. */
export const generating: Case = fc
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
