import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { bytes } from '../base/units.ts';
import type { Graph } from '../graph/graph.ts';
import { float32Tensor } from '../graph/tensor.ts';
import { float, GraphBuilder } from '../models/graph-builder.ts';
import type { DlaSegment, Plan } from '../program/program.ts';
import { validateProgram } from '../program/validate.ts';
import { findRelease } from '../targets/find.ts';
import { orin } from '../targets/orin.ts';
import { type CompileOptions, compile } from './compile.ts';
import { acceptAll } from './testing/accept-all.ts';
import { expected, grouping, nearestAway } from './testing/expected.ts';
import { type Integers, runProgram } from './testing/run-program.ts';

const options: CompileOptions = { target: orin, release: findRelease(orin, 'JetPack 6.0') };

/** Scales that use the range of int8 well enough, all different. */
function scalesOf(graph: Graph, seed: number): Map<string, number> {
  const random = new Random(seed);
  const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  return new Map(values.map((value) => [value, Math.fround(random.between(0.01, 0.03))]));
}

function randomInputs(graph: Graph, seed: number): Integers {
  const random = new Random(seed);
  return new Map(
    graph.inputs.map((input) => {
      const shape = graph.values.get(input)!.shape as readonly number[];
      const count = shape.reduce((product, dim) => product * dim, 1);
      return [input, Int32Array.from({ length: count }, () => Math.floor(random.between(-128, 128)))];
    }),
  );
}

const onlySegment = (plan: Plan): DlaSegment => {
  const [segment, ...others] = plan.segments;
  if (segment?.kind !== 'dla' || others.length > 0) throw new Error('one DLA segment wanted');
  return segment;
};

/** Compiles a network in one segment, runs it and holds every output against what the graph says. */
function expectExact(graph: Graph, seed = 1, more: Partial<CompileOptions> = {}, scales = scalesOf(graph, seed)): Plan {
  const { network, notEmulated } = compile({ graph, scales, ranges: 'calibrated' }, acceptAll(graph), {
    ...options,
    ...more,
  });
  expect([...notEmulated]).toEqual([]);
  const { program } = onlySegment(network.plan);
  validateProgram(program, network.blobs, orin);
  const inputs = randomInputs(graph, seed);
  const found = runProgram(program, network.blobs, inputs);
  const wanted = expected(graph, scales, grouping(program), inputs);
  for (const output of graph.outputs) {
    const data = found.get(output)!;
    expect([...data], output).toEqual([...wanted.get(output)!]);
  }
  return network.plan;
}

const kinds = (plan: Plan) => onlySegment(plan).program.layers.map(({ kind }) => kind);

