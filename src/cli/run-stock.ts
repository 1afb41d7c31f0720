/**
 * A stock loadable on the emulated device. One of ours runs on tensors by their names and gives what the .dla of the same
 * network gives. Any runs on the bytes of its surfaces, by bind id, and gives these and the images that NVDLA's own runtime
 * writes.
 */

import { join } from 'node:path';
import { fail, locate } from '../base/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { writeFiles } from '../host/node/files.ts';
import { targetOfLoadable } from '../loadable/nvdla/format/loadable-target.ts';
import { decodeStockLoadable, type StockLoadable, taskInterfaces } from '../loadable/nvdla/format/stock-loadable.ts';
import { tagOf } from '../loadable/nvdla/format/tag.ts';
import { taskDescriptors } from '../loadable/nvdla/format/task-blobs.ts';
import { printable, table } from '../report/table.ts';
import type { Device } from '../runtime/device.ts';
import type { Dump } from '../runtime/dump.ts';
import type { RunResult } from '../runtime/network.ts';
import { dimg } from '../runtime/nvdla/dimg.ts';
import type { LaunchedOperation } from '../runtime/nvdla/dla-task.ts';
import { type NvdlaInputs, NvdlaNetwork } from '../runtime/nvdla/nvdla-network.ts';
import { isFlying } from '../runtime/nvdla/program/register-writer.ts';
import type { Binding } from '../runtime/nvdla/user-driver.ts';
import type { Context } from './context.ts';
import { printPreprocess } from './data-flags.ts';
import { type EngineFlags, enginesOf, openNodeDevice } from './device-flags.ts';
import { type RunFlags, readStockInputs } from './run-inputs.ts';
import { compareWith, countersText, outputsText, outputTensors, writeTensors } from './run-outputs.ts';

/** An output as it lies in its buffer. */
interface RawOutput {
  readonly binding: Binding;
  readonly bytes: Uint8Array;
}

interface StockRun {
  readonly counters: RunResult['counters'];
  /** Present when the network ran on tensors. */
  readonly outputs?: RunResult['outputs'];
  readonly raw: readonly RawOutput[];
}

/** Feeds a network and runs it. */
type Run = (
  network: NvdlaNetwork,
  onLaunch: (launched: LaunchedOperation) => void,
) => Promise<Pick<StockRun, 'outputs'>>;

/** @throws cli/usage, loadable/*, run/*, device/* */
export async function runStock(bytes: Uint8Array, file: string, flags: RunFlags, context: Context): Promise<void> {
  if (flags.dump !== undefined) fail('cli/usage', '--dump goes with a .dla: descriptors do not name tensors');
  const loadable = locate({ file }, () => decodeStockLoadable(bytes));
  const target = locate({ file }, () => targetOfLoadable(loadable, flags.target));
  const tag = tagOf(loadable);
  const { inputs, preprocess } = await readStockInputs(tag, flags);
  const run = runOf(inputs, context);
  const runOn = async (engines: EngineFlags['engines'], label: string): Promise<StockRun> => {
    const device = await openNodeDevice(target.name, enginesOf(flags, engines));
    try {
      return await runOnce(loadable, device, run, label, context);
    } finally {
      device.close();
    }
  };
  const started = performance.now();
  const result = await runOn(flags.engines, 'running');
  const { counters, outputs } = result;
  printPreprocess(preprocess, context);
  context.print(countersText(tag?.network ?? file, counters, performance.now() - started));
  const names = tag?.outputs.map(({ name }) => name) ?? [];
  context.print(outputs ? outputsText(names, outputs, context) : surfacesText(result.raw, context));
  const dumps = (of: StockRun): readonly Dump[] =>
    of.outputs ? outputTensors(names, of.outputs) : of.raw.map(rawDump);
  if (flags.compare) {
    compareWith({ dumps: dumps(result) }, { dumps: dumps(await runOn('reference', 'reference')) }, context);
  }
  if (flags.output === undefined) return;
  if (outputs) await writeTensors(flags.output, dumps(result), context);
  else await writeSurfaces(flags.output, result.raw, target.memoryAtom, context);
}

async function runOnce(
  loadable: StockLoadable,
  { driver }: Device,
  run: Run,
  label: string,
  context: Context,
): Promise<StockRun> {
  const network = new NvdlaNetwork(loadable, driver);
  const progress = context.progress(label, launchesOf(loadable));
  let [launches, macs, saturated] = [0, 0, 0];
  try {
    const outputs = await run(network, ({ result: { counters } }) => {
      macs += counters.macs;
      saturated += counters.saturated;
      progress.update(++launches);
    });
    const raw = network.outputs.map((binding) => ({ binding, bytes: network.read(binding.bindId) }));
    return { ...outputs, raw, counters: { launches, macs, saturated } };
  } finally {
    progress.stop();
    network.unload();
  }
}

/** Counts launches. An operation that takes its input from another in hardware, without a surface between them, belongs to the other's. */
function launchesOf(loadable: StockLoadable): number {
  const tasks = loadable.tasks.filter((task) => task.interface === taskInterfaces.dla);
  const operations = tasks.flatMap((task) => taskDescriptors(loadable, task).operations);
  return operations.filter(({ surfaces }) => !('src' in surfaces && isFlying(surfaces.src))).length;
}

/** Feeds a network tensors, where its loadable says what its inputs are, else the bytes of surfaces. */
const runOf =
  (inputs: NvdlaInputs, { signal }: Context): Run =>
  async (network, onLaunch) => {
    if (inputs instanceof Map) {
      network.feed(inputs);
      await network.submit({ signal, onLaunch });
      return {};
    }
    const { outputs } = await network.run(inputs as Readonly<Record<string, Tensor>>, { signal, onLaunch });
    return { outputs };
  };

function surfacesText(outputs: readonly RawOutput[], context: Context): string {
  const rows = outputs.map(({ binding: { bindId, tensor }, bytes }) => {
    const { n, c, h, w } = tensor.dims;
    return [`${bindId}`, printable(tensor.name), `${n}×${c}×${h}×${w}`, `${bytes.length} bytes`];
  });
  const columns = ['output', 'name', 'shape', 'surface'].map((title) => ({ title }));
  return table(columns, rows, context.text);
}

const rawDump = ({ binding: { bindId, tensor }, bytes }: RawOutput): Dump => ({
  name: `${bindId} ${tensor.name}`,
  tensor: { dtype: 'uint8', shape: [bytes.length], bytes },
  segment: 'output',
});

async function writeSurfaces(
  folder: string,
  outputs: readonly RawOutput[],
  atomBytes: number,
  context: Context,
): Promise<void> {
  const files = outputs.flatMap(({ binding: { bindId, tensor }, bytes }) => {
    const image = dimg(bytes, tensor, atomBytes);
    return [
      [join(folder, `output-${bindId}.raw`), bytes] as const,
      [join(folder, `output-${bindId}.dimg`), image] as const,
    ];
  });
  await writeFiles(files);
  context.note(`wrote ${files.length} files to ${folder}`);
}
