/** Statistics of channels: what a calibration measures besides where channels are to be balanced. */

import { fail } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import { asFloat32, type Tensor } from '../../graph/tensor.ts';
import { observe } from '../../onnx/observe.ts';
import type { MeasureOptions, Samples } from '../calibrate.ts';
import type { ChannelRanges } from './balance-channels.ts';

/**
 * The largest |x| of each channel (axis 1) of some values, inputs among them; of all elements where there is no such axis.
 * @throws run/host-failed, cancelled
 */
export async function measureChannels(
  graph: Graph,
  names: readonly string[],
  samples: Samples,
  { runtime, threads, signal }: MeasureOptions,
): Promise<ChannelRanges> {
  const ranges = new Map<string, Float32Array>();
  const see = (name: string, tensor: Tensor): void => {
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
  };
  const computed = names.filter((name) => !graph.inputs.includes(name));
  const session = await observe(runtime, graph, computed, { threads });
  try {
    for await (const sample of samples) {
      if (signal?.aborted) fail('cancelled', 'calibration was cancelled');
      for (const name of names) if (graph.inputs.includes(name)) see(name, sample[name]!);
      await session.run(sample, see);
    }
  } finally {
    await session.close();
  }
  return ranges;
}
