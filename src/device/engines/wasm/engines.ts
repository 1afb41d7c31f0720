/**
 * The fast engines of orin and xavier: WebAssembly SIMD kernels, on one thread or several, bit for bit equal to the
 * scalar reference (reference/).
 *
 * What runs where. Every pipeline of theirs runs on the kernels; formats other than whole atoms are brought into them and back
 * by the copy kernel. There is no fallback to the scalar engines: what neither knows is refused alike.
 *
 *     conv (one group, chw32, ≥ 16 channels)     assembly/convolution.ts, direct
 *     conv (depthwise, chw32)                    assembly/depthwise.ts
 *     conv (groups, few channels, image formats,
 *           deconvolution)                       assembly/convolution.ts, compact
 *     conv of float16                            assembly/float16/convolution.ts
 *     sdp after conv; sdp alone                  assembly/finish.ts in the tile's epilogue (float16/finish.ts where a launch touches
 *                                                float16); assembly/point.ts
 *     pdp                                        assembly/pool.ts; after conv or sdp by way of scratch memory
 *     resize                                     assembly/resize.ts; of float16, both assembly/float16/images.ts
 *     softmax, lrn                               assembly/float16/pencils.ts
 *     copy                                       assembly/copy.ts
 *     integer-scale SDP, CDP, other element types device/unsupported, as in the reference
 *
 * Counters are exact and the same in all engines, saturation included: two compares and two subtractions for four
 * results, under 2 % of a small convolution's time.
 */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { isNvdlaSdp, type JetsonSdp, type Pdp, type Pipeline, resultType, type Sdp } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import type { ImmediateEngines } from '../../state.ts';
import { convGeometry, weightCount } from '../reference/convolution.ts';
import { checkCopy } from '../reference/copy.ts';
import { checkChain, launchResult } from '../reference/engines.ts';
import { expectShape, readConstant } from '../reference/feature.ts';
import { checkLrn } from '../reference/float16/lrn.ts';
import { checkSoftmax } from '../reference/float16/softmax.ts';
import { checkPooling } from '../reference/pooling.ts';
import { checkResize } from '../reference/resize.ts';
import { runConv } from './conv-job.ts';
import { asAtoms, runCopy, scratchAtoms, toAtoms } from './copy-job.ts';
import { runHalfConv } from './float16/conv-job.ts';
import { runLrn, runSoftmax } from './float16/pencil-jobs.ts';
import { runPool, runResize } from './image-jobs.ts';
import { KernelHost } from './kernel-host.ts';
import { NvdlaEngine } from './nvdla/engine.ts';
import { coincides, overlaps, type Placement, placeCube } from './placement.ts';
import { type PointStage, readPointStage, runPoint } from './point-job.ts';
import type { ThreadSpawner } from './thread-pool.ts';

export interface WasmOptions {
  /** Threads that work on a launch, the launching one included. More than one needs a shared bus and a spawner. */
  readonly threads: number;
  readonly spawn?: ThreadSpawner;
  /** Elementary steps from which on a launch wakes helpers; 200,000 unless given. */
  readonly shareFrom?: number;
}

export interface WasmEngines extends ImmediateEngines {
  /** Launches of the open NVDLA that the scalar reference ran (nvdla/engine.ts). */
  readonly fallbacks: number;
  /** Launches of the open NVDLA that were done once more as they had been recorded (recording.ts). */
  readonly repeats: number;
}

/**
 * Compiles the kernels for a bus (shared or not) and starts the helper threads. The engines serve that bus alone.
 * @throws TypeError when several threads are asked for without shared memory or a spawner
 */
export async function createWasmEngines(bus: Bus, options: WasmOptions): Promise<WasmEngines> {
  const host = await KernelHost.create(bus, options);
  const nvdla = new NvdlaEngine(host);
  return {
    kind: 'immediate',
    name: `wasm, ${host.threads} ${host.threads === 1 ? 'thread' : 'threads'}`,
    dispatch(pipeline, launchBus, state) {
      if (launchBus !== bus) throw new TypeError('these engines were made for another bus');
      if (state.nvdla) return nvdla.run(pipeline, state);
      checkChain(pipeline);
      const { macs, saturated } = runPipeline(host, pipeline);
      return launchResult(pipeline, macs, saturated);
    },
    get fallbacks() {
      return nvdla.fallbacks;
    },
    get repeats() {
      return nvdla.repeats;
    },
    close() {
      nvdla.close();
      host.close();
    },
  };
}

interface Work {
  readonly macs: number;
  readonly saturated: number;
}

const noWork: Work = { macs: 0, saturated: 0 };

function runPipeline(host: KernelHost, pipeline: Pipeline<Cube>): Work {
  switch (pipeline.kind) {
    case 'conv':
      return runConvPipeline(host, pipeline);
    case 'sdp':
      return runPointPipeline(host, pipeline);
    case 'pdp': {
      const { pdp } = pipeline;
      poolInto(host, pdp, pdp.input!, (output) => {
        const input = placeCube(pdp.input!, host.bus, 'the pooling input');
        return { input, direct: !overlaps(input, output) };
      });
      return noWork;
    }
    case 'resize': {
      const { resize } = pipeline;
      checkResize(resize);
      const input = placeCube(resize.input, host.bus, 'the resize input');
      const output = placeOutput(host, resize.output, 'the resize output');
      const from = asAtoms(host, input, 'input');
      toAtoms(host, output, !overlaps(input, output), (to) => runResize(host, resize, from, to));
      return noWork;
    }
    case 'lrn':
      checkLrn(pipeline.lrn);
      pencilsInto(host, pipeline.lrn, (from, to) => runLrn(host, pipeline.lrn, from, to));
      return noWork;
    case 'softmax':
      checkSoftmax(pipeline.softmax);
      pencilsInto(host, pipeline.softmax, (from, to) => runSoftmax(host, pipeline.softmax, from, to));
      return noWork;
    case 'copy':
      return runCopyPipeline(host, pipeline);
    case 'cdp':
      return fail('device/unsupported', 'these engines have no CDP');
  }
}

