/**
 * Float16 pipelines of nv_full on kernels, bit for bit what the scalar reference (reference/nvdla/float16/) computes.
 *
 *     conv → sdp (→ pdp)      assembly/nvdla/float16/conv.ts, from features or pixels
 *     sdp (→ pdp)             assembly/nvdla/float16/point.ts
 *     pdp                     assembly/nvdla/float16/pool.ts
 *
 * Undefined, with nothing written, is what is left to the reference (nvdla/engine.ts).
 */

import type { Conv, ConvCore, NvdlaSdp, Pdp } from '../../../../../program/layer.ts';
import type { Shape4 } from '../../../../../program/surface.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import * as layout from '../../job.ts';
import type { KernelHost } from '../../kernel-host.ts';
import { overlaps, type Placement } from '../../placement.ts';
import type { StreamPlace } from '../weights.ts';
import { cutPixels, type FloatSteps, floatSteps, runFloatConv } from './conv-job.ts';
import * as floats from './job.ts';
import { placeBetween, placeHalfAtoms, placeHalves } from './placement.ts';
import { planFloatPool, runFloatPool } from './pool-job.ts';
import { type FloatOperand, floatStage } from './stage.ts';

/** What follows a convolution, or comes alone. */
interface PointPipeline {
  readonly sdp: NvdlaSdp<Cube>;
  readonly pdp?: Pdp<Cube>;
}

/** Pipelines are formed once and run often. */
const stepsOf = new WeakMap<Conv<Cube>, FloatSteps | undefined>();

/** @param source of the weights @returns what is not finite @throws device/fault */
export function convolveFloats(
  host: KernelHost,
  conv: Conv<Cube>,
  core: ConvCore,
  source: StreamPlace,
  pipeline: PointPipeline,
  state: DeviceState,
): number | undefined {
  const { bus } = host;
  if (!stepsOf.has(conv)) stepsOf.set(conv, floatSteps(conv, core));
  const steps = stepsOf.get(conv);
  if (!steps || source.size < conv.output.channels * steps.length * 2) return undefined;
  const input = placeHalves(conv.input, bus, 'the convolution input');
  if (!input) return undefined;
  const shape: Shape4 = [1, core.accumulatorChannels, conv.output.height, conv.output.width];
  const stage = floatStage(host, pipeline.sdp, shape, state);
  const weights = bus.locate(source.address, source.size);
  const reads = [input, { address: weights, extent: source.size }];
  const target = stage && targetOf(host, pipeline, shape, reads, stage.operands);
  if (!target) return undefined;
  return runFloatConv({ host, conv, core, steps, input, weights, output: target.between, stage }) + target.finish();
}

/** @returns what is not finite @throws device/fault */
export function pointFloats(host: KernelHost, pipeline: PointPipeline, state: DeviceState): number | undefined {
  const { sdp } = pipeline;
  const from = placeHalfAtoms(sdp.input!, host.bus, 'the SDP input');
  if (!from) return undefined;
  const stage = floatStage(host, sdp, from.shape, state);
  const input: FloatOperand = { ...from, isTable: false, element: 2 };
  const target = stage && targetOf(host, pipeline, from.shape, [], [input, ...stage.operands]);
  if (!target) return undefined;
  const to = target.between;
  const { chunks, chunkPixels } = cutPixels(to, host.threads);
  const scratch = floats.scratchSums + chunkPixels * floats.sumBytes;
  host.run(layout.kindFloatPoint, (chunks * to.shape[1]) / 16, scratch, to.extent * 2, (job) => {
    job.input(from);
    job.output(to);
    job.set(floats.chunks, chunks);
    job.set(floats.chunkPixels, chunkPixels);
    stage.set(job);
  });
  return target.finish();
}

/** @returns what is not finite @throws device/fault */
export function poolFloats(host: KernelHost, pdp: Pdp<Cube>): number | undefined {
  const { bus } = host;
  const from = placeHalfAtoms(pdp.input!, bus, 'the pooling input');
  const plan = from && planFloatPool(pdp, from.shape);
  const to = plan && placeHalfAtoms(pdp.output, bus, 'the pooling output');
  if (!to || overlaps(from, to)) return undefined;
  host.writes(pdp.output.address, to.extent);
  return runFloatPool(host, plan, from, to);
}

/**
 * Where SDP's results go, and what follows. Undefined when they would overwrite what they are made from.
 * @param reads what must lie apart from them @param operands what may also lie at the same places, element by element
 */
function targetOf(
  host: KernelHost,
  { sdp, pdp }: PointPipeline,
  shape: Shape4,
  reads: readonly Pick<Placement, 'address' | 'extent'>[],
  operands: readonly FloatOperand[],
): { readonly between: Placement; readonly finish: () => number } | undefined {
  const { bus } = host;
  if (pdp) {
    const plan = planFloatPool(pdp, shape);
    const to = plan && placeHalfAtoms(pdp.output, bus, 'the pooling output');
    if (!to || reads.some((place) => !isApart(place, to))) return undefined;
    const between = placeBetween(host, shape);
    const finish = (): number => {
      host.writes(pdp.output.address, to.extent);
      return runFloatPool(host, plan, between, to);
    };
    return { between, finish };
  }
  const to = placeHalfAtoms(sdp.output!, bus, 'the SDP output');
  if (!to || to.shape.some((dim, axis) => dim !== shape[axis])) return undefined;
  const coincides = (operand: FloatOperand): boolean =>
    !operand.isTable &&
    operand.element === 2 &&
    operand.address === to.address &&
    operand.rowStep === to.rowStep &&
    operand.surfaceStep === to.surfaceStep;
  if (reads.some((place) => !isApart(place, to))) return undefined;
  if (operands.some((operand) => !isApart(operand, to) && !coincides(operand))) return undefined;
  host.writes(sdp.output!.address, to.extent);
  return { between: to, finish: () => 0 };
}

const isApart = (a: Pick<Placement, 'address' | 'extent'>, b: Placement): boolean =>
  a.address >= b.address + b.extent || b.address >= a.address + a.extent;