describe('operators, exactly', () => {
  const single = (shape: readonly number[], make: (b: GraphBuilder, x: string) => string): Graph => {
    const b = new GraphBuilder('single', { seed: 3 });
    b.output(make(b, b.input('x', shape)));
    return b.build();
  };
  const cases: Record<string, Graph> = {
    conv: single([2, 5, 9, 7], (b, x) => b.conv(x, { channels: 33, kernel: 3, padding: 1 })),
    'conv, strides, asymmetric padding': single([1, 3, 11, 10], (b, x) =>
      b.conv(x, { channels: 8, kernel: [5, 3], stride: [2, 3], padding: [1, 0, 3, 2] }),
    ),
    'conv, dilated': single([1, 40, 9, 9], (b, x) => b.conv(x, { channels: 6, kernel: 3, dilation: 2, padding: 2 })),
    'conv, grouped': single([1, 12, 5, 5], (b, x) => b.conv(x, { channels: 8, kernel: 3, groups: 4 })),
    'conv, depthwise': single([1, 40, 6, 6], (b, x) => b.conv(x, { channels: 40, kernel: 3, groups: 40, padding: 1 })),
    'conv without bias': single([1, 4, 5, 5], (b, x) => b.conv(x, { channels: 4, kernel: 1, bias: false })),
    deconvolution: single([2, 5, 4, 3], (b, x) => b.convTranspose(x, { channels: 34, kernel: [2, 3], stride: 2 })),
    'max pool': single([1, 35, 7, 7], (b, x) => b.maxPool(x, { kernel: 3, stride: 2, padding: 1 })),
    'max pool, ceil_mode': single([1, 3, 6, 8], (b, x) => b.maxPool(x, { kernel: 3, stride: 2, ceil: true })),
    'average pool': single([1, 3, 7, 7], (b, x) => b.averagePool(x, { kernel: 3, stride: 2, padding: 1 })),
    'average pool, padding counts': single([1, 3, 7, 7], (b, x) =>
      b.averagePool(x, { kernel: 3, stride: 2, padding: 1, countPadding: true }),
    ),
    'global average pool': single([2, 33, 5, 7], (b, x) => b.globalAveragePool(x)),
    relu: single([1, 3, 5, 5], (b, x) => b.relu(x)),
    clip: single([1, 3, 5, 5], (b, x) => b.clip(x, -0.4, 0.9)),
    'leaky relu': single([1, 3, 5, 5], (b, x) => b.unary('LeakyRelu', x, { alpha: float(0.2) })),
    'prelu per channel': single([1, 3, 5, 5], (b, x) =>
      b.binary('PRelu', x, b.constant('slope', float32Tensor([3, 1, 1], [0.1, -0.3, 1.7]))),
    ),
    sigmoid: single([1, 3, 5, 5], (b, x) => b.unary('Sigmoid', x)),
    tanh: single([1, 3, 5, 5], (b, x) => b.unary('Tanh', x)),
    abs: single([1, 3, 5, 5], (b, x) => b.unary('Abs', x)),
    'mul by one number': single([1, 3, 5, 5], (b, x) => b.binary('Mul', x, b.constant('c', float32Tensor([], [-0.7])))),
    'add per channel': single([1, 3, 5, 5], (b, x) =>
      b.binary('Add', x, b.constant('c', float32Tensor([1, 3, 1, 1], [0.5, -0.25, 0.1]))),
    ),
    'resize nearest': single([1, 33, 3, 4], (b, x) => b.resize(x, [2, 3])),
    'flatten of one pixel': single([2, 33, 1, 1], (b, x) => b.flatten(b.conv(x, { channels: 40, kernel: 1 }))),
  };
  for (const [name, graph] of Object.entries(cases)) it(name, () => void expectExact(graph));

  for (const op of ['Add', 'Sub', 'Mul', 'Max', 'Min']) {
    it(`${op} of two tensors, of equal shape and per channel`, () => {
      const b = new GraphBuilder(op);
      const [x, y, z] = [b.input('x', [2, 33, 4, 5]), b.input('y', [2, 33, 4, 5]), b.input('z', [2, 33, 1, 1])];
      b.output(b.binary(op, x, y), b.binary(op, x, z));
      expectExact(b.build());
    });
  }

  it('subtracts from a broadcast operand', () => {
    const b = new GraphBuilder('broadcast');
    b.output(b.binary('Sub', b.input('x', [1, 4, 1, 1]), b.input('y', [1, 4, 3, 3])));
    const graph = b.build();
    const scales = new Map([...graph.inputs, ...graph.outputs].map((value) => [value, 0.5]));
    const { network } = compile({ graph, scales, ranges: 'calibrated' }, acceptAll(graph), options);
    const inputs = randomInputs(graph, 5);
    const found = runProgram(onlySegment(network.plan).program, network.blobs, inputs).get(graph.outputs[0]!)!;
    const wanted = Array.from(inputs.get('y')!, (y, index) => inputs.get('x')![Math.floor(index / 9)]! - y);
    expect([...found]).toEqual(wanted.map((value) => Math.max(-128, Math.min(127, value))));
  });
});

