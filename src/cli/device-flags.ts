/** The flags that choose engines, the device that follows from them, and an evaluation on it. */

import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { fail } from '../base/errors.ts';
import type { Evaluation } from '../evaluate/evaluate.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { nodeThreads } from '../host/node/index.ts';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import type { Compilation, PreparedNetwork } from '../index.ts';
import type { CompiledNetwork } from '../program/program.ts';
import { type Device, openDevice } from '../runtime/device.ts';
import { isQuantized } from '../support/rules/quantization.ts';
import type { Context, Progress } from './context.ts';
import { type DataFlags, planInputs, readData } from './data-flags.ts';
import { positiveInteger } from './options.ts';

export interface EngineFlags {
  readonly engines: 'wasm' | 'reference';
  readonly threads?: number;
}

export const withEngineName = (command: Command): Command =>
  command.addOption(
    new Option('--engines <name>', 'the fast kernels, or the scalar reference')
      .choices(['wasm', 'reference'])
      .default('wasm'),
  );

export const withEngines = (command: Command): Command =>
  withEngineName(command).option('--threads <n>', 'of the fast kernels (default: all processors)', positiveInteger);

/** The flags for a run on other engines than the user chose, for which `--threads` was not meant. */
export const enginesOf = (flags: EngineFlags, engines: EngineFlags['engines']): EngineFlags =>
  engines === flags.engines ? flags : { engines };

/** @throws cli/usage for threads of the scalar reference, which has one */
export function openNodeDevice(target: string, { engines, threads }: EngineFlags): Promise<Device> {
  if (engines === 'wasm') {
    return openDevice({ target, engines, threads: threads ?? availableParallelism(), spawn: nodeThreads });
  }
  if (threads !== undefined) fail('cli/usage', '--threads goes with --engines wasm: the scalar reference has one');
  return openDevice({ target, engines });
}

export interface EvaluateFlags extends DataFlags, EngineFlags {
  readonly target: string;
  readonly calib?: string;
  /** Images over which every tensor is compared. */
  readonly tensors?: number;
}

/** What an evaluation names as its calibration where no file gave one. */
const rangesWithoutFile = {
  calibrated: 'the ranges that the network or the loadable states',
  dummy: 'dummy ranges',
  none: 'nothing, FP16 has no ranges',
} as const;

/** @param ranked what `compiled` comes from, where the tensors that are compared are to be ranked */
export async function evaluateFile(
  network: PreparedNetwork,
  compiled: CompiledNetwork,
  flags: EvaluateFlags,
  context: Context,
  ranked?: Compilation,
): Promise<Evaluation> {
  const { plan } = compiled;
  const { feed, preprocess } = await readData(planInputs(plan), plan.batch, plan.preprocess, flags);
  const total = Math.min(feed.size, flags.limit ?? feed.size);
  const isGivenQuantized = network.original.nodes.some(isQuantized);
  if (isGivenQuantized) context.note('the network is quantized: onnxruntime runs it as it was given');
  const device = await openNodeDevice(flags.target, flags);
  let progress: Progress | undefined;
  let ranking: Progress | undefined;
  try {
    return await evaluate({
      graph: network.graph,
      ...(isGivenQuantized && { quantized: network.original }),
      network: compiled,
      feed,
      ...(preprocess && { preprocess }),
      device,
      runtime: await nodeOnnxRuntime(),
      calibration: flags.calib ?? rangesWithoutFile[plan.ranges],
      limit: total,
      tensorSamples: Math.min(total, flags.tensors ?? 0),
      signal: context.signal,
      onProgress: (done, of) => {
        progress ??= context.progress('evaluating', of);
        progress.update(done);
      },
      ...(ranked && { compilation: ranked }),
      onRanking: (done, of) => {
        if (!ranking) progress?.stop();
        ranking ??= context.progress('what roundings cost', of);
        ranking.update(done);
      },
    });
  } finally {
    progress?.stop();
    ranking?.stop();
    await device.close();
  }
}
