import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { readModel } from '../onnx/read.ts';
import { resolve } from '../onnx/resolve.ts';
import type { Attribute, Dim, Graph, Node, ValueType } from './graph.ts';
import { constantTable, parseGraph } from './parse.ts';
import { printGraph } from './print.ts';
import { float32Tensor, int64Tensor, type Tensor } from './tensor.ts';

const example: Graph = {
  name: 'net',
  opsets: { '': 17, 'com.example': 2 },
  inputs: ['x'],
  outputs: ['y', 'a value'],
  nodes: [
    {
      name: 'Conv_0',
      op: 'Conv',
      domain: '',
      inputs: ['x', 'w', ''],
      outputs: ['y'],
      attributes: {
        pads: { kind: 'ints', value: [1, 1, 1, 1] },
        auto_pad: { kind: 'string', value: 'NOTSET' },
        alpha: { kind: 'float', value: 0.5 },
        none: { kind: 'floats', value: [] },
      },
      origin: ['first', 'second/part'],
    },
    {
      name: '7',
      op: 'Odd',
      domain: 'com.example',
      inputs: ['y'],
      outputs: ['a value', ''],
      attributes: {},
      origin: ['7'],
    },
  ],
  constants: new Map([['w', float32Tensor([2, 1, 1, 1], [1, -2.5])]]),
  values: new Map<string, ValueType>([
    ['x', { dtype: 'float32', shape: ['N', 1, 4, 4] }],
    ['w', { dtype: 'float32', shape: [2, 1, 1, 1] }],
    ['y', { dtype: 'float32', shape: ['N', 2, 6, 6] }],
    ['a value', { dtype: 'int64' }],
  ]),
};

test('a graph prints one line a node', () => {
  expect(printGraph(example)).toMatchInlineSnapshot(`
    "graph net opset 17, com.example 2 {
      input x: float32[N, 1, 4, 4]
      const w: float32[2, 1, 1, 1] #3ce439b0622dbd4e  // 1, -2.5
      Conv_0 = Conv(x, w, _) -> y: float32[N, 2, 6, 6] { pads=[1, 1, 1, 1], auto_pad="NOTSET", alpha=0.5f, none=[]f } from first, second/part
      "7" = Odd@com.example(y) -> "a value": int64, _
      output y
      output "a value"
    }
    "
  `);
});

const name = fc.oneof(
  fc.constantFrom('x', 'y', 'input', 'from', 'graph', 'tensor', 'opset', 'const', 'value', 'output', '7', '-1', '_'),
  fc.constantFrom('/layer1/Conv_0', 'a b', 'x:0', '"', '\\', '}', '// x', '__proto__', 'é\n'),
  fc.string({ minLength: 1, maxLength: 8 }),
);
const dim: fc.Arbitrary<Dim> = fc.oneof(fc.nat(1000), name);
const type: fc.Arbitrary<ValueType> = fc.oneof(
  fc.record({ dtype: fc.constantFrom('float32', 'int64', 'bool', 'float16') }),
  fc.record({ dtype: fc.constantFrom('float32', 'uint8'), shape: fc.array(dim, { maxLength: 4 }) }),
);
const tensor: fc.Arbitrary<Tensor> = fc.oneof(
  fc.array(fc.float(), { maxLength: 10 }).map((values) => float32Tensor([values.length], values)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => int64Tensor([], [value])),
);
const plain: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ kind: fc.constant('int' as const), value: fc.integer() }),
  fc.record({ kind: fc.constant('float' as const), value: fc.oneof(fc.float(), fc.double()) }),
  fc.record({ kind: fc.constant('string' as const), value: fc.string() }),
  fc.record({ kind: fc.constant('ints' as const), value: fc.array(fc.integer()) }),
  fc.record({ kind: fc.constant('floats' as const), value: fc.array(fc.double()) }),
  fc.record({ kind: fc.constant('strings' as const), value: fc.array(fc.string()) }),
  fc.record({ kind: fc.constant('tensor' as const), value: tensor }),
);

