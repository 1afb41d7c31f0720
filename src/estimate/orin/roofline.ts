/** Where layers lie under the roof that the MAC array and the memory put up, and how time divides among the bounds. */

import { type Microseconds, microseconds } from '../../base/units.ts';
import type { Target } from '../../targets/target.ts';
import type { Estimate, LayerEstimate } from '../estimate-result.ts';

interface RooflinePoint {
  readonly layer: LayerEstimate;
  /** Multiply-accumulates per DRAM byte. */
  readonly intensity: number;
  /** 10⁹ multiply-accumulates per second, overhead included. */
  readonly rate: number;
}

export interface Roofline {
  /** 10⁹ multiply-accumulates per second of one core, dense, INT8. */
  readonly peak: number;
  /** 10⁹ bytes per second: the module's peak. */
  readonly bandwidth: number;
  /** MACs per byte at which both roofs meet. */
  readonly ridge: number;
  readonly points: readonly RooflinePoint[];
}

/** DRAM bytes of a layer, each counted once: the fitted re-read of the input is time, not known traffic. */
export const dramTraffic = ({ traffic: { input, operand, weights, output } }: LayerEstimate): number =>
  input + operand + weights + output;

/** Layers without multiply-accumulates are left out. */
export function roofline(estimate: Estimate, target: Target): Roofline {
  const { c, k, pixels } = target.atomic;
  const peak = (c * k * pixels * estimate.dlaClock) / 1000;
  const bandwidth = estimate.dramBandwidth;
  const points = estimate.layers
    .filter(({ macs }) => macs > 0)
    .map((layer) => ({
      layer,
      intensity: layer.macs / dramTraffic(layer),
      rate: layer.macs / (layer.total * 1000),
    }));
  return { peak, bandwidth, ridge: peak / bandwidth, points };
}

export interface BoundShare {
  readonly layers: number;
  readonly time: Microseconds;
  /** Share of the time of all layers. */
  readonly share: number;
}

/** How many layers each bound holds back, and how much of the time they take. */
export function boundShares({ layers }: Estimate): Readonly<Record<LayerEstimate['bound'], BoundShare>> {
  const timeOf = (some: readonly LayerEstimate[]) => some.reduce((sum, { total }) => sum + total, 0);
  const all = timeOf(layers);
  const share = (bound: LayerEstimate['bound']): BoundShare => {
    const held = layers.filter((layer) => layer.bound === bound);
    const time = timeOf(held);
    return { layers: held.length, time: microseconds(time), share: all === 0 ? 0 : time / all };
  };
  return { compute: share('compute'), memory: share('memory'), overhead: share('overhead') };
}