describe('fusion', () => {
  it('makes one launch of a convolution, the addition that it feeds and the activation', () => {
    const b = new GraphBuilder('residual');
    const x = b.input('x', [1, 32, 6, 6]);
    const first = b.relu(b.conv(x, { channels: 32, kernel: 3, padding: 1 }));
    b.output(b.relu(b.add(b.conv(first, { channels: 32, kernel: 3, padding: 1 }), x)));
    const plan = expectExact(b.build());
    expect(kinds(plan)).toEqual(['conv', 'conv']);
    expect(onlySegment(plan).program.layers[1]!.origin).toEqual(['Conv_2', 'Add_3', 'Relu_4']);
  });

  it('adds in the later of two convolutions', () => {
    const b = new GraphBuilder('shortcut');
    const x = b.input('x', [1, 32, 6, 6]);
    const main = b.conv(x, { channels: 40, kernel: 3, padding: 1, name: 'main' });
    b.output(b.add(main, b.conv(x, { channels: 40, kernel: 1, name: 'shortcut' }), 'add'));
    const plan = expectExact(b.build());
    expect(onlySegment(plan).program.layers.map(({ origin }) => origin)).toEqual([['main'], ['shortcut', 'add']]);
  });

  it('does not fuse what somebody else reads', () => {
    const b = new GraphBuilder('shared');
    const conv = b.conv(b.input('x', [1, 3, 6, 6]), { channels: 4, kernel: 3 });
    b.output(conv, b.relu(conv));
    expect(kinds(expectExact(b.build()))).toEqual(['conv', 'sdp']);
  });

  it('keeps an activation before an addition apart from it', () => {
    const b = new GraphBuilder('order');
    const x = b.input('x', [1, 8, 6, 6]);
    b.output(b.add(b.relu(b.conv(x, { channels: 8, kernel: 1 })), x));
    expect(kinds(expectExact(b.build()))).toEqual(['conv', 'sdp']);
  });

  it('subtracts a convolution', () => {
    const b = new GraphBuilder('sub');
    const x = b.input('x', [1, 8, 6, 6]);
    b.output(b.binary('Sub', x, b.conv(x, { channels: 8, kernel: 1 })));
    expect(kinds(expectExact(b.build()))).toEqual(['conv']);
  });

  it('multiplies a convolution by a tensor', () => {
    const b = new GraphBuilder('product');
    const x = b.input('x', [2, 8, 6, 6]);
    b.output(b.relu(b.binary('Mul', b.conv(x, { channels: 8, kernel: 1 }), b.input('gate', [2, 8, 1, 1]))));
    expect(kinds(expectExact(b.build()))).toEqual(['conv']);
  });

  it('pools in the launch of the first convolution, up to 3×3, and nowhere else', () => {
    const b = new GraphBuilder('stem');
    let x = b.relu(b.conv(b.input('x', [1, 3, 20, 20]), { channels: 8, kernel: 3 }));
    x = b.maxPool(x, { kernel: 3, stride: 2, padding: 1 });
    x = b.maxPool(b.relu(b.conv(x, { channels: 8, kernel: 3 })), { kernel: 2, stride: 2 });
    b.output(x);
    const plan = expectExact(b.build());
    expect(kinds(plan)).toEqual(['conv', 'conv', 'sdp']);
  });

  it('looks activations up in the launch that feeds them, x · sigmoid(x) as one', () => {
    const b = new GraphBuilder('silu');
    const conv = b.conv(b.input('x', [1, 3, 6, 6]), { channels: 8, kernel: 3 });
    const silu = b.binary('Mul', conv, b.unary('Sigmoid', conv));
    b.output(b.unary('Tanh', b.conv(silu, { channels: 4, kernel: 1 })));
    expect(kinds(expectExact(b.build()))).toEqual(['conv', 'conv']);
  });
});