function graphs(depth: number): fc.Arbitrary<Graph> {
  const inner = graphOf(plain);
  const attribute: fc.Arbitrary<Attribute> =
    depth === 0
      ? plain
      : fc.oneof(
          { weight: 4, arbitrary: plain },
          { weight: 1, arbitrary: fc.record({ kind: fc.constant('graph' as const), value: inner }) },
        );
  return graphOf(attribute);
}

function graphOf(attribute: fc.Arbitrary<Attribute>): fc.Arbitrary<Graph> {
  const node: fc.Arbitrary<Node> = fc.record({
    name,
    op: name,
    domain: fc.oneof(fc.constant(''), name),
    inputs: fc.array(fc.oneof(fc.constant(''), name), { maxLength: 3 }),
    outputs: fc.array(name, { minLength: 1, maxLength: 3 }),
    attributes: fc.array(fc.tuple(name, attribute), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    origin: fc.array(name, { maxLength: 2 }),
  });
  return fc
    .record({
      name: fc.oneof(fc.constant(''), name),
      opsets: fc.array(fc.tuple(fc.oneof(fc.constant(''), name), fc.nat(30))).map((list) => Object.fromEntries(list)),
      inputs: fc.array(name, { maxLength: 3 }),
      outputs: fc.array(name, { maxLength: 3 }),
      nodes: fc.array(node, { maxLength: 4 }),
      constants: fc.array(fc.tuple(name, tensor), { maxLength: 3 }).map((entries) => new Map(entries)),
      values: fc.array(fc.tuple(name, type), { maxLength: 6 }).map((entries) => new Map(entries)),
    })
    .map((graph) => {
      for (const [constant, { dtype, shape }] of graph.constants) graph.values.set(constant, { dtype, shape });
      return graph;
    });
}

describe('printing and parsing', () => {
  test('any graph reads back as it was', () => {
    fc.assert(
      fc.property(graphs(1), (graph) => {
        const text = printGraph(graph);
        const back = parseGraph(text, constantTable(graph));
        expect(back).toEqual(graph);
        expect(printGraph(back)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('a real network reads back, with the very tensors it had', () => {
    const graph = resolve(readModel(readFileSync('models/fashion-resnet20.onnx')));
    const back = parseGraph(printGraph(graph), constantTable(graph));
    expect(back.nodes).toEqual(graph.nodes);
    expect(back.values).toEqual(graph.values);
    for (const [constant, tensor] of graph.constants) {
      expect(back.constants.get(constant)?.bytes.length).toBe(tensor.bytes.length);
    }
  });

  test('text that is no printed graph is refused with its line', () => {
    const text = printGraph(example);
    const table = constantTable(example);
    const cases = [
      ['', 1],
      ['graph net {', 1],
      [`${text} more`, text.split('\n').length],
      [text.replace('float32[N', 'float33[N'), 2],
      [text.replace(/#[0-9a-f]{4}/, '#0000'), 3],
      [text.replace('[2, 1, 1, 1]', '[1, 2, 1, 1]'), 3],
      [text.replace(' = Conv', ' Conv'), 4],
      [text.replace('1, 1, 1, 1]', '1, 1, 1, 1f]'), 4],
      [text.replace('[]f', '[]g'), 4],
      [text.replace('output y', 'output ?'), 6],
    ] as const;
    for (const [broken, line] of cases) {
      expect(broken).not.toBe(text);
      const attempt = () => parseGraph(broken, table);
      expect(attempt).toThrow(DlakitError);
      expect(attempt).toThrow(`line ${line}: `);
    }
  });

  test('arbitrary edits give a graph or a typed error', () => {
    const text = printGraph(example);
    const table = constantTable(example);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(20), fc.string({ maxLength: 5 }), (at, length, insert) => {
        try {
          parseGraph(text.slice(0, at) + insert + text.slice(at + length), table);
        } catch (error) {
          expect(error).toBeInstanceOf(DlakitError);
        }
      }),
    );
  });
});
