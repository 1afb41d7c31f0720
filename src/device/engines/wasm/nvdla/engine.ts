/**
 * Pipelines of the open NVDLA on kernels, bit for bit what the scalar reference (reference/nvdla/) computes.
 *
 *     conv → sdp (→ pdp), int8                nvdla/conv-job.ts: features, pixels, converted input
 *     sdp (→ pdp), int8                       assembly/nvdla/point.ts
 *     pdp, int8                               assembly/nvdla/pool.ts
 *     the same in float16                     float16/engine.ts
 *
 * The reference runs the rest, and {@link NvdlaEngine.fallbacks} counts it: 16-bit integers, CDP, data kept in the
 * convolution buffer, weights whose sums could leave int32, cubes that overlap what they are made from, numbers that
 * no register holds. A launch is refused by the one as by the other.
 */

import {
  type Conv,
  type ConvCore,
  isNvdlaSdp,
  looksUp,
  type NvdlaSdp,
  type Pdp,
  type Pipeline,
} from '../../../../program/layer.ts';
import type { Shape4 } from '../../../../program/surface.ts';
import type { Window } from '../../../bus.ts';
import type { Cube, LaunchResult } from '../../../launch.ts';
import type { DeviceState, NvdlaState } from '../../../state.ts';
import { checkChain, launchResult, referenceEngines } from '../../reference/engines.ts';
import { convolutionMacs } from '../../reference/nvdla/convolution.ts';
import type { LookupTable } from '../../reference/nvdla/lookup-table.ts';
import { nvdlaStages } from '../../reference/nvdla/stages.ts';
import { runStages } from '../../reference/stages.ts';
import * as layout from '../job.ts';
import type { KernelHost } from '../kernel-host.ts';
import { overlaps, type Placement, placeCube } from '../placement.ts';
import type { Recording } from '../recording.ts';
import { type IntegerConv, inputOrder, runIntegerConv } from './conv-job.ts';
import { computesInFloats, countFloats } from './float16/counts.ts';
import { convolveFloats, pointFloats, poolFloats } from './float16/engine.ts';
import * as integers from './job.ts';
import { atomOf, blockShift, integerAtomsSize, placeIntegerAtoms, placeWholeAtoms } from './placement.ts';
import { planPool, runIntegerPool } from './pool-job.ts';
import { type IntegerStage, integerStage } from './stage.ts';
import { PackedStreams, type StreamPlace } from './weights.ts';

type PipelineOf<K extends Pipeline<Cube>['kind']> = Extract<Pipeline<Cube>, { readonly kind: K }>;

/** How a pipeline was run. */
interface Known {
  readonly recording: Recording;
  /** The lookup table that was laid. */
  readonly table: LookupTable | undefined;
}

interface KeptWeights {
  readonly source: StreamPlace;
  readonly window: Window;
  readonly version: number;
}

export class NvdlaEngine {
  readonly #host: KernelHost;
  readonly #reference = referenceEngines();
  readonly #streams: PackedStreams;
  /** Where weights that stayed in the convolution buffer came from. */
  readonly #kept = new WeakMap<Uint8Array, KeptWeights>();
  readonly #known = new WeakMap<Pipeline<Cube>, Known>();
  #fallbacks = 0;
  #repeats = 0;

  constructor(host: KernelHost) {
    this.#host = host;
    this.#streams = new PackedStreams(host.bus);
  }

  /** Launches that the scalar reference ran. */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  /** Launches that were done once more as they had been recorded. */
  get repeats(): number {
    return this.#repeats;
  }

  /** @throws device/fault, device/unsupported */
  run(pipeline: Pipeline<Cube>, state: DeviceState): LaunchResult {
    checkChain(pipeline);
    if (state.nvdla?.counts?.needed) this.#count(pipeline, state);
    const counted = this.#runAgain(pipeline, state) ?? this.#runAnew(pipeline, state);
    if (counted === undefined) {
      this.#fallbacks++;
      return this.#reference.dispatch(pipeline, this.#host.bus, state);
    }
    const isFloat = computesInFloats(pipeline);
    if (isFloat) countFloats(this.#host, pipeline, counted, state.nvdla?.counts);
    const saturated = isFloat ? 0 : counted;
    return launchResult(pipeline, pipeline.kind === 'conv' ? convolutionMacs(pipeline.conv) : 0, saturated);
  }

  /** Repeats a launch that was recorded, where nothing has changed since. */
  #runAgain(pipeline: Pipeline<Cube>, { nvdla }: DeviceState): number | undefined {
    const known = this.#known.get(pipeline);
    if (!known?.recording.isCurrent || (known.table && known.table !== nvdla?.sdpTable)) return undefined;
    if (pipeline.kind === 'conv') releaseBuffer(nvdla);
    this.#repeats++;
    return this.#host.replay(known.recording);
  }

