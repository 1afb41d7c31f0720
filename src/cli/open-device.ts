/** A device for the command line: the fast kernels on the threads that were asked for, or the scalar reference. */

import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { nodeThreads } from '../host/node/threads.ts';
import { type Device, openDevice } from '../runtime/device.ts';
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

export const openNodeDevice = (
  target: string,
  { engines, threads = availableParallelism() }: EngineFlags,
): Promise<Device> => openDevice({ target, engines, ...(engines === 'wasm' && { threads, spawn: nodeThreads }) });
