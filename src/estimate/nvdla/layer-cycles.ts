/**
 * The cycles of one launch on the open NVDLA. Its engines form a pipeline that the slowest one paces; reading and writing go on
 * meanwhile, so that it takes
 *
 *     launch + fill + max(engines, memory) + drain
 *
 *     engines   the convolution core by its stripes; SDP by elements that leave the accumulator, PDP and CDP by elements that
 *               enter, each at the rate of its slowest unit in use
 *     memory    every read client at its own rate, all of them at the rates of the interface and of the memory behind it
 *     fill      the latency of a read, and the first rows and kernel group
 *     drain     the latency of a write, and flushing what is done
 *
 * A convolution goes through its kernel groups one after the other, and each takes its own maximum: the first has the features to fetch,
 * every one the weights of the next and its own results to write (convolution-phases.ts).
 *
 * Source: docs/hardware/nvdla-timing.md. Left out: banks that refuse, refresh, alignment of bursts.
 */

import { elementSize } from '../../base/data-type.ts';
import { type Bytes, type Cycles, cycles } from '../../base/units.ts';
import type { Layer } from '../../program/layer.ts';
import type { EngineName, ReadClient, StageWork } from '../../program/layers/kind.ts';
import { kindOf } from '../../program/layers/table.ts';
import type { Surface } from '../../program/surface.ts';
import type { NvdlaConditions } from './conditions.ts';
import { convolutionPhases, geometryOf } from './convolution-phases.ts';
import { stripeCycles } from './stripe.ts';
import { clientRate, layerTraffic, sharedCycles } from './traffic.ts';

export interface LayerCycles {
  /** The engines of the launch, and how long each works at its own rate. */
  readonly engines: readonly { readonly engine: EngineName; readonly busy: Cycles }[];
  readonly reads: readonly { readonly client: ReadClient; readonly size: Bytes; readonly busy: Cycles }[];
  readonly written: Bytes;
  /** Cycles of the slowest engine. */
  readonly compute: Cycles;
  /** Cycles of the slowest read client alone. */
  readonly slowestClient: Cycles;
  /** Cycles of all reading and writing on the interface and memory that clients share. */
  readonly shared: Cycles;
  readonly launch: Cycles;
  /** The latency of a read; 0 where nothing is read. */
  readonly latency: Cycles;
  /** Cycles before work begins: `latency`, and the first rows and kernel group. */
  readonly fill: Cycles;
  /** Cycles between fill and drain. */
  readonly busy: Cycles;
  readonly drain: Cycles;
  readonly total: Cycles;
  /** Whether fetching weights and multiplying take turns, since the buffer holds one kernel group only. */
  readonly takesTurns: boolean;
}

/** Cycles from the last result to the interrupt (a counter to 0x30: docs/hardware/nvdla-timing.md#launches). */
const doneFlush = 48;

export function layerCycles(layer: Layer, surfaces: readonly Surface[], conditions: NvdlaConditions): LayerCycles {
  const { launch } = conditions;
  const traffic = layerTraffic(layer, surfaces);
  const engines = enginesOf(layer, surfaces, conditions);
  const compute = cycles(Math.max(...engines.map(({ busy }) => busy)));
  const reads = traffic.reads.map((read) => ({
    ...read,
    busy: cycles(Math.ceil(read.size / clientRate(read.client, conditions))),
  }));
  const slowestClient = Math.max(0, ...reads.map(({ busy }) => busy));
  const shared = Math.ceil(sharedCycles(traffic, conditions));
  const phases =
    layer.kind === 'conv' ? convolutionPhases(layer.conv, { surfaces, traffic, compute }, conditions) : undefined;
  const latency = traffic.reads.length > 0 ? conditions.latency : 0;
  const fill = latency + (phases?.firstFetch ?? 0);
  const busy = phases?.busy ?? Math.max(compute, slowestClient, shared);
  const drain = conditions.latency + doneFlush;
  return {
    engines,
    reads,
    written: traffic.written,
    compute,
    slowestClient: cycles(slowestClient),
    shared: cycles(shared),
    launch,
    latency: cycles(latency),
    fill: cycles(fill),
    busy: cycles(busy),
    drain: cycles(drain),
    total: cycles(launch + fill + busy + drain),
    takesTurns: phases?.takesTurns ?? false,
  };
}

function enginesOf(
  layer: Layer,
  surfaces: readonly Surface[],
  conditions: NvdlaConditions,
): readonly { readonly engine: EngineName; readonly busy: Cycles }[] {
  const { features, target } = conditions;
  const { throughput } = features;
  const busyOf = (stage: StageWork): number => {
    const size = elementSize[stage.dtype];
    // Engines work on whole atoms.
    const atom = target.memoryAtom / size;
    const [n, channels, height, width] = stage.enters;
    const elements = n * Math.ceil(channels / atom) * atom * height * width;
    switch (stage.engine) {
      case 'conv':
        return layer.kind === 'conv' ? stripeCycles(geometryOf(layer.conv, surfaces), target) : 0;
      case 'sdp':
        return elements / pointRate(layer, conditions);
      case 'pdp':
      case 'cdp':
        // Eight lanes of INT8 are four of 16 bits (nvdlav1 RTL, PDP and CDP: 64 bits a cycle); SDP's lanes are 32 bits wide.
        return (elements * size) / throughput[stage.engine];
      case 'rubik':
      case 'bdma':
        // Memory alone bounds Rubik and BDMA.
        return 0;
      default:
        throw new Error(`the open NVDLA has no engine for ${layer.kind}`);
    }
  };
  const stages = kindOf(layer).work(layer, (id) => surfaces[id]!);
  return stages.map((stage) => ({ engine: stage.engine, busy: cycles(Math.ceil(busyOf(stage))) }));
}

/** Elements a cycle of the slowest SDP unit in use; the rate of X where none is. */
const pointRate = (layer: Layer, { features: { throughput } }: NvdlaConditions): number =>
  'sdp' in layer && 'y' in layer.sdp && layer.sdp.y !== undefined ? Math.min(throughput.x, throughput.y) : throughput.x;
