/**
 * Which tensors of a compiled network lose most in INT8, and why (quantize/tune/loss-ranking.ts), on the first samples that are
 * evaluated. The distance of a tensor from its real one (evaluate.ts) holds all that was lost before it; here each tensor answers for
 * its own rounding alone, by what that does to the outputs of the network.
 */

import type { Compilation } from '../compile/compilation.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime } from '../onnx/session.ts';
import type { TensorLoss } from '../quantize/tune/loss-causes.ts';
import { rankLosses } from '../quantize/tune/loss-ranking.ts';
import { type Feeds, resultsOf } from '../quantize/tune/rounding-loss.ts';
import type { Feed } from './feed.ts';

export interface RankOptions {
  readonly feed: Feed;
  readonly runtime: OnnxRuntime;
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with how many roundings are measured. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Samples over which roundings are measured: each takes a run of its own. A run of many samples is taken whole. */
const few = 2;

/**
 * Undefined where nothing is rounded to INT8, or no output shows what is lost.
 *
 * @param limit samples to take at most, from the first
 * @throws evaluate/image, evaluate/data-set, run/host-failed, cancelled
 */
export async function rankTensors(
  compilation: Compilation,
  limit: number,
  { feed, runtime, threads, signal, onProgress }: RankOptions,
): Promise<readonly TensorLoss[] | undefined> {
  const { quantized, rangeChanges, rounded, network } = compilation;
  if (rounded.size === 0) return undefined;
  const samples: Feeds[] = [];
  let taken = 0;
  for await (const { inputs, labels } of feed.batches({ limit, signal })) {
    samples.push(filledUp(inputs, network.plan.batch, labels.length));
    taken += labels.length;
    if (taken >= few) break;
  }
  const where = { runtime, ...(threads !== undefined && { threads }), samples };
  const context = { ...where, expected: await resultsOf(quantized.graph, where) };
  const exact = notRounded(compilation);
  return rankLosses({ ...quantized, rangeChanges, rounded }, context, { exact, signal, onProgress });
}

/** The samples of a run that is not full once more in the place of those that are missing: zeros would count as samples. */
function filledUp(inputs: Feeds, batch: number, samples: number): Feeds {
  if (samples === batch) return inputs;
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]): [string, Tensor] => {
      if (tensor.shape[0] !== batch) return [name, tensor];
      const bytes = tensor.bytes.slice();
      const own = (bytes.length / batch) * samples;
      for (let at = own; at < bytes.length; at += own) bytes.copyWithin(at, 0, Math.min(own, bytes.length - at));
      return [name, { ...tensor, bytes }];
    }),
  );
}

/** Names of the nodes whose weights are as they were given: those in FP16, and those on the host. */
function notRounded({ checked, notEmulated, quantized, precisions }: Compilation): ReadonlySet<string> {
  const half = [...precisions].filter(([, precision]) => precision === 'float16').map(([node]) => node);
  const refused = checked.verdicts.filter(({ placement }) => placement !== 'dla').map(({ node }) => node);
  return new Set([...refused, ...notEmulated.keys(), ...(quantized.half?.keys() ?? []), ...half]);
}
