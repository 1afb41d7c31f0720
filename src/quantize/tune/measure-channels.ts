/** Statistics of channels: what a calibration measures besides where channels are to be balanced. */

import { fail } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import { asFloat32 } from '../../graph/tensor.ts';
import { withOutputs } from '../../onnx/subgraph.ts';
import { writeModel } from '../../onnx/write.ts';
import type { MeasureOptions, Samples } from '../calibrate.ts';
import type { ChannelRanges } from './balance-channels.ts';

/**
 * The largest |x| of each channel (axis 1) of some values, which have four dimensions.
 * @throws run/host-failed, cancelled
 */
export async function measureChannels(
  graph: Graph,
  names: readonly string[],
  samples: Samples,
  { runtime, threads, signal }: MeasureOptions,
): Promise<ChannelRanges> {
  const ranges = new Map<string, Float32Array>();
  const session = await runtime.createSession(writeModel(withOutputs(graph, names)), {
    optimise: false,
    ...(threads !== undefined && { threads }),
  });
  try {
    for await (const sample of samples) {
      if (signal?.aborted) fail('cancelled', 'calibration was cancelled');
      const results = await session.run(sample);
      for (const name of names) {
        const tensor = results[name]!;
        const [batch = 1, channels = 1, ...area] = tensor.shape;
        const values = asFloat32(tensor);
        const plane = area.reduce((product, dim) => product * dim, 1);
        const range = ranges.get(name) ?? new Float32Array(channels);
        for (let map = 0; map < batch * channels; map++) {
          let most = range[map % channels]!;
          for (let at = map * plane; at < (map + 1) * plane; at++) most = Math.max(most, Math.abs(values[at]!));
          range[map % channels] = most;
        }
        ranges.set(name, range);
      }
    }
  } finally {
    await session.close();
  }
  return ranges;
}
