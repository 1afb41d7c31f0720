import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Graph, Node } from '../graph/graph.ts';
import { float32Tensor, int64Tensor } from '../graph/tensor.ts';
import { readModel } from './read.ts';
import { resolve } from './resolve.ts';
import { extractSubgraph, withOutputs } from './subgraph.ts';
import { float, graphOf, node, pattern, runEveryValue, runModel } from './testing/graphs.ts';
import { writeModel } from './write.ts';

/** A layer by number: from one value to another of the same rank, in the form that the opset wants. */
const layers: readonly ((from: string, to: string, opset: number) => readonly Node[])[] = [
  (from, to) => [node('Conv', [from, 'w', 'b'], [to], { pads: [1, 1, 1, 1] })],
  (from, to) => [
    node('BatchNormalization', [from, 'scale', 'bias', 'mean', 'variance'], [to], { epsilon: float(2 ** -10) }),
  ],
  (from, to) => [node('Relu', [from], [to])],
  (from, to) => [node('LeakyRelu', [from], [to], { alpha: float(0.125) })],
  (from, to) => [node('MaxPool', [from], [to], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] })],
  (from, to) => [node('Add', [from, 'bias4'], [to])],
  (from, to, opset) =>
    opset >= 11
      ? [node('Clip', [from, 'low', 'high'], [to])]
      : [node('Clip', [from], [to], { min: float(-0.5), max: float(0.75) })],
  (from, to, opset) =>
    opset >= 10
      ? [node('Slice', [from, 'starts', 'ends', 'axes'], [to])]
      : [node('Slice', [from], [to], { starts: [0], ends: [9], axes: [3] })],
  (from, to) => [
    node('Concat', [from, from], [`${to}_c`], { axis: 2 }),
    node('Transpose', [`${to}_c`], [to], { perm: [0, 1, 3, 2] }),
  ],
  (from, to) => [
    node('Shape', [from], [`${to}_s`]),
    node('Reshape', [from, `flat`], [`${to}_f`]),
    node('Reshape', [`${to}_f`, `${to}_s`], [to]),
  ],
];

const constants = {
  w: pattern([4, 4, 3, 3]),
  b: pattern([4]),
  scale: pattern([4]),
  bias: pattern([4]),
  mean: pattern([4]),
  variance: float32Tensor([4], [1, 0.5, 2, 1]),
  bias4: pattern([1, 4, 1, 1]),
  low: float32Tensor([], [-0.5]),
  high: float32Tensor([], [0.75]),
  starts: int64Tensor([1], [0]),
  ends: int64Tensor([1], [9]),
  axes: int64Tensor([1], [3]),
  flat: int64Tensor([2], [0, -1]),
};

function network(opset: number, chosen: readonly number[]): Graph {
  const nodes = chosen.flatMap((layer, index) =>
    layers[layer]!(index === 0 ? 'x' : `v${index}`, `v${index + 1}`, opset),
  );
  return graphOf(nodes, { opset, inputs: { x: ['N', 4, 6, 7] }, constants, outputs: [`v${chosen.length}`] });
}

const anyNetwork = fc.array(fc.nat(layers.length - 1), { minLength: 1, maxLength: 6 });
const opsets = Array.from({ length: 16 }, (_, index) => index + 7);
const x = pattern([2, 4, 6, 7]);
const shapes = new Map([['x', x.shape]]);