describe('HardSwish', () => {
  const numbersOf = (...values: number[]) => float32Tensor([], values);
  it('written as x · clip(x/6 + 1/2) is one table', () => {
    const b = new GraphBuilder('hard-swish');
    const x = b.input('x', [1, 16, 4, 4]);
    const line = b.binary('Mul', x, b.constant('sixth', numbersOf(1 / 6)));
    b.output(b.binary('Mul', x, b.clip(b.binary('Add', line, b.constant('half', numbersOf(0.5))), 0, 1)));
    const graph = b.build();
    const scales = new Map([...graph.inputs, ...graph.outputs].map((value) => [value, 0.05]));
    const { network } = compile({ graph, scales, ranges: 'calibrated' }, acceptAll(graph), options);
    expect(kinds(network.plan)).toEqual(['sdp']);
    const all = Int32Array.from({ length: 256 }, (_, index) => index - 128);
    const found = runProgram(onlySegment(network.plan).program, network.blobs, new Map([['x', all]]));
    const hardSwish = (v: number) => v * Math.min(Math.max(v * Math.fround(1 / 6) + 0.5, 0), 1);
    const wanted = Array.from(all, (q) => Math.max(-128, Math.min(127, nearestAway(hardSwish(q * 0.05) / 0.05))) + 0);
    expect([...found.values()].map((values) => [...values])).toEqual([wanted]);
  });

  it('is not confused with a factor that differs between channels', () => {
    const b = new GraphBuilder('gate');
    const x = b.input('x', [1, 2, 4, 4]);
    const factor = b.binary('Mul', x, b.constant('c', float32Tensor([2, 1, 1], [0.5, 0.75])));
    b.output(b.binary('Mul', x, factor));
    const graph = b.build();
    const scales = new Map([...graph.inputs, ...graph.outputs].map((value) => [value, 0.25]));
    const { network } = compile({ graph, scales, ranges: 'calibrated' }, acceptAll(graph), options);
    const [layer, ...others] = onlySegment(network.plan).program.layers;
    expect(others).toEqual([]);
    expect(layer).toMatchObject({ kind: 'sdp', sdp: { operand: { op: 'mul', scale: 1 } } });
    const inputs = randomInputs(graph, 1);
    const found = runProgram(onlySegment(network.plan).program, network.blobs, inputs).get(graph.outputs[0]!)!;
    const wanted = Array.from(inputs.get('x')!, (q, i) => q * 0.25 * (i < 16 ? 0.5 : 0.75) * q);
    expect([...found]).toEqual(wanted.map((value) => Math.min(127, nearestAway(value))));
  });
});

describe('concatenation', () => {
  const branches = (channels: readonly number[], use: (b: GraphBuilder, values: readonly string[]) => void): Graph => {
    const b = new GraphBuilder('branches');
    const x = b.input('x', [2, 8, 4, 4]);
    use(
      b,
      channels.map((c) => b.relu(b.conv(x, { channels: c, kernel: 1 }))),
    );
    return b.build();
  };
  const equalScales = (graph: Graph) => new Map([...scalesOf(graph, 1).keys()].map((value) => [value, 0.02] as const));

  it('writes aligned inputs in place', () => {
    const graph = branches([32, 64, 5], (b, values) => b.output(b.concat(values)));
    expect(kinds(expectExact(graph, 1, {}, equalScales(graph)))).toEqual(['conv', 'conv', 'conv']);
  });

  it('copies the others', () => {
    const graph = branches([8, 40, 24], (b, values) => b.output(b.concat(values)));
    expect(kinds(expectExact(graph, 1, {}, equalScales(graph)))).toEqual(['conv', 'conv', 'conv', 'copy', 'copy']);
  });

  it('rescales inputs of another range', () => {
    const graph = branches([32, 8], (b, values) => b.output(b.concat(values)));
    expect(kinds(expectExact(graph))).toEqual(['conv', 'conv', 'sdp', 'sdp']);
  });

  it('nests, as DenseNet does', () => {
    const graph = branches([32, 32, 32], (b, [first, second, third]) => {
      const inner = b.concat([first!, second!]);
      b.output(b.concat([inner, third!]), b.conv(inner, { channels: 3, kernel: 1 }));
    });
    expect(kinds(expectExact(graph, 1, {}, equalScales(graph)))).toEqual(['conv', 'conv', 'conv', 'conv']);
  });

  it('takes inputs of the network, outputs and repeated values by copy', () => {
    const graph = branches([32], (b, [value]) => b.output(value!, b.concat(['x', value!, value!])));
    expect(kinds(expectExact(graph, 1, {}, equalScales(graph)))).toEqual(['conv', 'copy', 'copy', 'copy']);
  });

  it('is undone by Split', () => {
    const graph = branches([40], (b, [value]) => b.output(...b.split(value!, [8, 30, 2])));
    expect(kinds(expectExact(graph, 1, {}, equalScales(graph)))).toEqual(['conv', 'copy', 'copy', 'copy']);
  });
});

