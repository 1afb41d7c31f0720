/** Quantized networks, as tools write them, read into plain ones: the integers of the weights, and the results. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Attribute, Graph, Node } from '../../src/graph/graph.ts';
import { asFloat32, elementCount, float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { scalesAlong } from '../../src/graph/weight-scales.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { check, compile, type Device, openDevice, prepare, readNetwork, run, writeModel } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import type { BlobTable, Program } from '../../src/program/program.ts';
import { readQuantization } from '../../src/rewrite/quantization/read-quantization.ts';
import { blocks, inputOf, launches, measured, onnxruntime } from './networks.ts';
import { everyOperator, type QuantizerOptions, quantized } from './quantizer.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ target: 'orin' });
});
afterAll(() => device.close());

const int = (value: number): Attribute => ({ kind: 'int', value });
const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });

const styles: readonly QuantizerOptions[] = [true, false].flatMap((perChannel) =>
  (['integers', 'floats'] as const).map((weights) => ({
    perChannel,
    weights,
    operators: everyOperator,
    outputs: true,
  })),
);

const scaleEverything = (graph: Graph, scale = 0.05) =>
  new Map(
    [...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)].map((value) => [value, Math.fround(scale)]),
  );

/** The graph as a user's file would bring it. */
const read = (graph: Graph) => readNetwork(writeModel(graph));

function weightsOf({ program, blobs }: { program: Program; blobs: BlobTable }, node: string): Int8Array {
  const surface = program.surfaces.findIndex(({ name }) => name === `${node}:weights`);
  const { blob } = program.constants.find((constant) => constant.surface === surface)!;
  const bytes = blobs.get(blob)!;
  return new Int8Array(bytes.buffer, bytes.byteOffset, elementCount(program.surfaces[surface]!.shape));
}

function compiledProgram(graph: Graph) {
  const prepared = prepare(read(graph));
  const { network } = compile(prepared);
  const [segment] = network.plan.segments;
  if (segment?.kind !== 'dla' || network.plan.segments.length > 1) throw new Error('one DLA segment wanted');
  return { program: segment.program, blobs: network.blobs };
}

/** The int8 tensor that the quantizer made of a node's weights, floats rounded as QuantizeLinear does. */
function integersOf(graph: Graph, node: string): readonly number[] {
  const resolved = readNetwork(writeModel({ ...graph, outputs: [...graph.outputs, `${node}_w_q`] }));
  return [...new Int8Array(resolved.constants.get(`${node}_w_q`)!.bytes)];
}

