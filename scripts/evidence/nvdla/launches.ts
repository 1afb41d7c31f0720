/**
 * ResNet-18 and ResNet-50 with seeded weights on the open NVDLA, every launch of the kernels held against the scalar
 * reference from the same memory.
 */

import { Random } from '../../../src/base/random.ts';
import { createWasmEngines } from '../../../src/device/engines/wasm/engines.ts';
import {
  type CheckedEngines,
  checkedEngines,
  describeLaunch,
  outputOf,
} from '../../../src/device/testing/checked-engines.ts';
import { float32Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { calibrate, compile, type PreparedNetwork, prepare } from '../../../src/index.ts';
import { resnet18, resnet50 } from '../../../src/models/resnet.ts';
import type { OnnxRuntime } from '../../../src/onnx/session.ts';
import { openDevice } from '../../../src/runtime/device.ts';
import { runNetwork } from '../../../src/runtime/network.ts';

export const launchNetworks = [
  { title: 'ResNet-18', build: resnet18 },
  { title: 'ResNet-50', build: resnet50 },
] as const;

export const launchTargets = ['nv_small', 'nv_full'] as const;

/** A network with scales of its own. */
export interface ScaledNetwork {
  readonly network: PreparedNetwork;
  readonly scales: Awaited<ReturnType<typeof calibrate>>['scales'];
  readonly image: Tensor;
}

/** Scales from the one image that is run: results fill int8, and some saturate. */
export async function scaledNetwork(
  build: (typeof launchNetworks)[number]['build'],
  runtime: OnnxRuntime,
): Promise<ScaledNetwork> {
  const network = prepare(build({ seed: 1 }));
  const random = new Random(7);
  const data = Float32Array.from({ length: 3 * 224 * 224 }, () => random.next() * 4 - 2);
  const image = float32Tensor([1, 3, 224, 224], data);
  const { scales } = await calibrate(network, [{ image }], { runtime });
  return { network, scales, image };
}

export interface CheckedRun {
  readonly launches: number;
  readonly fallbacks: number;
  readonly macs: number;
  readonly saturated: number;
  /** Bytes that were compared, of all that launches wrote. */
  readonly comparedBytes: number;
  readonly writtenBytes: number;
  /** Launches of each kind. */
  readonly kinds: ReadonlyMap<string, number>;
}

/**
 * @param rows `all`, or a seed that picks a row of each launch: its first, its last, or any
 * @throws Error naming the launch whose bytes differ
 */
export async function runChecked(
  { network, scales, image }: ScaledNetwork,
  target: string,
  rows: 'all' | number,
): Promise<CheckedRun> {
  const { network: compiled } = compile(network, { target, scales });
  let checked: CheckedEngines | undefined;
  const random = new Random(rows === 'all' ? 0 : rows);
  const device = await openDevice({
    target,
    engines: async (bus) => {
      checked = checkedEngines(await createWasmEngines(bus, { threads: 1 }), (pipeline) => {
        if (rows === 'all') return undefined;
        const height = outputOf(pipeline).shape[2];
        const from = [0, height - 1, Math.floor(random.next() * height)][Math.floor(random.next() * 3)]!;
        return { from, count: 1 };
      });
      return checked;
    },
  });
  try {
    const { counters } = await runNetwork(compiled, { [compiled.plan.inputs[0]!]: image }, { device });
    const { launches, fallbacks } = checked!;
    const kinds = new Map<string, number>();
    for (const { pipeline } of launches) {
      const kind = describeLaunch(pipeline);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    return {
      launches: counters.launches,
      fallbacks,
      macs: counters.macs,
      saturated: counters.saturated,
      comparedBytes: launches.reduce((sum, { bytes }) => sum + bytes, 0),
      writtenBytes: launches.reduce((sum, { pipeline }) => sum + outputOf(pipeline).size, 0),
      kinds,
    };
  } finally {
    device.close();
  }
}
