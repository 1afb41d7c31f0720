/**
 * `npm run bench`: speed as ratios against a peer in the same run on the same machine. Every pair is measured
 * interleaved (ours, peer, ours, peer, …) with one thread each, in processor time, and the median of the pairs' ratios is
 * what counts (compare.ts). A ratio above 1 means that dlakit is faster. The open NVDLA's peer is `orin` (nvdla.ts).
 *
 *     npm run bench              all rows
 *     npm run bench -- --short   fewer pairs, for CI
 */

import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as ortNode from 'onnxruntime-node';
import * as ortWeb from 'onnxruntime-web';
import { Random } from '../src/base/random.ts';
import { createWasmEngines } from '../src/device/engines/wasm/engines.ts';
import type { Graph } from '../src/graph/graph.ts';
import { float32Tensor } from '../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../src/host/node/onnxruntime.ts';
import { calibrate, check, compile, estimate, prepare, readNetwork, report } from '../src/index.ts';
import { resnet18, resnet50 } from '../src/models/resnet.ts';
import { writeModel } from '../src/onnx/write.ts';
import { formatBytes, table } from '../src/report/table.ts';
import { openDevice } from '../src/runtime/device.ts';
import { loadNetwork } from '../src/runtime/network.ts';
import { findTarget } from '../src/targets/find.ts';
import { type Comparison, compare } from './compare.ts';
import { largeFloat16 } from './large-float16.ts';
import { type BenchNetwork, nvdlaBench } from './nvdla.ts';
import { peakMemory } from './peak-memory.ts';
import { exportQLinear } from './qlinear.ts';

const short = process.argv.includes('--short');
const pairs = short ? 3 : 15;

interface Row extends Comparison {
  readonly what: string;
  readonly peer: string;
  readonly bar?: number;
}

async function row(what: string, ours: () => unknown, peer: string, theirs: () => unknown, bar?: number): Promise<Row> {
  return { ...(await compare(ours, theirs, { pairs })), what, peer, ...(bar !== undefined && { bar }) };
}

function randomImage(graph: Graph): {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
} {
  const name = graph.inputs[0]!;
  const shape = graph.values.get(name)!.shape!.map(Number);
  const random = new Random(5);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.next() * 4 - 2);
  return { name, shape, data };
}

const network = prepare(resnet50({ batch: 1, seed: 1 }));
const onnx = writeModel(network.original);
const { name, shape, data } = randomImage(network.graph);
const image = float32Tensor(shape, data);
const runtime = await nodeOnnxRuntime();
const { scales } = await calibrate(network, [{ [name]: image }], { runtime, method: 'min-max' });
const compilation = compile(network, { scales, sram: 1 });

const device = await openDevice({ target: 'orin', engines: (bus) => createWasmEngines(bus, { threads: 1 }) });
const session = await loadNetwork(device, compilation.network);
const emulate = () => session.run({ [name]: image });

