/**
 * Files made to break us. Whatever the bytes and whatever the graph, the answer is a graph or a typed error, soon, and
 * what was accepted can be written and read again.
 */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementSize } from '../base/data-type.ts';
import { DlakitError } from '../base/errors.ts';
import type { Attribute, Dim, Graph } from '../graph/graph.ts';
import { elementCount, float32Tensor, type Tensor } from '../graph/tensor.ts';
import { InferContext } from './infer/rule.ts';
import { inferRules } from './infer/rules.ts';
import { readModel } from './read.ts';
import { resolve } from './resolve.ts';
import { modelFile, nodeProto, valueInfo } from './testing/files.ts';
import { float, floats, graphOf, node } from './testing/graphs.ts';
import { writeModel } from './write.ts';

/** Longest of many; a typed error is as good as a result. */
function survives(work: () => void, limit = 2000): boolean {
  const start = performance.now();
  let accepted = true;
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(DlakitError);
    accepted = false;
  }
  expect(performance.now() - start).toBeLessThan(limit);
  return accepted;
}

const integer = fc.oneof(
  fc.integer({ min: -3, max: 9 }),
  fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 63, -(2 ** 63), 2 ** 40, 65536, 1000),
);
const dtype = fc.constantFrom(
  'float32',
  'int64',
  'int32',
  'bool',
  'uint8',
  'float16',
  'float64',
  'uint64',
  'string',
  'bfloat16',
);
const halfKnown = fc.option(fc.array(fc.oneof(integer, fc.constantFrom('N', 'M')), { maxLength: 6 }), {
  nil: undefined,
});
const dims = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }),
  fc.constantFrom([1, 4, 6, 6], [4, 4, 3, 3], [4], [1], [2], []),
);
const integers = fc.array(integer, { maxLength: 8 }).map((values): Tensor => {
  const data = BigInt64Array.from(values, (value) => BigInt.asIntN(64, BigInt(value)));
  return { dtype: 'int64', shape: [values.length], bytes: new Uint8Array(data.buffer) };
});
const anyTensor = fc.tuple(dtype, dims, fc.integer()).map(([type, shape, seed]): Tensor => {
  const size = elementCount(shape) * elementSize[type];
  return {
    dtype: type,
    shape,
    bytes: Uint8Array.from({ length: size }, (_, index) => Math.imul(seed + index, 0x9e3779b1) >>> 24),
  };
});
/** Floats where integers are asked for, whole and broken. */
const smallFloats = fc
  .array(fc.constantFrom(0, 1, 2, 3, 4, -1, 0.5, 1.5, 2.25, -1.5, Number.NaN, Number.POSITIVE_INFINITY), {
    maxLength: 5,
  })
  .map((values) => float32Tensor([values.length], values));
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  integer.map((value): Attribute => ({ kind: 'int', value })),
  fc.array(integer, { maxLength: 8 }).map((value): Attribute => ({ kind: 'ints', value })),
  fc
    .constantFrom('NOTSET', 'SAME_UPPER', 'VALID', 'ij,jk->ik', 'i->', '')
    .map((value): Attribute => ({ kind: 'string', value })),
  fc.double().map((value): Attribute => ({ kind: 'float', value })),
  fc.array(fc.double(), { maxLength: 5 }).map((value): Attribute => ({ kind: 'floats', value })),
  anyTensor.map((value): Attribute => ({ kind: 'tensor', value })),
);
const attributeName = fc.constantFrom(
  ...[
    'axis',
    'axes',
    'kernel_shape',
    'strides',
    'pads',
    'dilations',
    'group',
    'auto_pad',
    'to',
    'perm',
    'split',
    'keepdims',
  ],
  ...[
    'starts',
    'ends',
    'scales',
    'value',
    'blocksize',
    'start',
    'end',
    'output_shape',
    'output_padding',
    'k',
    'equation',
  ],
  ...[
    'hidden_size',
    'direction',
    'fmod',
    'ceil_mode',
    'min',
    'max',
    'batch_dims',
    'dtype',
    'shape',
    'keep_aspect_ratio_policy',
  ],
);

const operators = [...inferRules.keys(), 'If', 'constructor', '__proto__'];