  #runAnew(pipeline: Pipeline<Cube>, state: DeviceState): number | undefined {
    const { result: counted, recording } = this.#host.record(() => this.#runFast(pipeline, state));
    if (counted === undefined || !isRepeatable(pipeline)) this.#known.delete(pipeline);
    else this.#known.set(pipeline, { recording, table: tableOf(pipeline, state) });
    return counted;
  }

  /** Lets the reference count what kernels do not, on a copy of the state and writing nothing: the launch is still to do. */
  #count(pipeline: Pipeline<Cube>, state: DeviceState): void {
    const { bus } = this.#host;
    runStages(pipeline, { ...nvdlaStages, write: () => {} }, bus, { ...state, nvdla: { ...state.nvdla } });
    delete state.nvdla?.counts;
  }

  close(): void {
    this.#streams.close();
  }

  /**
   * @returns saturated results, of floats what is not finite; undefined, with nothing written, for what is left to the
   *   reference
   */
  #runFast(pipeline: Pipeline<Cube>, state: DeviceState): number | undefined {
    switch (pipeline.kind) {
      case 'conv':
        return this.#runConv(pipeline, state);
      case 'sdp':
        return this.#runPoint(pipeline, state);
      case 'pdp':
        return this.#runPool(pipeline.pdp);
      default:
        return undefined;
    }
  }

  #runConv(pipeline: PipelineOf<'conv'>, state: DeviceState): number | undefined {
    const { conv, sdp } = pipeline;
    const { core, input } = conv;
    if (!isNvdlaSdp(sdp) || !core || core.reuse.data || core.keep.data) return undefined;
    if (core.precision === 'float16') return this.#runFloatConv({ ...pipeline, sdp }, core, state);
    if (!isPlainConv(conv, core)) return undefined;
    const { bus } = this.#host;
    const order = inputOrder(conv, core);
    const source = this.#weightSource(conv, core, state);
    if (!order || !source) return undefined;
    const weights = this.#streams.locate(conv, core, source, order);
    if (!weights) return undefined;
    this.#host.reads(source.address, source.size);
    const { height, width } = conv.output;
    const shape: Shape4 = [1, core.accumulatorChannels, height, width];
    const from = placeCube(input, bus, 'the convolution input');
    const stage = integerStage(this.#host, sdp, shape, conv.truncate, state);
    const target = stage && this.#target(pipeline, shape, stage, from, atomOf(input));
    if (!target) return undefined;
    const run: IntegerConv = { host: this.#host, conv, core, weights, input: from, output: target.between, stage };
    const saturated = runIntegerConv(run);
    if (saturated === undefined) return undefined;
    this.#keepWeights(conv, core, source, state);
    target.finish();
    return saturated;
  }

  #runFloatConv(
    pipeline: PipelineOf<'conv'> & { readonly sdp: NvdlaSdp<Cube> },
    core: ConvCore,
    state: DeviceState,
  ): number | undefined {
    const { conv } = pipeline;
    const source = this.#weightSource(conv, core, state);
    const counted = source && convolveFloats(this.#host, conv, core, source, pipeline, state);
    if (counted !== undefined) this.#keepWeights(conv, core, source!, state);
    return counted;
  }

  #runPoint(pipeline: PipelineOf<'sdp'>, state: DeviceState): number | undefined {
    const { sdp } = pipeline;
    if (!isNvdlaSdp(sdp)) return undefined;
    if (sdp.arithmetic === 'nvdla-float16') return pointFloats(this.#host, { ...pipeline, sdp }, state);
    const from = placeWholeAtoms(sdp.input!, this.#host.bus, 'the SDP input');
    if (!from) return undefined;
    const { shape } = from;
    const stage = integerStage(this.#host, sdp, shape, 0, state);
    const target = stage && this.#target(pipeline, shape, stage, from, from.atom);
    if (!target) return undefined;
    const to = target.between;
    const pixels = shape[2] * shape[3];
    const units = Math.ceil(pixels / (layout.mostTiles * 4));
    const saturated = this.#host.run(layout.kindIntegerPoint, units, 0, pixels * shape[1] * 2, (job) => {
      job.input(from);
      job.output(to);
      job.set(integers.inBlocks, blockShift(from.atom));
      job.set(integers.outBlocks, blockShift(to.atom));
      stage.set(job);
    });
    target.finish();
    return saturated;
  }

  #runPool(pdp: Pdp<Cube>): number | undefined {
    if (pdp.output.dtype === 'float16') return poolFloats(this.#host, pdp);
    const { bus } = this.#host;
    const from = placeWholeAtoms(pdp.input!, bus, 'the pooling input');
    const plan = from && planPool(pdp, from.shape);
    const to = plan && placeWholeAtoms(pdp.output, bus, 'the pooling output');
    if (!to || to.atom !== from.atom || overlaps(from, to)) return undefined;
    this.#host.writes(pdp.output.address, to.extent);
    runIntegerPool(this.#host, plan, from, to);
    return 0;
  }

  /** Where SDP's results go, and what follows. Undefined when they would overwrite what they are made from. */
  #target(
    { sdp, pdp }: PipelineOf<'conv'> | PipelineOf<'sdp'>,
    shape: Shape4,
    stage: IntegerStage,
    input: Placement,
    /** Bytes of the input's atom, where an output element needs the input element at its own point only. */
    pointAtom: number | undefined,
  ): { readonly between: Placement; readonly finish: () => void } | undefined {
    const { bus } = this.#host;
    if (pdp) {
      const plan = planPool(pdp, shape);
      const to = plan && placeWholeAtoms(pdp.output, bus, 'the pooling output');
      if (!to) return undefined;
      const between = placeIntegerAtoms(
        this.#host.scratch.take('between', integerAtomsSize(shape) + 64),
        shape,
        to.atom,
      );
      const finish = (): void => {
        this.#host.writes(pdp.output.address, to.extent);
        runIntegerPool(this.#host, plan, between, to);
      };
      return { between, finish };
    }
    const to = placeWholeAtoms(sdp.output!, bus, 'the SDP output');
    if (!to || to.shape.some((dim, axis) => dim !== shape[axis])) return undefined;
    const isPointwise = sdp.input !== undefined;
    const lies = (place: Omit<IntegerStage['operands'][number], 'elementBytes'>): boolean =>
      place.address === to.address &&
      place.atom === to.atom &&
      place.rowStep === to.rowStep &&
      place.surfaceStep === to.surfaceStep;
    if (overlaps(input, to) && !(isPointwise && pointAtom !== undefined && lies(input))) return undefined;
    for (const operand of stage.operands) {
      const isApart = operand.address >= to.address + to.extent || to.address >= operand.address + operand.extent;
      if (!isApart && !(operand.elementBytes === 1 && lies(operand))) return undefined;
    }
    this.#host.writes(sdp.output!.address, to.extent);
    return { between: to, finish: () => {} };
  }

  /** Weights in memory, or those that an earlier launch left behind if memory still holds them. */
  #weightSource(conv: Conv<Cube>, { reuse }: ConvCore, state: DeviceState): StreamPlace | undefined {
    if (!reuse.weights) return conv.weights;
    const kept = state.nvdla?.keptWeights && this.#kept.get(state.nvdla.keptWeights);
    const isCurrent = kept?.window.mapped && kept.window.version === kept.version;
    return isCurrent ? kept.source : undefined;
  }

  #keepWeights(conv: Conv<Cube>, { keep, reuse }: ConvCore, source: StreamPlace, { nvdla }: DeviceState): void {
    if (!nvdla) return;
    if (!keep.weights) {
      releaseBuffer(nvdla);
      return;
    }
    delete nvdla.keptData;
    if (reuse.weights) return;
    const { bus } = this.#host;
    const bytes = bus.read(conv.weights.address, conv.weights.size);
    const window = bus.window(source.address, source.size);
    nvdla.keptWeights = bytes;
    this.#kept.set(bytes, { source, window, version: window.version });
  }
}