describe('weights keep the integers of the model', () => {
  const conv = (builder: GraphBuilder, groups: number) =>
    builder.conv(builder.input('x', [1, 8, 6, 6]), { channels: 8, kernel: 3, groups, name: 'layer' });
  it.each(
    styles.flatMap((style) =>
      [1, 2, 8].flatMap((groups) =>
        [1, 0.6].map((weightRange) => [style.perChannel, style.weights, groups, weightRange, style] as const),
      ),
    ),
  )('per channel %s, as %s, %i groups, clipped to %f', (_, __, groups, weightRange, style) => {
    const builder = new GraphBuilder('net', { seed: 4 });
    builder.output(conv(builder, groups));
    const graph = builder.build();
    const made = quantized(graph, scaleEverything(graph), { ...style, weightRange });
    const expected = integersOf(made, 'layer');
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThanOrEqual(127);
    expect([...weightsOf(compiledProgram(made), 'layer')]).toEqual(expected);
  });

  it('of a fully connected layer, whichever way its matrix lies', () => {
    for (const transB of [0, 1]) {
      for (const style of styles) {
        const graph = withMatrix(transB);
        const made = quantized(graph, scaleEverything(graph), { ...style, weightRange: 0.8 });
        const rows = transB ? 5 : 12;
        const columns = transB ? 12 : 5;
        const source = integersOf(made, 'fc');
        const expected = transB
          ? source
          : Array.from({ length: rows * columns }, (_, at) => source[(at % rows) * columns + Math.floor(at / rows)]!);
        expect([...weightsOf(compiledProgram(made), 'fc')]).toEqual(expected);
      }
    }
  });

  it.each(styles.flatMap((style) => [1, 2].map((groups) => [style.perChannel, style.weights, groups, style] as const)))(
    'of a transposed convolution, per channel %s, as %s, %i groups',
    async (_, __, groups, style) => {
      const random = new Random(11);
      const builder = new GraphBuilder('net', { seed: 4 });
      const shape = [8, 6 / groups, 3, 3];
      const values = Float32Array.from({ length: elementCount(shape) }, () => random.between(-0.4, 0.4));
      const inputs = [builder.input('x', [1, 8, 6, 6]), builder.constant('kernel', float32Tensor(shape, values))];
      const attributes = { strides: ints([2, 2]), kernel_shape: ints([3, 3]), group: int(groups) };
      builder.output(builder.node('ConvTranspose', inputs, [[1, 6, 13, 13]], attributes, 'up')[0]!);
      const graph = builder.build();
      // Channels of a group are the second axis: with several groups a scale belongs to a channel of each.
      const made = quantized(graph, scaleEverything(graph), style);
      const prepared = prepare(read(made));
      expect(prepared.graph.nodes.map(({ op }) => op)).not.toContain('DequantizeLinear');
      const up = prepared.graph.nodes.find(({ op }) => op === 'ConvTranspose')!;
      const tensor = prepared.graph.constants.get(up.inputs[1]!)!;
      expect(tensor.scales).toBeDefined();
      const steps = scalesAlong(tensor, 1)!;
      const integers = [...asFloat32(tensor)].map((value, at) =>
        Math.round(value / steps[Math.floor(at / 9) % steps.length]!),
      );
      expect(integers).toEqual(integersOf(made, 'up'));
      // The host runs it with several groups: DLAs have one, and the emulator pretends no other.
      if (groups > 1) return;
      const feeds = inputOf(graph, 2);
      const compilation = compile(prepared);
      const found = asFloat32(
        (await run(compilation.network, feeds, { device, runtime: await nodeOnnxRuntime() })).outputs[
          graph.outputs[0]!
        ]!,
      );
      const expected = await onnxruntime(made, feeds);
      const apart = [...found.map((value, at) => Math.round(Math.abs(value - expected[at]!) / 0.05))];
      expect(apart.filter((steps) => steps === 0).length / apart.length).toBeGreaterThan(0.99);
      expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    },
  );

  it('behind a Transpose and a Reshape, as TensorFlow leaves them', () => {
    // HWIO with a scale for each output channel, the last axis, as tf2onnx writes a convolution.
    const random = new Random(8);
    const q = Int8Array.from({ length: 3 * 3 * 4 * 6 }, () => Math.round(random.between(-127, 127)));
    const scales = Float32Array.from({ length: 6 }, () => random.between(0.001, 0.01));
    const step = float32Tensor([], [0.05]);
    const zero: Tensor = { dtype: 'int8', shape: [], bytes: new Uint8Array(1) };
    const constants = new Map<string, Tensor>([
      ['w', { dtype: 'int8', shape: [3, 3, 4, 6], bytes: new Uint8Array(q.buffer) }],
      ['ws', float32Tensor([6], scales)],
      ['wz', { dtype: 'int8', shape: [6], bytes: new Uint8Array(6) }],
      ['s', step],
      ['z', zero],
      ['flat', { dtype: 'int64', shape: [4], bytes: new Uint8Array(BigInt64Array.of(6n, 4n, 3n, 3n).buffer) }],
    ]);
    const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
      name: output,
      op,
      domain: '',
      inputs,
      outputs: [output],
      attributes,
      origin: [output],
    });
    const graph: Graph = {
      name: 'tf',
      opsets: { '': 17 },
      inputs: ['x'],
      outputs: ['out'],
      nodes: [
        node('DequantizeLinear', ['w', 'ws', 'wz'], 'wd', { axis: int(3) }),
        node('Transpose', ['wd'], 'wt', { perm: ints([3, 2, 0, 1]) }),
        node('Reshape', ['wt', 'flat'], 'wr'),
        node('QuantizeLinear', ['x', 's', 'z'], 'xq'),
        node('DequantizeLinear', ['xq', 's', 'z'], 'xd'),
        node('Conv', ['xd', 'wr'], 'c'),
        node('QuantizeLinear', ['c', 's', 'z'], 'cq'),
        node('DequantizeLinear', ['cq', 's', 'z'], 'out'),
      ],
      constants,
      values: new Map([
        ['x', { dtype: 'float32', shape: [1, 4, 5, 5] }],
        ['out', { dtype: 'float32' }],
      ]),
    };
    const expected = Array.from({ length: q.length }, (_, at) => {
      const [k, c, r, s] = [Math.floor(at / 36), Math.floor(at / 9) % 4, Math.floor(at / 3) % 3, at % 3];
      return q[((r * 3 + s) * 4 + c) * 6 + k]!;
    });
    expect([...weightsOf(compiledProgram(graph), 'c')]).toEqual(expected);
  });
});