/** One node of any operator, with any inputs, at any opset. */
const anyNode: fc.Arbitrary<Graph> = fc
  .record({
    op: fc.constantFrom(...operators),
    opset: fc.integer({ min: 7, max: 22 }),
    inputs: fc.array(
      fc.record({
        tensor: fc.oneof(anyTensor, integers, smallFloats),
        kind: fc.constantFrom('constant', 'run time', 'absent'),
      }),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
    outputs: fc.integer({ min: 1, max: 3 }),
    attributes: fc.dictionary(attributeName, attribute, { maxKeys: 5 }),
  })
  .map(({ op, opset, inputs, outputs, attributes }) => {
    const names = inputs.map(({ kind }, index) => (kind === 'absent' ? '' : `x${index}`));
    const given = (wanted: string) =>
      inputs.flatMap(({ tensor, kind }, index) => (kind === wanted ? [[`x${index}`, tensor] as const] : []));
    const results = Array.from({ length: outputs }, (_, index) => `y${index}`);
    return graphOf([node(op, names, results, attributes), node('Relu', ['y0'], ['z'])], {
      opset,
      inputs: Object.fromEntries(
        given('run time').map(([name, { dtype: type, shape }]) => [name, { dtype: type, shape }]),
      ),
      constants: Object.fromEntries(given('constant')),
      outputs: ['z'],
    });
  });

describe('hostile graphs', () => {
  test('any node with any inputs and attributes resolves or is refused', () => {
    let accepted = 0;
    const reached = new Set<string>();
    fc.assert(
      fc.property(anyNode, (graph) => {
        const fine = survives(() => {
          const resolved = resolve(graph);
          for (const [name, tensor] of resolved.constants) {
            expect(tensor.bytes.length, name).toBe(elementCount(tensor.shape) * elementSize[tensor.dtype]);
          }
          if (![...resolved.constants.values()].some((tensor) => tensor.dtype === 'string')) writeModel(resolved);
        });
        if (!fine) return;
        accepted++;
        reached.add(graph.nodes[0]!.op);
      }),
      { numRuns: 6000 },
    );
    expect(accepted).toBeGreaterThan(3000);
    expect(reached.size).toBeGreaterThan(operators.length * 0.7);
  });

  test('no rule infers a dimension that is no natural number', () => {
    let inferred = 0;
    fc.assert(
      fc.property(anyNode, fc.array(halfKnown, { maxLength: 6 }), ({ nodes, opsets, constants, values }, lists) => {
        const [first] = nodes;
        // Lists that are known in part, as resolve follows them, for the inputs that are no constants.
        const types = new Map(values);
        const partial = new Map<string, readonly Dim[]>();
        for (const [index, list] of lists.entries()) {
          const name = first!.inputs[index];
          if (!name || list === undefined || constants.has(name)) continue;
          partial.set(name, list);
          types.set(name, { dtype: 'int64', shape: [list.length] });
        }
        const context = new InferContext(first!, opsets['']!, { types, constants, partial });
        survives(() => {
          for (const type of inferRules.get(first!.op)?.(context) ?? []) {
            for (const dim of type?.shape ?? []) {
              if (typeof dim !== 'number') continue;
              expect(Number.isInteger(dim) && dim >= 0, `${first!.op} ${dim}`).toBe(true);
              inferred++;
            }
          }
        });
      }),
      { numRuns: 12_000 },
    );
    expect(inferred).toBeGreaterThan(2500);
  });

  test('long chains of doubling and wide fans stay cheap', () => {
    const doubling = Array.from({ length: 60 }, (_, index) =>
      node('Concat', [`v${index}`, `v${index}`], [`v${index + 1}`], { axis: 0 }),
    );
    const start: Tensor = { dtype: 'int64', shape: [1], bytes: new Uint8Array(8) };
    survives(() => resolve(graphOf(doubling, { constants: { v0: start }, outputs: ['v60'] })), 5000);
    survives(() => {
      const shapes = [node('Shape', ['x'], ['v0']), ...doubling];
      resolve(graphOf(shapes, { inputs: { x: ['N'] }, outputs: ['v60'] }));
    }, 5000);
    const wide = node('Sum', Array<string>(100_000).fill('x'), ['y']);
    survives(() => resolve(graphOf([wide], { inputs: { x: [1, 2, 3, 4] }, outputs: ['y'] })), 5000);
  });

  test('a deep chain of nodes does not exhaust the stack, in either order', () => {
    const count = 50_000;
    const nodes = Array.from({ length: count }, (_, index) =>
      nodeProto('Relu', [index === 0 ? 'x' : `v${index}`], [index === count - 1 ? 'y' : `v${index + 1}`]),
    );
    const io = { input: [valueInfo('x', [2])], output: [valueInfo('y', [2])] };
    const ordered = readModel(modelFile({ ...io, node: nodes }));
    const reversed = readModel(modelFile({ ...io, node: nodes.toReversed() }));
    expect(reversed.nodes.map(({ outputs }) => outputs)).toEqual(ordered.nodes.map(({ outputs }) => outputs));
    expect(resolve(ordered).values.get('y')?.shape).toEqual([2]);
  });
});

describe('floats where integers are asked for', () => {
  const broken = (count: number): Tensor => float32Tensor([count], Array<number>(count).fill(1.5));
  test.each([
    ['Tile', ['x', 'f2'], {}],
    ['Reshape', ['x', 'f2'], {}],
    ['Expand', ['x', 'f2'], {}],
    ['ConstantOfShape', ['f2'], {}],
    ['Slice', ['x', 'f2', 'f2'], {}],
    ['Pad', ['x', 'f4'], {}],
    ['Split', ['x', 'f1'], {}],
    ['Squeeze', ['x', 'f1'], {}],
    ['Unsqueeze', ['x', 'f1'], {}],
    ['ReduceSum', ['x', 'f1'], {}],
    ['TopK', ['x', 'f1'], {}],
    ['Resize', ['x', '', '', 'f2'], {}],
    ['Concat', ['x', 'x'], { axis: float(1) }],
    ['Transpose', ['x'], { perm: floats([1, 0]) }],
    ['Gemm', ['x', 'x'], { transA: float(1) }],
  ] as const)('%s is refused', (op, inputs, attributes) => {
    const graph = graphOf([node(op, inputs, ['y'], attributes)], {
      opset: 18,
      inputs: { x: [2, 2] },
      constants: { f1: broken(1), f2: broken(2), f4: broken(4) },
      outputs: ['y'],
    });
    expect(() => resolve(graph)).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ code: 'onnx/graph' }) }),
    );
  });
});

