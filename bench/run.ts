/**
 * `npm run bench`: speed as ratios against a peer in the same run on the same machine. Every pair is measured
 * interleaved (ours, peer, ours, peer, …) with one thread each, and the median of the pairs' ratios is what counts:
 * whatever else the machine does hits both. A ratio above 1 means that dlakit is faster.
 *
 *     npm run bench              all rows
 *     npm run bench -- --short   fewer pairs, for CI
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as ortNode from 'onnxruntime-node';
import * as ortWeb from 'onnxruntime-web';
import { createWasmEngines } from '../src/device/kernels/engines.ts';
import type { Graph } from '../src/graph/graph.ts';
import { float32Tensor } from '../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../src/host/node/onnxruntime.ts';
import { calibrate, check, compile, prepare, readNetwork } from '../src/index.ts';
import { Random } from '../src/models/random.ts';
import { resnet50 } from '../src/models/resnet.ts';
import { writeModel } from '../src/onnx/write.ts';
import { formatBytes, table } from '../src/report/table.ts';
import { openDevice } from '../src/runtime/device.ts';
import { loadNetwork } from '../src/runtime/network.ts';
import { exportQLinear } from './qlinear.ts';

const short = process.argv.includes('--short');
const pairs = short ? 3 : 15;

interface Row {
  readonly what: string;
  readonly ours: number;
  readonly peer: string;
  readonly theirs: number;
  /** theirs / ours, median of the pairs. */
  readonly ratio: number;
  readonly bar?: number;
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Milliseconds of one call. */
async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function compare(
  what: string,
  ours: () => unknown,
  peer: string,
  theirs: () => unknown,
  bar?: number,
): Promise<Row> {
  await ours();
  await theirs();
  const left: number[] = [];
  const right: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    left.push(await timed(ours));
    right.push(await timed(theirs));
  }
  const ratio = median(left.map((time, pair) => right[pair]! / time));
  return { what, ours: median(left), peer, theirs: median(right), ratio, ...(bar !== undefined && { bar }) };
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
const model = writeModel(network.original);
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
const native = await ortNode.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const nativeFeeds = { [name]: new ortNode.Tensor('float32', data, [...shape]) };

const rows = [
  await compare('emulate ResNet-50, batch 1', emulate, 'onnxruntime-web, QLinearConv', () => web.run(webFeeds), 1),
  await compare('emulate ResNet-50, batch 1', emulate, 'onnxruntime-node, FP32', () => native.run(nativeFeeds), 0.4),
];
await session.close();
await device.close();
await web.release();
await native.release();

const createSession = async () => {
  const created = await ortNode.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  await created.release();
};
rows.push(
  await compare(
    'read and check ResNet-50',
    () => check(readNetwork(model)),
    'onnxruntime-node, session creation',
    createSession,
  ),
  await compare(
    'read, rewrite, check and compile ResNet-50',
    () => compile(prepare(readNetwork(model)), { scales, sram: 1 }),
    'onnxruntime-node, session creation',
    createSession,
  ),
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
      bar?.toFixed(1) ?? '',
    ]),
  ),
);
console.log(`\nmedians of ${pairs} interleaved pairs, one thread each; ratio = peer’s time / dlakit’s time`);

const memory = spawnSync(
  process.execPath,
  ['--import', 'tsx', fileURLToPath(new URL('./memory.ts', import.meta.url))],
  {
    encoding: 'utf8',
  },
);
if (memory.status !== 0) throw new Error(memory.stderr);
const { before, peak, device: deviceBytes } = JSON.parse(memory.stdout) as Record<'before' | 'peak' | 'device', number>;
console.log(
  `peak memory of the emulator alone, ResNet-50 from its loadable: ${formatBytes(peak)} resident, ${formatBytes(before)} of it before the loadable is read; ${formatBytes(deviceBytes)} is the device’s memory`,
);

const missed = rows.filter(({ ratio, bar }) => bar !== undefined && ratio < bar);
for (const { what, peer, ratio, bar } of missed)
  console.error(`below its bar: ${what} against ${peer}, ${ratio.toFixed(2)} < ${bar}`);
if (missed.length > 0) process.exitCode = 1;