describe('written models', () => {
  test.each(opsets)(
    'of opset %d run, as they are and resolved, with equal results and the inferred shapes',
    async (opset) => {
      await fc.assert(
        fc.asyncProperty(anyNetwork, async (chosen) => {
          const graph = network(opset, chosen);
          const output = graph.outputs[0]!;
          const resolved = resolve(graph, { shapes });
          const original = await runModel(writeModel(graph), { x });
          const values = await runEveryValue(resolved, { x });
          expect(Buffer.compare(values[output]!.bytes, original[output]!.bytes)).toBe(0);
          for (const [name, { dtype, shape }] of Object.entries(values))
            expect(resolved.values.get(name)).toEqual({ dtype, shape });
        }),
        { numRuns: 5 },
      );
    },
  );

  test('read back as they were', () => {
    fc.assert(
      fc.property(fc.constantFrom(...opsets), anyNetwork, (opset, chosen) => {
        const graph = network(opset, chosen);
        const back = readModel(writeModel(graph));
        const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
        expect(back.nodes).toEqual(graph.nodes);
        expect([...back.constants]).toEqual([...graph.constants].filter(([name]) => read.has(name)));
        expect([back.inputs, back.outputs, back.opsets]).toEqual([graph.inputs, graph.outputs, graph.opsets]);
        expect(Buffer.compare(writeModel(back), writeModel(graph))).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('of a network whose outputs are an input and a constant run', async () => {
    const graph = graphOf([node('Relu', ['x'], ['y'])], {
      inputs: { x: [2] },
      constants: { c: float32Tensor([1], [5]) },
      outputs: ['c', 'y'],
    });
    const results = await runModel(writeModel(graph), { x: float32Tensor([2], [-1, 1]) });
    expect(results.c!.bytes).toEqual(float32Tensor([1], [5]).bytes);
  });

  test('keep every kind of attribute', () => {
    const inner = graphOf([node('Identity', ['x'], ['r'])], { outputs: ['r'] });
    const graph = graphOf(
      [
        {
          ...node('If', ['x'], ['y']),
          attributes: {
            i: { kind: 'int', value: -(2 ** 40) },
            f: { kind: 'float', value: 0.25 },
            s: { kind: 'string', value: 'é' },
            is: { kind: 'ints', value: [0, -1, 2 ** 53 - 1, 2 ** 63, -(2 ** 63)] },
            fs: { kind: 'floats', value: [1, -0.5, Number.POSITIVE_INFINITY] },
            ss: { kind: 'strings', value: ['a', ''] },
            t: { kind: 'tensor', value: int64Tensor([2], [1, 2]) },
            g: { kind: 'graph', value: inner },
            empty: { kind: 'ints', value: [] },
          },
        },
      ],
      { inputs: { x: [1] }, outputs: ['y'] },
    );
    expect(readModel(writeModel(graph)).nodes).toEqual(graph.nodes);
  });

  test('with string constants are refused', () => {
    const graph = graphOf([node('Identity', ['s'], ['y'])], {
      constants: { s: { dtype: 'string', shape: [1], bytes: new Uint8Array(0) } },
      outputs: ['y'],
    });
    expect(() => writeModel(graph)).toThrow('onnx/dtype');
  });
});

describe('parts of a graph', () => {
  const graph = resolve(network(17, [0, 2, 6, 4]), { shapes });
  const names = graph.nodes.map(({ name }) => name);

  test('run alone give what they give in the whole', async () => {
    const whole = await runEveryValue(graph, { x });
    const part = extractSubgraph(graph, names.slice(1, 3), ['v1'], ['v2', 'v3']);
    expect([...part.constants.keys()]).toEqual(['low', 'high']);
    expect([...part.values.keys()].sort()).toEqual(['high', 'low', 'v1', 'v2', 'v3']);
    const results = await runModel(writeModel(part), { v1: whole.v1! });
    expect(Object.keys(results)).toEqual(['v2', 'v3']);
    for (const [name, tensor] of Object.entries(results))
      expect(Buffer.compare(tensor.bytes, whole[name]!.bytes)).toBe(0);
  });

  test('must be given what they read', () => {
    expect(() => extractSubgraph(graph, names.slice(1, 2), [], ['v2'])).toThrow('needs v1');
    expect(() => extractSubgraph(graph, ['nobody'], [], [])).toThrow('nobody');
    expect(() => extractSubgraph(graph, names.slice(0, 1), ['x'], ['v4'])).toThrow('needs v4');
  });

  test('further outputs come after the graph’s own, once', () => {
    expect(withOutputs(graph, ['v2', 'v4', 'x']).outputs).toEqual(['v4', 'v2', 'x']);
    expect(() => withOutputs(graph, ['nothing'])).toThrow('onnx/graph');
  });
});
