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
import { elementsPerAtom } from '../../program/geometry.ts';
import type { IntegerScaleSdp, Layer } from '../../program/layer.ts';
import type { Surface } from '../../program/surface.ts';
import { tensorBytes } from '../layer-work.ts';
import type { NvdlaConditions } from './conditions.ts';
import { convolutionPhases, geometryOf } from './convolution-phases.ts';
import { stripeCycles } from './stripe.ts';
import { clientRate, layerTraffic, type ReadClient, sharedCycles } from './traffic.ts';

export type EngineName = 'conv' | 'sdp' | 'pdp' | 'cdp' | 'rubik' | 'bdma';

export interface LayerCycles {
  /** What works in the launch, and for how long at its own rate. */
  readonly engines: readonly { readonly engine: EngineName; readonly busy: Cycles }[];
  readonly reads: readonly { readonly client: ReadClient; readonly size: Bytes; readonly busy: Cycles }[];
  readonly written: Bytes;
  /** The longest of the engines. */
  readonly compute: Cycles;
  /** The slowest read client by itself. */
  readonly slowestClient: Cycles;
  /** All reading and writing on what they share. */
  readonly shared: Cycles;
  readonly launch: Cycles;
  /** Of a read; 0 where nothing is read. */
  readonly latency: Cycles;
  /** `latency`, and the first rows and kernel group. */
  readonly fill: Cycles;
  /** Between fill and drain. */
  readonly busy: Cycles;
  readonly drain: Cycles;
  readonly total: Cycles;
  /** The buffer holds one kernel group alone: fetching weights and multiplying take turns. */
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
  const { throughput } = conditions.features;
  const engine = (name: EngineName, elements: number, rate: number) => ({
    engine: name,
    busy: cycles(Math.ceil(elements / rate)),
  });
  const elementsOf = (id: number): number => tensorBytes(surfaces[id]!) / elementSize[surfaces[id]!.dtype];
  // Eight lanes of INT8 are four of 16 bits (nvdlav1 RTL, PDP and CDP: 64 bits a cycle); SDP's lanes are 32 bits wide.
  const lanes = (rate: number, id: number): number => rate / elementSize[surfaces[id]!.dtype];
  switch (layer.kind) {
    case 'conv': {
      const { conv, sdp, pdp } = layer;
      const { output, core } = conv;
      const left = output.height * output.width * core!.accumulatorChannels;
      return [
        { engine: 'conv', busy: stripeCycles(geometryOf(conv, surfaces), conditions.target) },
        engine('sdp', left, pointRate(sdp as IntegerScaleSdp<number>, conditions)),
        ...(pdp === undefined ? [] : [engine('pdp', left, lanes(throughput.pdp, pdp.output))]),
      ];
    }
    case 'sdp': {
      const elements = elementsOf(layer.sdp.input!);
      const { sdp, pdp } = layer;
      return [
        engine('sdp', elements, pointRate(sdp as IntegerScaleSdp<number>, conditions)),
        ...(pdp === undefined ? [] : [engine('pdp', elements, lanes(throughput.pdp, pdp.output))]),
      ];
    }
    case 'pixels': {
      const { channels, rows, columns, input } = layer.pixels;
      const { format } = surfaces[input]!;
      const atom = elementsPerAtom(format);
      return [engine('sdp', Math.ceil(channels / atom) * atom * rows * columns, throughput.x)];
    }
    case 'pdp':
      return [engine('pdp', elementsOf(layer.pdp.input!), lanes(throughput.pdp, layer.pdp.input!))];
    case 'cdp':
      return [engine('cdp', elementsOf(layer.cdp.input), lanes(throughput.cdp, layer.cdp.input))];
    case 'rubik':
    case 'bdma':
      // They move as fast as memory lets them.
      return [{ engine: layer.kind, busy: cycles(0) }];
    case 'resize':
    case 'copy':
      throw new Error(`the open NVDLA has no engine for ${layer.kind}`);
  }
}

/** Elements a cycle of the units that are in use; what passes none goes at the rate of X. */
const pointRate = ({ y }: IntegerScaleSdp<number>, { features: { throughput } }: NvdlaConditions): number =>
  y === undefined ? throughput.x : Math.min(throughput.x, throughput.y);
