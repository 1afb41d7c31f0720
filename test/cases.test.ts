/** Small networks that stand for a kind each (test/cases), with what is right for them. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../src/graph/graph.ts';
import { asFloat32, type Tensor, widenedTo } from '../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../src/host/node/onnxruntime.ts';
import { calibrate, check, compile, openDevice, prepare, readNetwork, run, writeModel } from '../src/index.ts';
import { readModel } from '../src/onnx/read.ts';
import { pattern } from '../src/onnx/testing/graphs.ts';

const bytesOf = (name: string): Uint8Array => readFileSync(new URL(`cases/${name}.onnx`, import.meta.url));
const read = (name: string): Graph => readNetwork(bytesOf(name));

const placements = (graph: Graph): readonly (readonly string[])[] =>
  check(graph).verdicts.map(({ node, placement, refusals }) => [node, placement, ...refusals.map(({ rule }) => rule)]);

const loadables = (graph: Graph): number => check(graph).segments.filter(({ kind }) => kind === 'dla').length;

async function outputs(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<readonly Float32Array[]> {
  const session = await (await nodeOnnxRuntime()).createSession(writeModel(graph), { optimise: false });
  const fitting = Object.entries(feeds).map(([name, tensor]) => [
    name,
    widenedTo(graph.values.get(name)!.dtype, tensor),
  ]);
  const results = await session.run(Object.fromEntries(fitting));
  await session.close();
  return graph.outputs.map((name) => asFloat32(results[name]!));
}

/** Largest difference relative to the largest value. */
function apart(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  const largest = Math.max(...a.flatMap((values) => [...values].map(Math.abs)));
  return Math.max(...a.flatMap((values, at) => [...values].map((value, i) => Math.abs(value - b[at]![i]!)))) / largest;
}

describe('precision', () => {
  const half = (shape: readonly number[]): Tensor => {
    const { bytes } = pattern(shape);
    const values = new Float32Array(bytes.buffer);
    // Multiples of 2⁻⁸ below 1 are exact in float16: sign, and what is left of the fraction behind the leading bit.
    const bits = Uint16Array.from(values, (value) => {
      const size = Math.round(Math.abs(value) * 256);
      if (size === 0) return 0;
      const exponent = Math.floor(Math.log2(size));
      return (value < 0 ? 0x8000 : 0) | ((exponent + 7) << 10) | ((size - 2 ** exponent) << (10 - exponent));
    });
    return { dtype: 'float16', shape, bytes: new Uint8Array(bits.buffer) };
  };
  const bytes = (shape: readonly number[]): Tensor => ({
    dtype: 'uint8',
    shape,
    bytes: Uint8Array.from({ length: shape.reduce((product, dim) => product * dim, 1) }, (_, at) => (at * 37) % 256),
  });

  it.each([
    ['float16_gap_not_rewritten', 'x', half, 2 ** -8],
    ['fp16-casts-around-resize', 'x', pattern, 2 ** -8],
    ['u8_input', 'img', bytes, 1e-6],
  ] as const)('%s is one loadable, and computes the same', async (name, input, feed, bound) => {
    const graph = read(`precision/${name}`);
    const network = prepare(graph);
    expect(placements(network.graph).filter(([, placement]) => placement !== 'dla')).toEqual([]);
    expect(loadables(network.graph)).toBe(1);
    expect(network.graph.nodes.filter(({ op }) => op === 'Cast')).toEqual([]);
    const feeds = { [input]: feed(graph.values.get(input)!.shape as readonly number[]) };
    expect(apart(await outputs(graph, feeds), await outputs(network.graph, feeds))).toBeLessThan(bound);
    // Who fed the network goes on as before: samples and inputs in the types of the original.
    const runtime = await nodeOnnxRuntime();
    const { scales } = await calibrate(network, [feeds], { runtime, method: 'min-max' });
    const device = await openDevice({ target: 'orin' });
    const { network: compiled } = compile(network, { scales });
    const single = Object.fromEntries(
      Object.entries(feeds).map(([key, tensor]) => [key, widenedTo('float32', tensor)]),
    );
    const [given, widened] = [await run(compiled, feeds, { device }), await run(compiled, single, { device })];
    expect(given.outputs).toEqual(widened.outputs);
    device.close();
  });
});

