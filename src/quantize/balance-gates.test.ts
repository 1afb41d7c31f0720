import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Graph, producers, type ValueType } from '../graph/graph.ts';
import { float32Tensor, float32Values } from '../graph/tensor.ts';
import { writeModel } from '../onnx/write.ts';
import { balanceGates } from './balance-gates.ts';
import { quantize } from './quantize.ts';
import { ortRuntime } from './testing/ort-runtime.ts';

const shape = [2, 3, 4, 5];
const float = (dims: readonly number[]): ValueType => ({ dtype: 'float32', shape: dims });

/** y = x · gate(z), z one number per channel; the gate is read by a second product too. */
function gated(op: 'Sigmoid' | 'Clip', high = 1): Graph {
  const limits = [float32Tensor([], [0]), float32Tensor([], [high])] as const;
  const node = (name: string, kind: string, inputs: readonly string[], output: string) => {
    return { name, op: kind, domain: '', inputs, outputs: [output], attributes: {}, origin: [name] };
  };
  return {
    name: 'gated',
    opsets: { '': 17 },
    inputs: ['x', 'z'],
    outputs: ['y', 'squared'],
    nodes: [
      node('squash', op, op === 'Clip' ? ['z', 'low', 'high'] : ['z'], 'g'),
      node('excite', 'Mul', ['g', 'x'], 'y'),
      node('square', 'Mul', ['g', 'g'], 'squared'),
    ],
    constants: new Map(op === 'Clip' ? [['low', limits[0]] as const, ['high', limits[1]] as const] : []),
    values: new Map([
      ['x', float(shape)],
      ['z', float([2, 3, 1, 1])],
      ['g', float([2, 3, 1, 1])],
      ['y', float(shape)],
      ['squared', float([2, 3, 1, 1])],
      ...(op === 'Clip'
        ? ([
            ['low', float([])],
            ['high', float([])],
          ] as const)
        : []),
    ]),
  };
}

const scalesOf = (x: number, g = 1 / 127) =>
  new Map([
    ['x', x],
    ['z', 0.02],
    ['g', Math.fround(g)],
    ['y', x],
    ['squared', 0.01],
  ]);

describe('balanceGates', () => {
  it('gives the gate the range of the features and keeps its levels', () => {
    const { graph, scales, gates } = balanceGates(gated('Sigmoid'), scalesOf(8));
    expect(gates).toEqual(['excite']);
    const { quantized, changes } = quantize(graph, scales);
    const excite = quantized.graph.nodes.find(({ name }) => name === 'excite')!;
    expect(excite.inputs).toEqual(['g:scaled', 'x']);
    expect(quantized.scales.get('g:scaled')).toBe(8);
    expect(quantized.scales.get('x')).toBe(8);
    expect(quantized.scales.get('g')).toBe(Math.fround(1 / 127));
    expect(quantized.scales.get('y')).toBe(8);
    expect(changes).toEqual([]);
    const factor = float32Values(graph.constants.get('excite:factor')!)[0]!;
    expect(factor).toBeCloseTo(8 * 127, 2);
  });

  it('knows what bounds a gate where a cache holds the scales after the equal-range rules', () => {
    const equal = balanceGates(gated('Clip'), scalesOf(8, 8));
    expect(equal.scales.get('g')).toBe(Math.fround(1 / 127));
    expect(equal.scales.get('g:scaled')).toBe(8);
    expect(balanceGates(gated('Clip', 6), scalesOf(8, 8)).scales.get('g')).toBe(Math.fround(6 / 127));
  });

  it('leaves alone what loses no more than one bit, what has no bound, and what is no gate', () => {
    const mild = gated('Sigmoid');
    const scales = scalesOf(Math.fround(2 / 127));
    expect(balanceGates(mild, scales)).toEqual({ graph: mild, scales, gates: [] });
    const open = gated('Clip', Number.POSITIVE_INFINITY);
    expect(balanceGates(open, scalesOf(8)).gates).toEqual([]);
    const sigmoid = gated('Sigmoid');
    const nodes = sigmoid.nodes.map((node) => (node.name === 'excite' ? { ...node, op: 'Add' } : node));
    expect(balanceGates({ ...sigmoid, nodes }, scalesOf(8)).gates).toEqual([]);
    const equalShapes = new Map([...sigmoid.values, ['g', float(shape)] as const]);
    expect(balanceGates({ ...sigmoid, values: equalShapes }, scalesOf(8)).gates).toEqual([]);
  });

  it('has nothing left to do after it ran', () => {
    const once = balanceGates(gated('Sigmoid'), scalesOf(8));
    const twice = balanceGates(once.graph, once.scales);
    expect(twice.gates).toEqual([]);
    expect(twice.graph).toBe(once.graph);
  });

  it('computes what the graph computed, with unique names', async () => {
    const [x, z] = [shape, [2, 3, 1, 1]].map((dims, seed) => {
      const size = dims.reduce((product, dim) => product * dim, 1);
      const values = Float32Array.from({ length: size }, (_, i) => ((i * 37 + seed * 11) % 61) - 30);
      return float32Tensor(dims, values);
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('Sigmoid' as const, 'Clip' as const),
        fc.double({ min: 2 ** -4, max: 2 ** 20, noNaN: true }),
        async (op, scale) => {
          const before = gated(op);
          const { graph: after, gates } = balanceGates(before, scalesOf(Math.fround(scale)));
          expect(gates).toEqual(['excite']);
          expect(producers(after).size).toBe(after.nodes.length);
          expect(new Set(after.nodes.map(({ name }) => name)).size).toBe(after.nodes.length);
          const results = await Promise.all(
            [before, after].map(async (graph) => {
              const session = await ortRuntime.createSession(writeModel(graph), { optimise: false });
              const { y } = await session.run({ x: x!, z: z! });
              await session.close();
              return float32Values(y!);
            }),
          );
          for (const [index, value] of results[0]!.entries()) {
            expect(Math.abs(results[1]![index]! - value)).toBeLessThanOrEqual(2 ** -21 * Math.abs(value));
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});
