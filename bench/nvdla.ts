/**
 * The open NVDLA against `orin`: the same network on both in the same run, one thread each. What counts is the network's own
 * multiply-accumulates in a second, whatever a configuration adds to them by filling up atoms or by doing a depthwise
 * convolution as a dense one.
 *
 * ResNets at 224×224 carry the bar: they are what people deploy, and their time is that of the engines. The small
 * networks at 28×28 are mostly launches — MobileNetV2 on nv_small has five times as many as on `orin` — and are here to
 * show what a launch through descriptors, firmware and registers costs. FP16 is reported beside: bit for bit the
 * accumulation of nv_full, which is not what processors compute in.
 */

import { Random } from '../src/base/random.ts';
import { createWasmEngines } from '../src/device/engines/wasm/engines.ts';
import { float32Tensor } from '../src/graph/tensor.ts';
import { compile, type PreparedNetwork } from '../src/index.ts';
import type { CompiledNetwork } from '../src/program/program.ts';
import { formatBytes, table } from '../src/report/table.ts';
import { openDevice } from '../src/runtime/device.ts';
import { loadNetwork } from '../src/runtime/network.ts';
import { type Comparison, compare, type Effort } from './compare.ts';
import { peakMemory } from './peak-memory.ts';

/** What the INT8 path of every configuration must reach of orin's. */
const int8Bar = 0.5;

const configurations = [
  { target: 'nv_small', precision: 'int8' },
  { target: 'nv_small_256', precision: 'int8' },
  { target: 'nv_small_256_full', precision: 'int8' },
  { target: 'nv_medium_512', precision: 'int8' },
  { target: 'nv_medium_1024_full', precision: 'int8' },
  { target: 'nv_large', precision: 'int8' },
  { target: 'nv_full', precision: 'int8' },
  { target: 'nv_full', precision: 'fp16' },
] as const;

type Configuration = (typeof configurations)[number];

export interface BenchNetwork {
  readonly title: string;
  readonly network: PreparedNetwork;
  /** Whether it carries the bar. */
  readonly bar: boolean;
  readonly precisions: readonly Configuration['precision'][];
  /** Whether to measure peak memory, which takes a process for each configuration. */
  readonly memory: boolean;
}

interface Row extends Comparison {
  readonly network: string;
  readonly configuration: Configuration;
  readonly launches: number;
  /** The network's own. */
  readonly macs: number;
  readonly bar?: number;
  readonly peak?: number;
}

async function open(network: CompiledNetwork) {
  const { plan } = network;
  const device = await openDevice({ target: plan.target, engines: (bus) => createWasmEngines(bus, { threads: 1 }) });
  const session = await loadNetwork(device, network);
  const { name, shape } = plan.tensors.find((tensor) => tensor.name === plan.inputs[0])!;
  const random = new Random(5);
  const image = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.next() * 4 - 2);
  const inputs = { [name]: float32Tensor(shape, image) };
  return {
    run: () => session.run(inputs),
    close: async () => {
      await session.close();
      device.close();
    },
  };
}

const hardwareLayers = ({ plan }: CompiledNetwork): number =>
  plan.segments.reduce((sum, segment) => sum + (segment.kind === 'dla' ? segment.program.layers.length : 0), 0);

async function measure({ title, network, bar, precisions, memory }: BenchNetwork, effort: Effort): Promise<Row[]> {
  const forOrin = compile(network, { target: 'orin' }).network;
  const orin = await open(forOrin);
  const { macs } = (await orin.run()).counters;
  const rows: Row[] = [];
  for (const configuration of configurations) {
    if (!precisions.includes(configuration.precision)) continue;
    const compiled = compile(network, configuration).network;
    const ours = await open(compiled);
    const comparison = await compare(ours.run, orin.run, effort);
    await ours.close();
    rows.push({
      ...comparison,
      network: title,
      configuration,
      launches: hardwareLayers(compiled),
      macs,
      ...(bar && configuration.precision === 'int8' && { bar: int8Bar }),
      ...(memory && { peak: peakMemory(compiled).peak }),
    });
  }
  await orin.close();
  return rows;
}

/** Prints a table. @returns what is below its bar */
export async function nvdlaBench(networks: readonly BenchNetwork[], effort: Effort): Promise<readonly string[]> {
  const rows: Row[] = [];
  for (const network of networks) rows.push(...(await measure(network, effort)));
  const rate = (macs: number, milliseconds: number): string => (macs / milliseconds / 1e6).toPrecision(3);
  console.log('\nthe open NVDLA against orin, billions of MACs a second\n');
  console.log(
    table(
      [
        { title: 'network' },
        { title: 'configuration' },
        { title: 'launches', align: 'right' },
        { title: 'GMAC/s', align: 'right' },
        { title: 'orin', align: 'right' },
        { title: 'ratio', align: 'right' },
        { title: 'at least', align: 'right' },
        { title: 'peak memory', align: 'right' },
      ],
      rows.map(({ network, configuration, launches, macs, ours, theirs, ratio, bar, peak }) => [
        network,
        `${configuration.target} ${configuration.precision}`,
        String(launches),
        rate(macs, ours),
        rate(macs, theirs),
        ratio < 0.1 ? ratio.toPrecision(1) : ratio.toFixed(2),
        bar?.toFixed(1) ?? '',
        peak === undefined ? '' : formatBytes(peak),
      ]),
    ),
  );
  return rows.flatMap(({ network, configuration: { target, precision }, ratio, bar }) =>
    bar !== undefined && ratio < bar ? [`${network} on ${target} ${precision}, ${ratio.toFixed(2)} < ${bar}`] : [],
  );
}
