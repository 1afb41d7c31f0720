/** An evaluation as the commands run it: on the images that flags name, with progress, on a device of its own. */

import { evaluate } from '../evaluate/evaluate.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import type { PreparedNetwork } from '../index.ts';
import type { CompiledNetwork } from '../program/program.ts';
import type { Context } from './context.ts';
import { type DataFlags, readDataSet } from './data-flags.ts';
import { type EngineFlags, openNodeDevice } from './open-device.ts';

export interface EvaluateFlags extends DataFlags, EngineFlags {
  readonly target: string;
  readonly calib?: string;
  /** Images over which every tensor is compared. */
  readonly tensors?: number;
}

export async function evaluateFile(
  network: PreparedNetwork,
  compiled: CompiledNetwork,
  flags: EvaluateFlags,
  context: Context,
): Promise<Evaluation> {
  const dataSet = await readDataSet(flags);
  const total = Math.min(dataSet.size, flags.limit ?? dataSet.size);
  const device = await openNodeDevice(flags.target, flags);
  const progress = context.progress('evaluating', total);
  try {
    return await evaluate({
      graph: network.graph,
      network: compiled,
      dataSet,
      device,
      runtime: await nodeOnnxRuntime(),
      calibration: flags.calib ?? 'dummy ranges',
      fit: { kind: flags.fit },
      limit: total,
      tensorSamples: Math.min(total, flags.tensors ?? 0),
      signal: context.signal,
      onProgress: (done) => progress.update(done),
    });
  } finally {
    progress.stop();
    await device.close();
  }
}
