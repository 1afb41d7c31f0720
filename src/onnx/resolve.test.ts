import { describe, expect, test } from 'vitest';
import { DlakitError, type ErrorCode } from '../base/errors.ts';
import type { Graph, ValueType } from '../graph/graph.ts';
import { int64Tensor, numbers } from '../graph/tensor.ts';
import { requireBoundInputs, resolve } from './resolve.ts';
import { parseShapes } from './shapes.ts';
import { graphOf, node, pattern } from './testing/graphs.ts';

const codeOf = (work: () => unknown): ErrorCode => {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem.code;
    throw error;
  }
  throw new Error('nothing was refused');
};

const withValue = (graph: Graph, name: string, type: ValueType): Graph => ({
  ...graph,
  values: new Map([...graph.values, [name, type]]),
});

describe('symbolic dimensions', () => {
  const conv = graphOf(
    [node('Conv', ['x', 'w'], ['h'], { pads: [1, 1, 1, 1], strides: [2, 2] }), node('Relu', ['h'], ['y'])],
    { inputs: { x: ['N', 3, 'H', 'W'] }, constants: { w: pattern([8, 3, 3, 3]) }, outputs: ['y'] },
  );

  test('pass through, and what depends on them is a symbol of its own', () => {
    const { values } = resolve(conv);
    expect(values.get('h')?.shape).toEqual(['N', 8, 'h[2]', 'h[3]']);
    expect(values.get('y')?.shape).toEqual(['N', 8, 'h[2]', 'h[3]']);
  });

  test('are replaced wherever they appear once bound', () => {
    const graph = withValue(conv, 'z', { dtype: 'float32', shape: ['N', 'H'] });
    const both: Graph = { ...graph, inputs: ['x', 'z'] };
    const { values } = resolve(both, { shapes: parseShapes('x:2x3x9x11') });
    expect(values.get('z')?.shape).toEqual([2, 9]);
    expect(values.get('y')?.shape).toEqual([2, 8, 5, 6]);
  });

  test('what a file declares fills in what cannot be inferred, and yields to what can', () => {
    const hinted = withValue(withValue(conv, 'h', { dtype: 'float32', shape: ['N', 8, 7, 'W2'] }), 'y', {
      dtype: 'float32',
      shape: [1, 2, 3, 4],
    });
    const { values } = resolve(hinted);
    expect(values.get('h')?.shape).toEqual(['N', 8, 7, 'W2']);
    expect(resolve(hinted, { shapes: parseShapes('x:2x3x9x11') }).values.get('y')?.shape).toEqual([2, 8, 5, 6]);
  });

  test('an unknown operator has the types that the file declares', () => {
    const graph = graphOf([node('Mystery', ['x'], ['m']), node('Relu', ['m'], ['y'])], {
      inputs: { x: [2] },
      outputs: ['y'],
    });
    expect(resolve(graph).values.has('y')).toBe(false);
    const declared = withValue(graph, 'm', { dtype: 'float32', shape: [2, 5] });
    expect(resolve(declared).values.get('y')).toEqual({ dtype: 'float32', shape: [2, 5] });
  });

  test('are refused where an input is not bound, and left open where a node leaves them open', () => {
    expect(() => requireBoundInputs(resolve(conv))).toThrow('value x');
    const known = resolve(conv, { shapes: parseShapes('x:1x3x8x8') });
    requireBoundInputs(known);
    expect(codeOf(() => requireBoundInputs(resolve(conv)))).toBe('shape/unresolved');
    requireBoundInputs(withValue(known, 'y', { dtype: 'float32' }));
    const empty = graphOf([node('Relu', ['x'], ['y'])], { inputs: { x: [1, 0] }, outputs: ['y'] });
    expect(codeOf(() => requireBoundInputs(resolve(empty)))).toBe('onnx/dimension');
  });
});