function withMatrix(transB: number): Graph {
  const builder = new GraphBuilder('net', { seed: 6 });
  const x = builder.input('x', [1, 12, 1, 1]);
  const [flat = ''] = builder.node('Flatten', [x], [[1, 12]], { axis: int(1) }, 'flat');
  const random = new Random(9);
  const shape = transB ? [5, 12] : [12, 5];
  const matrix = float32Tensor(
    shape,
    Float32Array.from({ length: 60 }, () => random.between(-0.4, 0.4)),
  );
  const bias = float32Tensor(
    [5],
    Float32Array.from({ length: 5 }, () => random.between(-0.2, 0.2)),
  );
  const inputs = [flat, builder.constant('matrix', matrix), builder.constant('bias', bias)];
  const [y = ''] = builder.node('Gemm', inputs, [[1, 5]], { transB: int(transB) }, 'fc');
  builder.output(y);
  return builder.build();
}

describe('a network that a tool quantized', () => {
  it.each(styles.map((style) => [style.perChannel, style.weights, style] as const))(
    'per channel %s, weights as %s: it runs on the DLA without a calibration, and agrees with onnxruntime',
    async (_, __, style) => {
      const plain = blocks();
      const graph = quantized(plain, await measured(plain), style);
      const prepared = prepare(read(graph));
      expect(prepared.graph.nodes.some(({ op }) => op.includes('Linear'))).toBe(false);
      expect(check(prepared.graph).verdicts.filter(({ placement }) => placement !== 'dla')).toEqual([]);
      const compilation = compile(prepared);
      expect(compilation.coverage.missing).toEqual([]);
      const feeds = inputOf(plain, 3);
      const found = asFloat32((await run(compilation.network, feeds, { device })).outputs[plain.outputs[0]!]!);
      const step = prepared.graph.scales!.get(plain.outputs[0]!)!;
      const steps = async (reference: Graph) => {
        const expected = await onnxruntime(reference, feeds);
        return [...found.map((value, at) => Math.round(Math.abs(value - expected[at]!) / step))];
      };
      const within = (apart: readonly number[], most: number) =>
        apart.filter((each) => each <= most).length / apart.length;
      const whole = await steps(graph);
      expect(within(whole, 2)).toBeGreaterThan(0.98);
      // What differs is the rounding of tensors that the DLA never writes, and of the sides of a Concat, which share a scale there:
      // without that the graph gives the same integers.
      const written = new Map(compilation.quantized.scales);
      for (const value of compilation.coverage.fused) written.delete(value);
      const same = await steps(quantized(plain, written, { ...style, operators: launches }));
      expect(within(same, 0)).toBeGreaterThan(0.95);
      expect(Math.max(...same)).toBeLessThanOrEqual(1);
    },
  );

  it('keeps a scale for each channel of an activation, and check names it', () => {
    const plain = blocks();
    const graph = quantized(plain, new Map([['x', 0.05]]), { ...styles[0]!, operators: new Set(['Conv']) });
    const many = new Map(graph.constants)
      .set('x_scale', float32Tensor([3], [0.05, 0.04, 0.03]))
      .set('x_zero', { dtype: 'int8', shape: [3], bytes: new Uint8Array(3) });
    const values = new Map(graph.values)
      .set('x_scale', { dtype: 'float32', shape: [3] })
      .set('x_zero', { dtype: 'int8', shape: [3] });
    const prepared = prepare(read({ ...graph, constants: many, values }));
    const [quantize] = check(prepared.graph).verdicts.filter(({ op }) => op === 'QuantizeLinear');
    expect(quantize!.refusals.map(({ rule, message }) => [rule, message])).toContainEqual([
      'quantization/per-tensor',
      'x_Q: 3 scales of an activation, one for each channel, allowed 1 [quantization/per-tensor]',
    ]);
  });
});

