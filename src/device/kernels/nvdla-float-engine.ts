/**
 * Float16 pipelines of nv_full on kernels, bit for bit what the scalar reference (nvdla/float*.ts) computes.
 *
 *     conv → sdp (→ pdp)      assembly/nvdla-float-conv.ts, from features or pixels
 *     sdp (→ pdp)             assembly/nvdla-float-point.ts
 *     pdp                     assembly/nvdla-float-pool.ts
 *
 * Undefined, with nothing written, is what is left to the reference (nvdla-engine.ts).
 */

import type { Conv, ConvCore, IntegerScaleSdp, Pdp } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Cube } from '../cube.ts';
import * as layout from './job.ts';
import type { KernelHost } from './kernel-host.ts';
import { cutPixels, type FloatSteps, floatSteps, runFloatConv } from './nvdla-float-conv-job.ts';
import * as floats from './nvdla-float-job.ts';
import { halfAtomsSize, packHalfAtoms, placeHalfAtoms, placeHalves } from './nvdla-float-placement.ts';
import { planFloatPool, runFloatPool } from './nvdla-float-pool-job.ts';
import { type FloatOperand, floatStage } from './nvdla-float-stage.ts';
import type { StreamPlace } from './nvdla-weights.ts';
import { overlaps, type Placement } from './placement.ts';

/** What follows a convolution, or comes alone. */
interface PointPipeline {
  readonly sdp: IntegerScaleSdp<Cube>;
  readonly pdp?: Pdp<Cube>;
}

/** Pipelines are formed once and run often. */
const stepsOf = new WeakMap<Conv<Cube>, FloatSteps | undefined>();

/** @param source of the weights @throws device/fault */
export function convolveFloats(
  host: KernelHost,
  conv: Conv<Cube>,
  core: ConvCore,
  source: StreamPlace,
  pipeline: PointPipeline,
): true | undefined {
  const { bus } = host;
  if (!stepsOf.has(conv)) stepsOf.set(conv, floatSteps(conv, core));
  const steps = stepsOf.get(conv);
  if (!steps || source.size < conv.output.channels * steps.length * 2) return undefined;
  const input = placeHalves(conv.input, bus, 'the convolution input');
  if (!input) return undefined;
  const shape: Shape4 = [1, core.accumulatorChannels, conv.output.height, conv.output.width];
  const stage = floatStage(bus, pipeline.sdp, shape);
  const weights = bus.locate(source.address, source.size);
  // The input is taken apart before anything is written.
  const reads = stage && [{ address: weights, extent: source.size }];
  const target = stage && targetOf(host, pipeline, shape, reads!, stage.operands);
  if (!target) return undefined;
  runFloatConv({ host, conv, core, steps, input, weights, output: target.between, stage });
  target.finish();
  return true;
}

/** @throws device/fault */
export function pointFloats(host: KernelHost, pipeline: PointPipeline): true | undefined {
  const { sdp } = pipeline;
  const from = placeHalfAtoms(sdp.input!, host.bus, 'the SDP input');
  if (!from) return undefined;
  const stage = floatStage(host.bus, sdp, from.shape);
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
  target.finish();
  return true;
}

/** @throws device/fault */
export function poolHalves(host: KernelHost, pdp: Pdp<Cube>): true | undefined {
  const { bus } = host;
  const from = placeHalfAtoms(pdp.input!, bus, 'the pooling input');
  const plan = from && planFloatPool(pdp, from.shape);
  const to = plan && placeHalfAtoms(pdp.output, bus, 'the pooling output');
  if (!to || overlaps(from, to)) return undefined;
  bus.locateForWrite(pdp.output.address, to.extent);
  runFloatPool(host, plan, from, to);
  return true;
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
): { readonly between: Placement; readonly finish: () => void } | undefined {
  const { bus, scratch } = host;
  if (pdp) {
    const plan = planFloatPool(pdp, shape);
    const to = plan && placeHalfAtoms(pdp.output, bus, 'the pooling output');
    if (!to) return undefined;
    const between = packHalfAtoms(scratch.take('between', halfAtomsSize(shape)), shape);
    const finish = (): void => {
      bus.locateForWrite(pdp.output.address, to.extent);
      runFloatPool(host, plan, between, to);
    };
    return { between, finish };
  }
  const to = placeHalfAtoms(sdp.output!, bus, 'the SDP output');
  if (!to || to.shape.some((dim, axis) => dim !== shape[axis])) return undefined;
  const isApart = ({ address, extent }: Pick<Placement, 'address' | 'extent'>): boolean =>
    address >= to.address + to.extent || to.address >= address + extent;
  const coincides = (operand: FloatOperand): boolean =>
    !operand.isTable &&
    operand.element === 2 &&
    operand.address === to.address &&
    operand.rowStep === to.rowStep &&
    operand.surfaceStep === to.surfaceStep;
  if (!reads.every(isApart) || !operands.every((operand) => isApart(operand) || coincides(operand))) return undefined;
  bus.locateForWrite(sdp.output!.address, to.extent);
  return { between: to, finish: () => {} };
}
