/**
 * How a convolution on the open NVDLA goes through its kernel groups. The first group waits for the first rows and its own weights; while a
 * group is multiplied, the weights of the next one come and its results go, and during the first one the rest of the features come,
 * which then stay for all others. Where the buffer has no place for a second group, its weights come in between.
 */

import { bytes } from '../../base/units.ts';
import type { Conv } from '../../program/layer.ts';
import type { ReadClient } from '../../program/layers/kind.ts';
import { kernelGroupOf } from '../../program/nvdla/convolution-buffer.ts';
import type { Surface } from '../../program/surface.ts';
import type { NvdlaConditions } from './conditions.ts';
import type { ConvolutionGeometry } from './stripe.ts';
import { clientRate, sharedCycles, type Traffic } from './traffic.ts';

export interface ConvolutionPhases {
  /** Cycles until the first rows and kernel group are there. */
  readonly firstFetch: number;
  /** Cycles from then to the last result. */
  readonly busy: number;
  readonly takesTurns: boolean;
}

interface Launch {
  readonly surfaces: readonly Surface[];
  readonly traffic: Traffic;
  /** Cycles of the slowest engine. */
  readonly compute: number;
}

export function geometryOf(conv: Conv<number>, surfaces: readonly Surface[]): ConvolutionGeometry {
  const { output, kernel, input } = conv;
  const { precision, image } = conv.core!;
  return {
    width: output.width,
    height: output.height,
    kernel,
    channels: image ? image.order.length : surfaces[input]!.shape[1],
    kernels: output.channels,
    precision,
    ...(image && { rowsPerBlock: image.rowsPerBlock }),
  };
}

export function convolutionPhases(
  conv: Conv<number>,
  { surfaces, traffic, compute }: Launch,
  conditions: NvdlaConditions,
): ConvolutionPhases {
  const { target } = conditions;
  const { output, kernel, dilation, input, core } = conv;
  const groups = Math.ceil(output.channels / kernelGroupOf(target, core!.precision));
  const height = surfaces[input]!.shape[2];
  const firstRows = Math.min(1, ((kernel.h - 1) * dilation.h + 1) / height);
  /** Cycles to move the given shares of features, of weights, and of operands and results. */
  const fetching = (features: number, weights: number, others: number): number => {
    const share = (client: ReadClient): number =>
      client === 'features' ? features : client === 'weights' ? weights : others;
    const reads = traffic.reads.map(({ client, size }) => ({ client, size: bytes(size * share(client)) }));
    const slowest = Math.max(0, ...reads.map(({ client, size }) => size / clientRate(client, conditions)));
    return Math.max(slowest, sharedCycles({ reads, written: bytes(traffic.written * others) }, conditions));
  };
  const weights = traffic.reads.find(({ client }) => client === 'weights')?.size ?? 0;
  const room = core!.cbuf.weightBanks * target.cbuf.entriesPerBank * target.cbuf.entryBytes;
  const takesTurns = groups > 1 && room < (2 * weights) / groups;
  const one = 1 / groups;
  const phase = (features: number, next: number): number =>
    takesTurns
      ? Math.max(compute * one, fetching(features, 0, one)) + fetching(0, next, 0)
      : Math.max(compute * one, fetching(features, next, one));
  const rest = 1 - firstRows;
  const busy = groups === 1 ? phase(rest, 0) : phase(rest, one) + (groups - 2) * phase(0, one) + phase(0, 0);
  return { firstFetch: Math.ceil(fetching(firstRows, one, 0)), busy: Math.ceil(busy), takesTurns };
}