ortWeb.env.wasm.numThreads = 1;
const quantized = exportQLinear(compilation.quantized);
const web = await ortWeb.InferenceSession.create(quantized, { executionProviders: ['wasm'] });
const webFeeds = { [name]: new ortWeb.Tensor('float32', data, [...shape]) };
const native = await ortNode.InferenceSession.create(onnx, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const nativeFeeds = { [name]: new ortNode.Tensor('float32', data, [...shape]) };

/**
 * onnxruntime-node takes what vectors the processor has, WebAssembly's have 128 bits everywhere: the bar is for a peer with
 * vectors of 256 bits, and half of that where it has 512.
 */
const wide = existsSync('/proc/cpuinfo') && /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
const nativeBar = wide ? 0.2 : 0.4;

const rows = [
  await row('emulate ResNet-50, batch 1', emulate, 'onnxruntime-web, QLinearConv', () => web.run(webFeeds), 1),
  await row('emulate ResNet-50, batch 1', emulate, 'onnxruntime-node, FP32', () => native.run(nativeFeeds), nativeBar),
];
await session.close();
await device.close();
await web.release();
await native.release();

const sessionOf = (model: Uint8Array) => async () => {
  const created = await ortNode.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  await created.release();
};
const createSession = sessionOf(onnx);
rows.push(
  await row(
    'read and check ResNet-50',
    () => check(readNetwork(onnx)),
    'onnxruntime-node, session creation',
    createSession,
  ),
  await row(
    'read, rewrite, check and compile ResNet-50',
    () => compile(prepare(readNetwork(onnx)), { scales, sram: 1 }),
    'onnxruntime-node, session creation',
    createSession,
    // Creating the session takes 120 or 420 ms on one machine, from run to run: a short run judges nothing by it.
    short ? undefined : 0.5,
  ),
);

const large = largeFloat16();
const createLarge = sessionOf(large);
/** What `dla check` does: the verdicts, and what the compiler cannot lower. */
const checkLarge = () => {
  const graph = readNetwork(large);
  return [check(graph), compile(prepare(graph))];
};
const reportLarge = () => {
  const prepared = prepare(readNetwork(large));
  return report(prepared, compile(prepared));
};
const what = 'a network of 44 M float16 weights, 700 nodes';
rows.push(
  // Creating the session varies twofold between runs; the bars are 3 s and 10 s at its fastest.
  await row(`check ${what}`, checkLarge, 'onnxruntime-node, session creation', createLarge, 0.06),
  await row(`report on ${what}`, reportLarge, 'onnxruntime-node, session creation', createLarge, 0.02),
);

console.log(
  table(
    [
      { title: 'dlakit' },
      { title: 'ms', align: 'right' },
      { title: 'peer' },
      { title: 'ms', align: 'right' },
      { title: 'ratio', align: 'right' },
      { title: 'at least', align: 'right' },
    ],
    rows.map(({ what, ours, peer, theirs, ratio, bar }) => [
      what,
      ours.toFixed(1),
      peer,
      theirs.toFixed(1),
      ratio.toFixed(2),
      bar?.toFixed(2) ?? '',
    ]),
  ),
);
console.log(
  `\nmedians of ${pairs} interleaved pairs, one thread each, processor time; ratio = peer’s time / dlakit’s time`,
);

const { before, peak, device: deviceBytes } = peakMemory(compilation.network);
console.log(
  `peak memory of the emulator alone, ResNet-50 from its loadable: ${formatBytes(peak)} resident, ${formatBytes(before)} of it before the loadable is read; ${formatBytes(deviceBytes)} is the device’s memory`,
);

const orinModes = findTarget('orin').modules.flatMap((module) => module.powerModes.map((mode) => ({ module, mode })));
const settings = Array.from({ length: 24 }, (_, index) => orinModes[index % orinModes.length]!);
const started = process.cpuUsage();
for (const { module, mode } of settings) {
  estimate(compilation.network.plan, { module: module.id, powerMode: mode.name });
}
const spent = process.cpuUsage(started);
console.log(
  `estimates of ResNet-50 in ${settings.length} settings: ${((spent.user + spent.system) / 1000).toFixed(0)} ms (bar 2000)`,
);

const both = ['int8', 'fp16'] as const;
const small = async (title: string, file: string): Promise<BenchNetwork> => {
  const bytes = await readFile(new URL(`../models/${file}.onnx`, import.meta.url));
  return { title, network: prepare(readNetwork(bytes)), bar: false, precisions: both, memory: false };
};
const deep = { bar: true, precisions: ['int8'], memory: true } as const;
const basic: BenchNetwork = { ...deep, title: 'ResNet-18', network: prepare(resnet18({ seed: 1 })) };
const belowOrin = await nvdlaBench(
  [
    ...(short
      ? [basic]
      : [
          { ...basic, precisions: both },
          { ...deep, title: 'ResNet-50', network },
        ]),
    await small('resnet20, 28×28', 'fashion-resnet20'),
    await small('MobileNetV2, 28×28', 'fashion-mobilenetv2'),
    await small('wide residual, 28×28', 'fashion-resnet8-wide-dense'),
  ],
  { pairs, atLeast: short ? 800 : 4000, atMost: 20_000 },
);

const missed = rows.filter(({ ratio, bar }) => bar !== undefined && ratio < bar);
for (const { what, peer, ratio, bar } of missed)
  console.error(`below its bar: ${what} against ${peer}, ${ratio.toFixed(2)} < ${bar}`);
for (const what of belowOrin) console.error(`below its bar: ${what} of orin’s rate`);
const slow = spent.user + spent.system > 2e6;
if (slow) console.error('below its bar: estimates of ResNet-50 in 24 settings');
if (missed.length > 0 || belowOrin.length > 0 || slow) process.exitCode = 1;