describe('shape arithmetic', () => {
  const flatten = graphOf(
    [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'zero'], ['n'], { axis: 0 }),
      node('Unsqueeze', ['n', 'first'], ['n1']),
      node('Concat', ['n1', 'rest'], ['target'], { axis: 0 }),
      node('Reshape', ['x', 'target'], ['y']),
    ],
    {
      inputs: { x: ['N', 4, 3, 3] },
      constants: { zero: int64Tensor([], [0]), first: int64Tensor([1], [0]), rest: int64Tensor([1], [-1]) },
      outputs: ['y'],
    },
  );

  test('follows half-known shapes', () => {
    const resolved = resolve(flatten);
    expect(resolved.values.get('y')?.shape).toEqual(['N', 36]);
    expect(resolved.nodes.length).toBe(5);
  });

  test('disappears once the shape is known', () => {
    const resolved = resolve(flatten, { shapes: parseShapes('x:5x4x3x3') });
    expect(resolved.nodes.map(({ op }) => op)).toEqual(['Reshape']);
    expect([...resolved.constants.keys()]).toEqual(['target']);
    expect(numbers(resolved.constants.get('target')!)).toEqual([5, -1]);
  });

  test('that needs only known dimensions of a symbolic shape folds', () => {
    const graph = graphOf(
      [
        node('Shape', ['x'], ['s']),
        node('Slice', ['s', 'two', 'four'], ['hw']),
        node('Mul', ['hw', 'twice'], ['double']),
        node('Cast', ['double'], ['sizes'], { to: 7 }),
        node('Concat', ['nc', 'sizes'], ['all'], { axis: 0 }),
        node('Resize', ['x', '', '', 'all'], ['y'], { mode: 'nearest' }),
      ],
      {
        inputs: { x: ['N', 4, 3, 5] },
        constants: {
          two: int64Tensor([1], [2]),
          four: int64Tensor([1], [4]),
          twice: int64Tensor([], [2]),
          nc: int64Tensor([2], [1, 4]),
        },
        outputs: ['y'],
      },
    );
    const resolved = resolve(graph);
    expect(resolved.nodes.map(({ op }) => op)).toEqual(['Resize']);
    expect(resolved.values.get('y')?.shape).toEqual([1, 4, 6, 10]);
  });

  test('ends in a constant output where everything is known', () => {
    const graph = graphOf([node('Shape', ['x'], ['s'])], { inputs: { x: [2, 3] }, outputs: ['s'] });
    const resolved = resolve(graph);
    expect(resolved.nodes).toEqual([]);
    expect(numbers(resolved.constants.get('s')!)).toEqual([2, 3]);
  });
});

describe('constants', () => {
  test('reshaped weights stay views, moved ones are made, unused ones go', () => {
    const w = pattern([4, 6]);
    const graph = graphOf(
      [
        node('Identity', ['w'], ['same']),
        node('Reshape', ['same', 'shape'], ['flat']),
        node('Transpose', ['w'], ['turned']),
        node('MatMul', ['x', 'turned'], ['a']),
        node('MatMul', ['x', 'flat'], ['b']),
      ],
      { inputs: { x: [1, 6] }, constants: { w, shape: int64Tensor([2], [6, 4]), unused: w }, outputs: ['a', 'b'] },
    );
    const resolved = resolve(graph);
    expect(resolved.nodes.map(({ op }) => op)).toEqual(['MatMul', 'MatMul']);
    expect([...resolved.constants.keys()].sort()).toEqual(['flat', 'turned']);
    expect(resolved.constants.get('flat')!.bytes.buffer).toBe(w.bytes.buffer);
    expect([...resolved.values.keys()].sort()).toEqual(['a', 'b', 'flat', 'turned', 'x']);
  });

  test('resolving again changes nothing', () => {
    const graph = graphOf([node('Flatten', ['x'], ['f']), node('Gemm', ['f', 'w'], ['y'])], {
      inputs: { x: [2, 3, 2] },
      constants: { w: pattern([6, 5]) },
      outputs: ['y'],
    });
    const once = resolve(graph);
    expect(resolve(once)).toEqual(once);
  });
});