describe('any small network', () => {
  it('compiles to a valid Program that computes it, with any amount of SRAM', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 30 }), fc.constantFrom(0, 512, 4096, 2 ** 20), (seed, sram) => {
        const graph = randomNetwork(seed);
        expectExact(graph, seed, { sram: bytes(sram) });
      }),
      { numRuns: 60 },
    );
  });

  it('compiles to the same bytes every time', () => {
    const graph = randomNetwork(7);
    const once = () =>
      compile({ graph, scales: scalesOf(graph, 7), ranges: 'calibrated' }, acceptAll(graph), options).network;
    const [first, second] = [once(), once()];
    expect(second.plan).toEqual(first.plan);
    expect([...second.blobs.keys()]).toEqual([...first.blobs.keys()]);
  });
});

/** A random DAG of the operators above, of one to a dozen nodes. */
function randomNetwork(seed: number): Graph {
  const random = new Random(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)]!;
  const b = new GraphBuilder('random', { seed });
  const values = [b.input('x', [pick([1, 2]), pick([1, 3, 4, 16, 33]), pick([4, 6]), pick([5, 6])])];
  const same = (value: string) => values.filter((other) => `${b.shape(other)}` === `${b.shape(value)}`);
  const alike = (value: string) =>
    values.filter((other) => `${b.shape(other).slice(2)}` === `${b.shape(value).slice(2)}`);
  const count = 1 + Math.floor(random.next() * 12);
  for (let index = 0; index < count; index++) {
    const x = pick(values.slice(-3));
    const steps: readonly (() => string)[] = [
      () => b.conv(x, { channels: pick([1, 8, 32, 33, 64]), kernel: 1 }),
      () => b.conv(x, { channels: pick([3, 32]), kernel: 3, padding: 1 }),
      () => b.conv(x, { channels: b.shape(x)[1]!, kernel: 3, padding: 1, groups: b.shape(x)[1]! }),
      () => b.relu(x),
      () => b.clip(x, 0, 1),
      () => b.unary('LeakyRelu', x, { alpha: float(0.1) }),
      () => b.unary('Sigmoid', x),
      () => b.add(x, pick(same(x))),
      () => b.binary('Max', x, pick(same(x))),
      () => b.binary('Sub', x, pick(same(x))),
      () => b.concat([x, pick(alike(x)), pick(alike(x))]),
      () => b.concat([pick(alike(x)), x]),
      () => b.maxPool(x, { kernel: 3, stride: 1, padding: 1 }),
      () => b.averagePool(x, { kernel: 3, stride: 1, padding: 1 }),
    ];
    values.push(pick(steps)());
  }
  const read = new Set(b.build().nodes.flatMap((node) => node.inputs));
  b.output(...values.slice(1).filter((value) => !read.has(value) || random.next() < 0.2));
  return b.build();
}