describe('integers that the DLA does not have', () => {
  /** y = |DQ(Q(x))| */
  function rounded(dtype: 'int8' | 'uint8' | 'int16' | 'uint16', zero: number): Graph {
    const bytes = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array }[dtype].of(zero).buffer;
    const b = new GraphBuilder('net', { seed: 1 });
    const given = [
      b.input('x', [1, 4, 8, 8]),
      b.constant('s', float32Tensor([], [0.1])),
      b.constant('z', { dtype, shape: [], bytes: new Uint8Array(bytes) }),
    ];
    const [q = ''] = b.node('QuantizeLinear', given, [[1, 4, 8, 8]], {}, 'q');
    const [d = ''] = b.node('DequantizeLinear', [q, ...given.slice(1)], [[1, 4, 8, 8]], {}, 'd');
    b.output(b.unary('Abs', d));
    const graph = b.build();
    return { ...graph, opsets: { '': 21 }, values: new Map(graph.values).set(q, { dtype, shape: [1, 4, 8, 8] }) };
  }

  const s = Math.fround(0.1);
  it.each([
    ['uint8', 128, [], s, []],
    ['int16', 0, [], Math.fround((32768 * s) / 127), []],
    ['uint8', 0, ['Relu'], Math.fround((255 * s) / 127), [0, undefined]],
    ['uint16', 0, ['Relu'], Math.fround((65535 * s) / 127), [0, undefined]],
    ['uint8', 100, ['Clip'], Math.fround((155 * s) / 127), [-100 * s, 155 * s]],
    ['int8', 10, ['Clip'], Math.fround((138 * s) / 127), [-138 * s, 117 * s]],
  ] as const)('%s of zero point %i: %j about zero', async (dtype, zero, ops, scale, [low, high]) => {
    const given = rounded(dtype, zero);
    for (const asymmetric of ['requantize', 'clip'] as const) {
      const { graph } = readQuantization(read(given), asymmetric)!;
      const bounds = asymmetric === 'clip' ? ['Clip'] : ops;
      expect(graph.nodes.map(({ op }) => op)).toEqual([...bounds, 'Abs']);
      const [stored = ''] = graph.nodes.at(-1)!.inputs;
      expect(graph.scales?.get(stored)).toBe(asymmetric === 'clip' ? undefined : scale);
      if (asymmetric === 'clip') continue;
      // The plain network is the given one but for its rounding, also where a bound holds it.
      const feeds = inputOf(given, 6);
      const wide = {
        x: float32Tensor(
          [1, 4, 8, 8],
          asFloat32(feeds.x!).map((value) => (ops.length > 0 ? 10 : 5) * value),
        ),
      };
      const [plain, original] = [await onnxruntime(graph, wide), await onnxruntime(given, wide)];
      const held = asFloat32(wide.x).filter(
        (value) => (low !== undefined && value < low) || (high !== undefined && value > high),
      );
      expect(held.length > 10).toBe(low !== undefined);
      expect(Math.max(...plain.map((value, at) => Math.abs(value - original[at]!)))).toBeLessThanOrEqual(s / 2 + 1e-5);
    }
    expect(readQuantization(read(given))).toBeUndefined();
  });
});