/** A convolution that keeps nothing leaves nothing in the convolution buffer. */
function releaseBuffer(nvdla: NvdlaState | undefined): void {
  if (nvdla?.keptData) delete nvdla.keptData;
  if (nvdla?.keptWeights) delete nvdla.keptWeights;
}

/** Whether a launch depends on nothing but memory and lookup tables, and leaves nothing else. */
const isRepeatable = (pipeline: Pipeline<Cube>): boolean =>
  pipeline.kind !== 'conv' || !(pipeline.conv.core!.reuse.weights || pipeline.conv.core!.keep.weights);

/** The lookup table that a launch depends on. */
function tableOf(pipeline: Pipeline<Cube>, { nvdla }: DeviceState): LookupTable | undefined {
  if (pipeline.kind !== 'conv' && pipeline.kind !== 'sdp') return undefined;
  const { sdp } = pipeline;
  return isNvdlaSdp(sdp) && looksUp(sdp.y) ? nvdla?.sdpTable : undefined;
}

/** What the kernels know of the convolution core. */
function isPlainConv(conv: Conv<Cube>, core: ConvCore): boolean {
  const { image } = core;
  return (
    core.precision === 'int8' &&
    conv.input.dtype === 'int8' &&
    conv.input.shape[0] === 1 &&
    core.accumulatorBits >= 32 &&
    core.accumulatorChannels % 8 === 0 &&
    core.accumulatorChannels >= conv.output.channels &&
    (conv.padValue << 24) >> 24 === conv.padValue &&
    (!image || image.order.every((place) => place < conv.input.shape[1]))
  );
}