type PipelineOf<K extends Pipeline<Cube>['kind']> = Extract<Pipeline<Cube>, { readonly kind: K }>;

function runConvPipeline(host: KernelHost, { conv, sdp, pdp }: PipelineOf<'conv'>): Work {
  const { bus } = host;
  const geometry = convGeometry(conv);
  const { kernels, output: shape } = geometry;
  const half = conv.input.dtype === 'float16';
  checkWeights(conv.weights, half ? 'float16' : 'int8', weightCount(conv, geometry), bus);
  if (half && conv.bias) fail('device/fault', 'the bias of an FP16 convolution is in its SDP');
  const bias = conv.bias && readConstant(conv.bias, 'int32', [kernels], bus, 'the bias');
  const stage = readPointStage(jetson(sdp), shape, bus, bias);
  const input = placeCube(conv.input, bus, 'the convolution input');
  const saturated = pointInto(host, sdp, pdp, stage, shape, input, false, (output) =>
    (half ? runHalfConv : runConv)({ host, conv, geometry, input, output, stage }),
  );
  return { macs: geometry.macs, saturated };
}

function runPointPipeline(host: KernelHost, { sdp, pdp }: PipelineOf<'sdp'>): Work {
  const { shape } = sdp.input!;
  const input = placeCube(sdp.input!, host.bus, 'the SDP input');
  const stage = readPointStage(jetson(sdp), shape, host.bus);
  const from = asAtoms(host, input, 'input');
  const saturated = pointInto(host, sdp, pdp, stage, shape, input, true, (to) => runPoint(host, stage, from, to));
  return { macs: 0, saturated };
}

/** Runs a stage that ends in the single-point stage into its surface, or through scratch memory into pooling. */
function pointInto(
  host: KernelHost,
  sdp: Sdp<Cube>,
  pdp: Pdp<Cube> | undefined,
  stage: PointStage,
  shape: Shape4,
  input: Placement,
  pointwise: boolean,
  work: (output: Placement) => number,
): number {
  if (pdp) {
    let saturated = 0;
    poolInto(host, pdp, { shape, dtype: resultType(sdp) }, () => {
      const between = scratchAtoms(host, 'between', shape, stage.ending.half ? 2 : 1);
      saturated = work(between);
      return { input: between, direct: true };
    });
    return saturated;
  }
  expectShape(sdp.output!.shape, shape, 'the SDP output');
  const output = placeOutput(host, sdp.output!, 'the SDP output');
  const free = (source: Placement, samePoint: boolean) =>
    !overlaps(source, output) || (samePoint && coincides(source, output));
  const { operand } = stage;
  return toAtoms(host, output, free(input, pointwise) && (!operand || free(operand.place, !operand.broadcast)), work);
}

function poolInto(
  host: KernelHost,
  pdp: Pdp<Cube>,
  { shape, dtype }: Pick<Cube, 'shape' | 'dtype'>,
  prepare: (output: Placement) => { readonly input: Placement; readonly direct: boolean },
): void {
  checkPooling(pdp, shape, dtype);
  const output = placeOutput(host, pdp.output, 'the pooling output');
  const { input, direct } = prepare(output);
  const from = asAtoms(host, input, 'input');
  toAtoms(host, output, direct, (to) => runPool(host, pdp, from, to));
}

/** Runs a stage that reads and writes whole pencils: a surface may be its own result. */
function pencilsInto(
  host: KernelHost,
  stage: { readonly input: Cube; readonly output: Cube },
  work: (from: Placement, to: Placement) => void,
): void {
  const input = placeCube(stage.input, host.bus, 'the input');
  const output = placeOutput(host, stage.output, 'the output');
  const from = asAtoms(host, input, 'input');
  toAtoms(host, output, !overlaps(input, output) || coincides(input, output), (to) => work(from, to));
}

function runCopyPipeline(host: KernelHost, { copy }: PipelineOf<'copy'>): Work {
  checkCopy(copy);
  const input = placeCube(copy.input, host.bus, 'the copy input');
  const output = placeOutput(host, copy.output, 'the copy output');
  if (overlaps(input, output)) {
    const aside = scratchAtoms(host, 'input', input.shape, input.elementBytes);
    runCopy(host, input, aside, { inputChannel: 0, outputChannel: 0, channels: input.shape[1] });
    runCopy(host, aside, output, copy);
  } else {
    runCopy(host, input, output, copy);
  }
  return noWork;
}

function jetson(sdp: Sdp<Cube>): JetsonSdp<Cube> {
  return isNvdlaSdp(sdp) ? fail('device/unsupported', 'these engines have no integer-scale SDP') : sdp;
}

function checkWeights(cube: Cube, dtype: 'int8' | 'float16', wanted: number, bus: Bus): void {
  const elements = cube.shape.reduce((product, dim) => product * dim, 1);
  if (cube.dtype !== dtype || elements !== wanted) {
    fail(
      'device/fault',
      'the weights have the wrong type or size',
      {},
      { expected: `${dtype}, ${wanted} elements`, actual: `${cube.dtype}, ${elements}` },
    );
  }
  bus.locate(cube.address, wanted * elementSize[dtype]);
}

/** An output: its window's version rises, so that nothing derived from what it held is used again. */
function placeOutput(host: KernelHost, cube: Cube, what: string): Placement {
  const place = placeCube(cube, host.bus, what);
  host.bus.locateForWrite(cube.address, place.extent);
  return place;
}