describe('hostile bytes', () => {
  const originals = [
    modelFile(),
    writeModel(
      graphOf(
        [
          node('Conv', ['x', 'w'], ['h'], { pads: [1, 1, 1, 1] }),
          node('Shape', ['h'], ['s']),
          node('Reshape', ['h', 's'], ['y']),
        ],
        {
          inputs: { x: ['N', 2, 4, 4] },
          constants: { w: { dtype: 'float32', shape: [2, 2, 3, 3], bytes: new Uint8Array(144) } },
          outputs: ['y'],
        },
      ),
    ),
    new Uint8Array(readFileSync('models/fashion-resnet8-wide-dense.onnx')).slice(0, 4000),
  ];

  /** Bytes put in the place of others; as often as not of as many, which leaves the messages around them whole. */
  const edit = fc.record({
    at: fc.nat(),
    remove: fc.option(fc.nat(12)),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constant(new Uint8Array(10).fill(255)),
      fc.constant(Uint8Array.of(255, 255, 255, 255, 15)),
    ),
  });

  test('edited files are read or refused, and what is read can be written and read again', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...originals), fc.array(edit, { minLength: 1, maxLength: 3 }), (original, edits) => {
        let bytes = original;
        for (const { at, remove, insert } of edits) {
          const from = at % (bytes.length + 1);
          bytes = Uint8Array.from([
            ...bytes.subarray(0, from),
            ...insert,
            ...bytes.subarray(from + (remove ?? insert.length)),
          ]);
        }
        const fine = survives(() => {
          const graph = resolve(readModel(bytes));
          if ([...graph.constants.values()].some((tensor) => tensor.dtype === 'string')) return;
          const written = writeModel(graph);
          expect(Buffer.compare(writeModel(readModel(written)), written)).toBe(0);
        });
        if (fine) accepted++;
      }),
      { numRuns: 4000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});
