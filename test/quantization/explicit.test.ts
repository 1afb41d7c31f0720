/** A float network to Q/DQ and back: what TensorRT from 11 on is given, what onnxruntime makes of it, and what is read of it. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { asFloat32, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import {
  board,
  type Compilation,
  check,
  compile,
  type Device,
  explicitNetwork,
  openDevice,
  prepare,
  readNetwork,
  run,
  writeModel,
} from '../../src/index.ts';
import { neededScales } from '../../src/quantize/scaled-values.ts';
import { blocks, inputOf, measured, onnxruntime } from './networks.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ target: 'orin' });
});
afterAll(() => device.close());

async function compiled(without: readonly string[] = []): Promise<Compilation> {
  const network = prepare(blocks());
  const scales = new Map(await measured(network.graph));
  for (const value of without) scales.delete(value);
  return compile(network, { scales });
}

/** The constants of the DLA's programs, by surface. */
const constants = ({ network: { plan, blobs } }: Compilation) =>
  plan.segments.flatMap((segment) =>
    segment.kind === 'dla'
      ? segment.program.constants.map(({ surface, blob }) => [
          segment.program.surfaces[surface]!.name,
          [...blobs.get(blob)!],
        ])
      : [],
  );

describe('an explicitly quantized network', () => {
  it('gives in onnxruntime what the emulator gives', async () => {
    const compilation = await compiled();
    const stored = await stepsApart(compilation, explicitNetwork(compilation, { pairs: 'stored' }));
    expect(within(stored, 1)).toBeGreaterThanOrEqual(0.999);
    expect(within(stored, 0)).toBeGreaterThan(0.95);
    expect(Math.max(...stored)).toBeLessThanOrEqual(2);
    // A pair between a convolution and the Add in its launch rounds once more, which explains what is further apart: without that
    // pair the same elements are no more than a step apart.
    const every = await stepsApart(compilation, explicitNetwork(compilation));
    expect(Math.max(...every)).toBeLessThanOrEqual(2);
    for (const [at, steps] of every.entries())
      if (steps > 1) expect(stored[at], `element ${at}`).toBeLessThanOrEqual(1);
  });

  const within = (steps: readonly number[], most: number) => steps.filter((each) => each <= most).length / steps.length;

  async function stepsApart(compilation: Compilation, graph: Graph): Promise<readonly number[]> {
    const steps: number[] = [];
    for (const seed of [3, 4, 5]) {
      const feeds = inputOf(compilation.quantized.graph, seed);
      const expected = await onnxruntime(graph, feeds);
      const [output = ''] = graph.outputs;
      const found = asFloat32((await run(compilation.network, feeds, { device })).outputs[output]!);
      const step = compilation.quantized.scales.get(output)!;
      steps.push(...found.map((value, at) => Math.round(Math.abs(value - expected[at]!) / step)));
    }
    return steps;
  }

  it('is read back with the same scales, and compiles to the same integers', async () => {
    const compilation = await compiled();
    const network = prepare(readNetwork(writeModel(explicitNetwork(compilation))));
    const again = compile(network);
    expect(again.coverage.missing).toEqual([]);
    const scalesOf = ({ quantized }: Compilation) =>
      neededScales(quantized.graph).map((value) => [value, quantized.scales.get(value)]);
    expect(scalesOf(again)).toEqual(scalesOf(compilation));
    expect(scalesOf(again)).toEqual(
      neededScales(network.graph).map((value) => [value, network.graph.scales!.get(value)]),
    );
    expect(constants(again)).toEqual(constants(compilation));
    const feeds = inputOf(compilation.quantized.graph, 9);
    const [first, second] = [
      await run(compilation.network, feeds, { device }),
      await run(again.network, feeds, { device }),
    ];
    expect(second.outputs).toEqual(first.outputs);
  });

  it('has the types of FP16 where a tensor has no scale', async () => {
    const [output = ''] = blocks().outputs;
    const compilation = await compiled([output]);
    expect(compilation.coverage.missing.map(({ value }) => value)).toEqual([output]);
    const graph = explicitNetwork(compilation);
    const last = graph.nodes.find(({ name }) => name === compilation.coverage.missing[0]!.nodes[0])!;
    const types = [...last.inputs, ...last.outputs].map((value) => graph.values.get(value)?.dtype);
    expect(new Set(types)).toEqual(new Set(['float16']));
    // A graph whose types do not fit is refused by onnxruntime.
    const result = await onnxruntime(graph, inputOf(graph, 3));
    expect(result.every(Number.isFinite)).toBe(true);
    expect(Math.max(...result.map(Math.abs))).toBeGreaterThan(0.1);
  });

  it('keeps the pair that a model has before an Add, though its convolution adds within the launch', () => {
    const bytes = readFileSync(new URL('../cases/quantization/qdq-perchannel.onnx', import.meta.url));
    const compilation = compile(prepare(readNetwork(bytes)));
    expect(compilation.coverage.fused).toEqual(['/Conv_5_output_0']);
    const pairs = (graph: Graph) =>
      graph.nodes.filter(({ op }) => op === 'QuantizeLinear').map(({ inputs }) => inputs[0]);
    expect(pairs(explicitNetwork(compilation))).toContain('/Conv_5_output_0');
    expect(pairs(explicitNetwork(compilation, { pairs: 'stored' }))).not.toContain('/Conv_5_output_0');
  });

  it('takes and gives integers on a board of TensorRT 11', async () => {
    const network = prepare(blocks());
    const compilation = compile(network, { scales: await measured(network.graph), release: 'JetPack 7.2.2' });
    const { model, bindings } = board(compilation);
    const feeds = inputOf(network.graph, 7);
    const [output = ''] = network.graph.outputs;
    const [input, result] = ['x', output].map((name) => bindings.find((binding) => binding.name === name)!);
    expect([input!.type, result!.type]).toEqual(['int8', 'int8']);
    const integers = Int8Array.from(asFloat32(feeds.x!), (value) => {
      const steps = value / input!.scale!;
      return Math.max(-128, Math.min(127, Math.sign(steps) * Math.floor(Math.abs(steps) + 0.5)));
    });
    const x: Tensor = { dtype: 'int8', shape: feeds.x!.shape, bytes: new Uint8Array(integers.buffer) };
    const session = await (await nodeOnnxRuntime()).createSession(model.bytes, { optimise: false });
    const given = (await session.run({ x }))[output]!;
    await session.close();
    expect(given.dtype).toBe('int8');
    const expected = new Int8Array(given.bytes.buffer, given.bytes.byteOffset, given.bytes.length);
    const found = asFloat32((await run(compilation.network, feeds, { device })).outputs[output]!);
    const apart = [...found].map((value, at) => Math.round(Math.abs(value / result!.scale! - expected[at]!)));
    expect(within(apart, 1)).toBeGreaterThan(0.98);
    expect(Math.max(...apart)).toBeLessThanOrEqual(2);
    // The file is read back: integers at its ends are real numbers of their scale, and the same integers are computed.
    const typed = readNetwork(model.bytes);
    expect([...typed.inputs, ...typed.outputs].map((name) => typed.values.get(name)!.dtype)).toEqual(['int8', 'int8']);
    expect(check(typed, { release: 'JetPack 7.2.2' }).verdicts.filter(({ placement }) => placement !== 'dla')).toEqual(
      [],
    );
    const back = compile(prepare(typed));
    expect(back.network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    expect(back.coverage.missing).toEqual([]);
    expect(back.network.plan.tensors.map(({ name, dtype, scale }) => [name, dtype, scale])).toEqual([
      ['x', 'float32', input!.scale],
      [output, 'float32', result!.scale],
    ]);
    expect(constants(back)).toEqual(constants(compilation));
    expect(asFloat32((await run(back.network, feeds, { device })).outputs[output]!)).toEqual(found);
  });

  it('needs an opset that has scales of channels, and ranges', async () => {
    const compilation = await compiled();
    const { quantized } = compilation;
    const old = { ...compilation, quantized: { ...quantized, graph: { ...quantized.graph, opsets: { '': 12 } } } };
    expect(() => explicitNetwork(old)).toThrow(/newer opset.*compile\/unsupported/);
    expect(() => explicitNetwork(compile(prepare(blocks())))).toThrow(/without \(expected calibrated, found dummy\)/);
  });
});