describe('shapes that do not fit', () => {
  const of = (op: string, inputs: Readonly<Record<string, readonly number[]>>, attributes = {}, opset = 17) =>
    codeOf(() =>
      resolve(graphOf([node(op, Object.keys(inputs), ['y'], attributes)], { opset, inputs, outputs: ['y'] })),
    );

  test.each([
    ['Conv', { x: [1, 3, 8, 8], w: [4, 2, 3, 3] }, {}],
    ['Conv', { x: [1, 3, 8, 8], w: [4, 3, 9, 9] }, {}],
    ['Conv', { x: [1, 3, 8, 8], w: [4, 3, 3, 3], b: [5] }, {}],
    ['Conv', { x: [1, 4, 8, 8], w: [3, 2, 3, 3] }, { group: 2 }],
    ['ConvTranspose', { x: [1, 3, 8, 8], w: [4, 3, 3, 3] }, {}],
    ['Add', { a: [2, 3], b: [2, 4] }, {}],
    ['MatMul', { a: [2, 3], b: [2, 3] }, {}],
    ['Gemm', { a: [2, 3], b: [2, 3] }, {}],
    ['Concat', { a: [2, 3], b: [3, 3] }, { axis: 1 }],
    ['Concat', { a: [2, 3], b: [2] }, { axis: 1 }],
    ['Split', { x: [5] }, { axis: 0, split: [2, 2] }],
    ['Transpose', { x: [5, 2] }, { perm: [0, 2] }],
    ['Flatten', { x: [5, 2] }, { axis: 3 }],
    ['DepthToSpace', { x: [1, 6, 2, 2] }, { blocksize: 2 }],
    ['BatchNormalization', { x: [1, 4, 2], s: [3], b: [3], m: [3], v: [3] }, {}],
  ] as const)('%s %o', (op, inputs, attributes) => {
    expect(of(op, inputs, attributes, op === 'Split' ? 11 : 17)).toBe('shape/mismatch');
  });

  test.each([
    ['MaxPool', { x: [1, 3, 8, 8] }, {}],
    ['MaxPool', { x: [1, 3, 8, 8] }, { kernel_shape: [2] }],
    ['MaxPool', { x: [1, 3, 8, 8] }, { kernel_shape: [2, 2], strides: [0, 1] }],
    ['Conv', { x: [1, 3, 8, 8], w: [4, 3, 3, 3] }, { auto_pad: 'SOMETIMES' }],
    ['Conv', { x: [1, 3, 8, 8], w: [4, 3, 3, 3] }, { group: 0 }],
    ['Transpose', { x: [5, 2] }, { perm: [0, 0] }],
  ] as const)('attributes of %s %o %o', (op, inputs, attributes) => {
    expect(of(op, inputs, attributes)).toBe('onnx/graph');
  });

  test('results beyond any memory', () => {
    const huge = graphOf([node('Expand', ['x', 's'], ['y'])], {
      inputs: { x: [1] },
      constants: { s: int64Tensor([3], [2 ** 30, 2 ** 30, 2 ** 30]) },
      outputs: ['y'],
    });
    expect(codeOf(() => resolve(huge))).toBe('onnx/dimension');
  });
});

describe('--shapes', () => {
  test('are read as trtexec spells them', () => {
    expect([...parseShapes('image:1x3x224x224')]).toEqual([['image', [1, 3, 224, 224]]]);
    expect([...parseShapes('a:0:4, "b c":2x2,')]).toEqual([
      ['a:0', [4]],
      ['b c', [2, 2]],
    ]);
    expect([...parseShapes('s:scalar')]).toEqual([['s', []]]);
    expect(parseShapes('').size).toBe(0);
  });

  test.each([
    'image',
    'image:',
    ':1x2',
    'image:1x',
    'image:1x-2',
    'image:ax3',
    'image:0x3',
    'image:99999999999',
    'a:1,a:2',
  ])('are refused when malformed: %s', (text) => {
    expect(codeOf(() => parseShapes(text))).toBe('shape/binding');
  });

  const graph = graphOf([node('Add', ['x', 'z'], ['y'])], { inputs: { x: ['N', 3], z: ['N', 3] }, outputs: ['y'] });

  test.each([
    ['nobody:1', 'no such input'],
    ['x:1', 'wrong rank'],
    ['x:1x4', 'fixed in the model'],
    ['x:1x3,z:2x3', 'bound to 1 already'],
    ['y:1x3', 'no such input'],
  ])('are refused when they do not fit the inputs: %s', (text, message) => {
    const attempt = () => resolve(graph, { shapes: parseShapes(text) });
    expect(attempt).toThrow(message);
    expect(codeOf(attempt)).toBe('shape/binding');
  });
});