describe('scales of a model and of a file', () => {
  const networkWithoutEnd = async () => {
    const plain = blocks();
    return prepare(read(quantized(plain, await measured(plain), { ...styles[0]!, outputs: false })));
  };

  it('a file adds to what the model states, and goes ahead of it', async () => {
    const prepared = await networkWithoutEnd();
    const [output = ''] = prepared.graph.outputs;
    const alone = compile(prepared);
    expect(alone.coverage.missing.map(({ value }) => value)).toEqual([output]);
    const both = compile(prepared, {
      scales: new Map([
        [output, 0.125],
        ['x', 0.25],
      ]),
    });
    expect(both.coverage.missing).toEqual([]);
    expect(both.coverage.fused).toEqual(alone.coverage.fused);
    expect([both.quantized.scales.get(output), both.quantized.scales.get('x')]).toEqual([0.125, 0.25]);
    for (const [value, scale] of alone.quantized.scales)
      if (value !== 'x') expect(both.quantized.scales.get(value)).toBe(scale);
  });

  it.each(['nv_small', 'nv_full'])('%s: the host runs what has no scale, and says why', async (target) => {
    const prepared = await networkWithoutEnd();
    const [output = ''] = prepared.graph.outputs;
    const { network, notEmulated } = compile(prepared, { target });
    expect(network.plan.segments.at(-1)).toMatchObject({ kind: 'host' });
    expect([...notEmulated.values()]).toContain(`tensor ${output} has no INT8 scale`);
    const whole = compile(prepared, { target, scales: new Map([[output, 0.125]]) });
    expect(whole.network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    const nvdla = await openDevice({ target });
    const runtime = await nodeOnnxRuntime();
    const feeds = inputOf(prepared.graph, 3);
    const expected = await onnxruntime(prepared.original, feeds);
    const found = asFloat32((await run(network, feeds, { device: nvdla, runtime })).outputs[output]!);
    await nvdla.close();
    const power = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
    expect(10 * Math.log10(power(expected) / power(expected.map((value, at) => value - found[at]!)))).toBeGreaterThan(
      20,
    );
  });
});

describe('operators on integers', () => {
  it('become those on real numbers', async () => {
    const random = new Random(21);
    const bytes = (shape: readonly number[], reach: number): Tensor => ({
      dtype: 'int8',
      shape,
      bytes: new Uint8Array(
        Int8Array.from({ length: elementCount(shape) }, () => Math.round(random.between(-reach, reach))).buffer,
      ),
    });
    const zero: Tensor = { dtype: 'int8', shape: [], bytes: new Uint8Array(1) };
    const constants = new Map<string, Tensor>([
      ['xs', float32Tensor([], [0.02])],
      ['ys', float32Tensor([], [0.04])],
      ['zs', float32Tensor([], [0.05])],
      ['z', zero],
      ['w', bytes([8, 4, 3, 3], 60)],
      [
        'ws',
        float32Tensor(
          [8],
          Float32Array.from({ length: 8 }, () => random.between(0.002, 0.006)),
        ),
      ],
      ['wz', { dtype: 'int8', shape: [8], bytes: new Uint8Array(8) }],
      [
        'b',
        {
          dtype: 'int32',
          shape: [8],
          bytes: new Uint8Array(Int32Array.from({ length: 8 }, (_, k) => 97 * k - 300).buffer),
        },
      ],
      ['m', bytes([8, 6], 60)],
      ['ms', float32Tensor([], [0.004])],
    ]);
    const node = (
      op: string,
      inputs: string[],
      output: string,
      domain = '',
      attributes: Node['attributes'] = {},
    ): Node => ({
      name: `${output}_${op}`,
      op,
      domain,
      inputs,
      outputs: [output],
      attributes,
      origin: [`${output}_${op}`],
    });
    const graph: Graph = {
      name: 'integers',
      opsets: { '': 17, 'com.microsoft': 1 },
      inputs: ['x'],
      outputs: ['out'],
      nodes: [
        node('QuantizeLinear', ['x', 'xs', 'z'], 'xq'),
        node('QLinearConv', ['xq', 'xs', 'z', 'w', 'ws', 'wz', 'ys', 'z', 'b'], 'c', '', { pads: ints([1, 1, 1, 1]) }),
        node('MaxPool', ['c'], 'p', '', { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
        node('QLinearAdd', ['p', 'ys', 'z', 'p', 'ys', 'z', 'zs', 'z'], 's', 'com.microsoft'),
        node('QLinearGlobalAveragePool', ['s', 'zs', 'z', 'ys', 'z'], 'g', 'com.microsoft'),
        node('Flatten', ['g'], 'f', '', { axis: int(1) }),
        node('QLinearMatMul', ['f', 'ys', 'z', 'm', 'ms', 'z', 'xs', 'z'], 'y'),
        node('DequantizeLinear', ['y', 'xs', 'z'], 'out'),
      ],
      constants,
      values: new Map([
        ['x', { dtype: 'float32', shape: [1, 4, 8, 8] }],
        ['out', { dtype: 'float32' }],
      ]),
    };
    const prepared = prepare(read(graph));
    expect(prepared.graph.nodes.map(({ op }) => op)).toEqual(['Conv', 'MaxPool', 'Add', 'Conv', 'Conv', 'Flatten']);
    const compilation = compile(prepared);
    expect([...compilation.notEmulated]).toEqual([]);
    expect(compilation.coverage.missing).toEqual([]);
    const feeds = inputOf(prepared.graph, 5);
    const expected = await onnxruntime(graph, feeds);
    const found = asFloat32((await run(compilation.network, feeds, { device })).outputs.out!);
    expect(Math.max(...found.map((value, at) => Math.abs(value - expected[at]!)))).toBeLessThanOrEqual(0.0201);
  });
});