describe('LRN in an INT8 network', () => {
  it('lrn-int8: runs in FP16, near onnxruntime', async () => {
    const network = prepare(read('precision/lrn-int8'));
    const [input] = network.graph.inputs;
    const feeds = { [input!]: pattern(network.graph.values.get(input!)!.shape as readonly number[]) };
    const { scales } = await calibrate(network, [feeds], { runtime: await nodeOnnxRuntime(), method: 'min-max' });
    const { plan } = compile(network, { scales }).network;
    expect(plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    const device = await openDevice({ target: 'orin' });
    const { outputs: found } = await run(compile(network, { scales }).network, feeds, { device });
    device.close();
    const wanted = await outputs(network.original, feeds);
    const values = network.original.outputs.map((name) => asFloat32(found[name]!));
    expect(apart(wanted, values)).toBeLessThan(0.02);
  });
});

describe('verdicts', () => {
  it('plugin_trt_domain: one node without a rule, the rest judged', () => {
    expect(placements(read('verdicts/plugin_trt_domain'))).toEqual([
      ['conv', 'dla'],
      ['nms', 'gpu', 'no-rule'],
    ]);
  });

  it('weights_exp: the weights are folded', async () => {
    const graph = read('verdicts/weights_exp');
    expect(placements(graph)).toEqual([['Conv_3', 'dla']]);
    // As the file stands, onnxruntime computes the weights.
    const raw = readModel(bytesOf('verdicts/weights_exp'));
    const feeds = { x: pattern([1, 8, 16, 16]) };
    expect(apart(await outputs(raw, feeds), await outputs(graph, feeds))).toBeLessThan(1e-6);
  });

  it('constant-of-shape-big-weights: 2.4 million weights are made', () => {
    const graph = read('verdicts/constant-of-shape-big-weights');
    expect(placements(graph)).toEqual([['Conv_1', 'dla']]);
    const [weights] = graph.constants.values();
    expect(weights!.shape).toEqual([512, 512, 3, 3]);
    expect(new Set(asFloat32(weights!)).size).toBe(1);
  });

  it('attention-mask-inf: infinities that the host alone meets do not stop a calibration', async () => {
    const network = prepare(read('verdicts/attention-mask-inf'));
    const runtime = await nodeOnnxRuntime();
    const x = pattern([1, 8, 8, 8]);
    const { scales } = await calibrate(network, [{ x }], { runtime });
    expect([...scales.keys()]).toEqual(['x', '/Conv_1_output_0', '/Relu_2_output_0', '/Softmax_4_output_0']);
    const device = await openDevice({ target: 'orin' });
    const { outputs: found } = await run(compile(network, { scales }).network, { x }, { device, runtime });
    const [expected] = await outputs(network.original, { x });
    expect(apart([expected!], [asFloat32(found['/Softmax_4_output_0']!)])).toBeLessThan(0.02);
    device.close();
    // Where the DLA needs the value, an infinity is a mistake.
    await expect(
      calibrate(network, [{ x: { ...x, bytes: new Uint8Array(x.bytes.length).fill(0xff) } }], { runtime }),
    ).rejects.toThrow(/value x: element 0 .*calibrate\/value/);
  });

  it('plugin_trt_domain: what lies before the plug-in is calibrated', async () => {
    const network = prepare(read('verdicts/plugin_trt_domain'));
    const x = pattern([1, 3, 8, 8]);
    const { scales } = await calibrate(network, [{ x }], { runtime: await nodeOnnxRuntime() });
    expect([...scales.keys()]).toEqual(
      network.graph.nodes[0]!.inputs.slice(0, 1).concat(network.graph.nodes[0]!.outputs),
    );
    expect(compile(network, { scales }).network.plan.segments.map(({ kind }) => kind)).toEqual(['dla', 'host']);
  });

  it('float64-add: the DLA has no float64, say check and compile', () => {
    const graph = read('verdicts/float64-add');
    expect(placements(graph)).toEqual([
      ['Add_1', 'gpu', 'general/type'],
      ['Cast_2', 'gpu', 'general/type', 'comparison/cast-only'],
    ]);
    const { network } = compile(prepare(graph));
    expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['host']);
  });
});
