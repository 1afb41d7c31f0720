/** Why a launch on the open NVDLA takes longer than its multiplications would, in sentences with its own numbers. */

import type { Conv, Layer } from '../../program/layer.ts';
import type { EngineName, ReadClient } from '../../program/layers/kind.ts';
import { kernelGroupOf } from '../../program/nvdla/convolution-buffer.ts';
import type { Surface } from '../../program/surface.ts';
import type { StripeLayer } from '../estimate-result.ts';
import type { NvdlaConditions } from './conditions.ts';
import { geometryOf } from './convolution-phases.ts';
import type { LayerCycles } from './layer-cycles.ts';
import { stripeShares } from './stripe.ts';
import { clientRate } from './traffic.ts';

/** A share of busy multipliers below this is named as a reason. */
const worthSaying = 0.9;

export function limitOf(cost: LayerCycles): StripeLayer['limit'] {
  const { compute, launch, fill, drain, busy, engines, reads, slowestClient, shared } = cost;
  if (launch + fill + drain > busy) return 'overhead';
  if (slowestClient > Math.max(compute, shared)) return reads.find((read) => read.busy === slowestClient)!.client;
  if (shared > compute) return 'memory';
  return engines.find((engine) => engine.busy === compute)!.engine;
}

/** @param before layers that were launched earlier */
export function reasonsOf(
  layer: Layer,
  cost: LayerCycles,
  { surfaces, before }: { readonly surfaces: readonly Surface[]; readonly before: readonly Layer[] },
  conditions: NvdlaConditions,
): readonly string[] {
  const reasons: string[] = [];
  if (layer.kind === 'conv') {
    reasons.push(...multiplierReasons(layer.conv, surfaces, conditions));
    const { weights, core } = layer.conv;
    const fetched = before.some((other) => other.kind === 'conv' && other.conv.weights === weights);
    if (fetched && !core!.reuse.weights)
      reasons.push(`its ${sizeText(surfaces[weights]!.size)} of weights are fetched again`);
  }
  if (cost.takesTurns) reasons.push('the buffer holds one kernel group: fetching weights and multiplying take turns');
  const limit = limitOf(cost);
  const busyOf = (name: EngineName): number => cost.engines.find(({ engine }) => engine === name)?.busy ?? 0;
  if (limit === 'sdp' || limit === 'pdp' || limit === 'cdp') {
    const others = busyOf('conv');
    const behind = others > 0 ? `, the multipliers ${others}` : '';
    reasons.push(`${limit.toUpperCase()} takes ${busyOf(limit)} cycles for its elements${behind}`);
  } else if (limit === 'overhead') {
    const { launch, fill, drain } = cost;
    reasons.push(`launch ${launch}, fill ${fill} and drain ${drain} are longer than the work`);
  } else if (limit === 'memory') {
    const all = [
      ...cost.reads.map(({ client, size }) => ({ what: client as string, size: size as number })),
      { what: 'results', size: cost.written as number },
    ];
    const most = all.toSorted((a, b) => b.size - a.size)[0]!;
    const total = all.reduce((sum, { size }) => sum + size, 0);
    reasons.push(`of ${sizeText(total)} of traffic ${most.what} are ${sizeText(most.size)}`);
  } else if (cost.reads.some(({ client }) => client === limit)) {
    const { latency, outstanding } = conditions;
    const rate = clientRate(limit as ReadClient, conditions);
    reasons.push(
      `${limit} come at ${rate.toFixed(2)} bytes a cycle: latency ${latency}, ${outstanding} bursts under way`,
    );
  }
  return reasons;
}

function multiplierReasons(
  conv: Conv<number>,
  surfaces: readonly Surface[],
  { target }: NvdlaConditions,
): readonly string[] {
  const geometry = geometryOf(conv, surfaces);
  const { channels, kernels, points } = stripeShares(geometry, target);
  const said = (share: number): string => `${Math.round(share * 100)} %`;
  const group = kernelGroupOf(target, geometry.precision);
  const outputs = geometry.width * geometry.height;
  const found = [
    {
      share: channels,
      text: geometry.rowsPerBlock
        ? `rows of ${geometry.channels * geometry.kernel.w} components in steps of ${target.atomic.c}`
        : `${geometry.channels} channels in steps of ${target.atomic.c}`,
    },
    { share: kernels, text: `${geometry.kernels} kernels in groups of ${group}` },
    {
      share: points,
      text:
        outputs === 1
          ? 'one output point for each loading of weights'
          : `${outputs} output points, in stripes that wait for weights`,
    },
  ];
  return found
    .filter(({ share }) => share < worthSaying)
    .toSorted((a, b) => a.share - b.share)
    .map(({ share, text }) => `${text}: ${said(share)} of the multipliers`);
}

const sizeText = (size: number): string => (size < 10_240 ? `${size} B` : `${Math.round(size / 1024)} KiB`);
