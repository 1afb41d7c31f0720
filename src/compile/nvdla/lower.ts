/**
 * What the open NVDLA makes of an operation: launches of convolution, single-point and pooling stages over parts of
 * surfaces, weights in the order of the core, tables of operands. Channels that move to a place that is no whole atom away
 * go through a 1×1 convolution with ones and zeros: every launch writes whole atoms.
 */

import { fail } from '../../graph/errors.ts';
import { float32Values, numbers, type Tensor } from '../../graph/tensor.ts';
import { float16Bits } from '../../onnx/fold/float16.ts';
import { atomElements, kernelGroupOf } from '../../program/convolution-buffer.ts';
import type { Conv, IntegerScaleSdp, Pdp, Pipeline } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Target } from '../../targets/target.ts';
import type { Lower, Region, SurfaceTable } from '../emit.ts';
import { type ConvOperation, type Point, type Pooling, plainPoint } from '../operation.ts';
import type { GatherOperation, GatherPart, PlacedOperation } from '../place.ts';
import { quantiseKernels } from '../quantise.ts';
import { floatPoint } from './float-point.ts';
import { integerPoint } from './integer-point.ts';
import { packWeights } from './pack-weights.ts';
import { type ConvolutionLaunch, type ConvolutionWork, planConvolution } from './plan-convolution.ts';
import { averageOf, planPooling, pooledShape } from './plan-pooling.ts';

export interface NvdlaContext {
  readonly target: Target;
  readonly precision: 'int8' | 'float16';
  readonly scaleOf: (value: string) => number;
}

type Launches = readonly Pipeline<number>[];

export const lowerNvdla =
  (context: NvdlaContext): Lower =>
  (operation, name, surfaces) =>
    new Lowering(context, surfaces, name).launches(operation);

/** Units for a run of channels, and the output converter. */
type PointStage = (
  from: number,
  to: number,
  operand: number | undefined,
) => Omit<IntegerScaleSdp<number>, 'input' | 'output'>;

class Lowering {
  readonly #context: NvdlaContext;
  readonly #surfaces: SurfaceTable;
  readonly #name: string;
  readonly #atom: number;

  constructor(context: NvdlaContext, surfaces: SurfaceTable, name: string) {
    this.#context = context;
    this.#surfaces = surfaces;
    this.#name = name;
    this.#atom = atomElements(context.target, context.precision);
  }

  launches(operation: PlacedOperation): Launches {
    switch (operation.kind) {
      case 'conv':
        return this.#convolution(operation);
      case 'point':
        return this.#point(operation.input, operation.output, operation.point, operation.pool);
      case 'pool':
        return this.#pools(this.#surfaces.of(operation.input), this.#shapeOf(operation.input), operation);
      case 'gather':
        return this.#gather(operation);
      case 'copy':
        return this.#gather({ ...operation, kind: 'gather', parts: [operation] });
      case 'resize':
        throw new Error('the open NVDLA resizes nothing');
    }
  }

  #shapeOf(value: string): Shape4 {
    return this.#surfaces.drafts.get(value)!.shape;
  }

  #scaleOf(value: string): number {
    return this.#surfaces.drafts.get(value)?.scale ?? this.#context.scaleOf(value);
  }

  #convolution(operation: ConvOperation): Launches {
    const { target, precision } = this.#context;
    const { input, shape, pool } = operation;
    const image = this.#surfaces.formatOf(input) === 'dla_hwc4';
    const [n, channels, height, width] = this.#shapeOf(input);
    const work: ConvolutionWork = {
      target,
      precision,
      input: [n, image && channels > 1 ? 4 : channels, height, width],
      image,
      shape,
      pooled: pool !== undefined,
    };
    const second = this.#second(operation.point);
    const { weights, point } = this.#kernels({ ...operation, point: second?.point ?? operation.point }, work);
    const plan = this.#plan(work);
    const launches = plan.map((launch, index): Pipeline<number> => {
      const { fromChannel, toChannel, fromRow, toRow } = launch.output;
      const operand = second && this.#operandPart(second.surface, launch.output);
      const conv = this.#conv(launch, work, weights, {
        input: image ? this.#surfaces.of(input) : this.#surfaces.part(input, launch.input),
        name: plan.length === 1 ? `${this.#name}:weights` : `${this.#name}:weights:${index}`,
      });
      const sdp = point(fromChannel, toChannel, operand);
      if (pool === undefined) {
        return { kind: 'conv', conv, sdp: { ...sdp, output: this.#surfaces.part(operation.output, launch.output) } };
      }
      if (toRow - fromRow !== shape.output.height) throw new Error('a pooled convolution is not split by rows');
      const rows = { fromRow: 0, toRow: this.#shapeOf(operation.output)[2] };
      const output = this.#surfaces.part(operation.output, { ...launch.output, ...rows });
      return { kind: 'conv', conv, sdp, pdp: this.#pdp(pool, output) };
    });
    return [...(second?.before ?? []), ...launches];
  }

  /** The second operand of a stage; what subtracts gets the negative of it, made by a launch before. */
  #second(point: Point): { readonly surface: number; readonly point: Point; readonly before: Launches } | undefined {
    const { operand } = point;
    if (operand === undefined) return undefined;
    const surface = this.#surfaces.of(operand.value);
    if (operand.op !== 'sub') return { surface, point, before: [] };
    const scale = this.#scaleOf(operand.value);
    const shape = this.#shapeOf(operand.value);
    const output = this.#surfaces.inner(`${operand.value}:negative`, shape, scale);
    const negate: Point = { ...plainPoint, multiply: Float64Array.of(-1) };
    const stage = this.#stage(negate, scale, scale, shape[1]);
    return {
      surface: output,
      point: { ...point, operand: { ...operand, op: 'add' } },
      before: [{ kind: 'sdp', sdp: { ...stage(0, shape[1], undefined), input: surface, output } }],
    };
  }

  /** Of an operand with one number per channel, its channels. */
  #operandPart(surface: number, region: Region): number {
    const perChannel = this.#surfaces.shapeOf(surface)[2] === 1 && this.#surfaces.shapeOf(surface)[3] === 1;
    return this.#surfaces.region(surface, perChannel ? { ...region, fromRow: 0, toRow: 1 } : region);
  }

  #conv(
    launch: ConvolutionLaunch,
    work: ConvolutionWork,
    weights: Int8Array | Uint16Array,
    { input, name }: { readonly input: number; readonly name: string },
  ): Conv<number> {
    const { precision } = this.#context;
    const stream = packWeights(work, launch, weights);
    const { fromChannel, toChannel, fromRow, toRow } = launch.output;
    return {
      input,
      weights: this.#surfaces.vector(
        name,
        precision,
        precision === 'int8' ? new Int8Array(stream.buffer) : new Uint16Array(stream.buffer),
      ),
      kernel: launch.kernel,
      stride: launch.stride,
      dilation: launch.dilation,
      padding: launch.padding,
      padValue: 0,
      groups: 1,
      transposed: false,
      output: { channels: toChannel - fromChannel, height: toRow - fromRow, width: work.shape.output.width },
      sparse: false,
      truncate: 0,
      core: this.#core(launch, work),
    };
  }

  #plan(work: ConvolutionWork): readonly ConvolutionLaunch[] {
    const plan = planConvolution(work);
    if ('reason' in plan) return fail('compile/unsupported', plan.reason, { node: this.#name });
    return plan.launches;
  }

  #core(launch: ConvolutionLaunch, { image, input }: ConvolutionWork): NonNullable<Conv<number>['core']> {
    const { target, precision } = this.#context;
    const channels = launch.output.toChannel - launch.output.fromChannel;
    return {
      precision,
      kernelGroup: kernelGroupOf(target, precision),
      channelBlock: target.atomic.c,
      accumulatorChannels: Math.ceil(channels / this.#atom) * this.#atom,
      accumulatorBits: target.nvdla!.accumulatorBits,
      cbuf: launch.cbuf,
      ...(image && {
        image: { order: input[1] === 1 ? [0] : [0, 1, 2, 3], rowsPerBlock: launch.rowsPerBlock ?? 1 },
      }),
      reuse: launch.reuse,
      keep: launch.keep,
    };
  }

  /** Weights as the core multiplies them, and the point stage behind. */
  #kernels(operation: ConvOperation, work: ConvolutionWork): { weights: Int8Array | Uint16Array; point: PointStage } {
    const bias = operation.bias && Float64Array.from(numbers(operation.bias));
    const { channels } = operation.shape.output;
    if (this.#context.precision === 'float16') {
      const real = withImageComponents(floatWeights(operation, this.#name), operation.weights.shape, work);
      return { weights: Uint16Array.from(real, float16Bits), point: this.#floatStage(operation.point, channels, bias) };
    }
    const inputScale = this.#scaleOf(operation.input);
    const { weights, scales } = quantiseKernels(operation, inputScale);
    const inputScales = Float64Array.from(scales, (scale) => inputScale * scale);
    return {
      weights: Int8Array.from(withImageComponents(weights, operation.weights.shape, work)),
      point: this.#integerStage(operation.point, this.#scaleOf(operation.output), channels, inputScales, bias),
    };
  }

  #integerStage(
    point: Point,
    outputScale: number,
    channels: number,
    inputScales: Float64Array,
    bias?: Float64Array,
  ): PointStage {
    const units = integerPoint(point, {
      name: this.#name,
      channels,
      inputScales,
      ...(bias && { bias }),
      outputScale,
      ...(point.operand && { operandScale: this.#scaleOf(point.operand.value) }),
      ...(point.table && { tableScale: this.#scaleOf(point.table.input) }),
      atom: this.#atom,
      elementwise: this.#context.target.nvdla!.elementwise,
      surfaces: this.#surfaces,
    });
    return (from, to, operand) => ({
      arithmetic: 'integer-scale',
      ...units(from, to, operand),
      outputType: 'int8',
    });
  }

  #floatStage(point: Point, channels: number, bias?: Float64Array): PointStage {
    const units = floatPoint(point, {
      name: this.#name,
      channels,
      ...(bias && { bias }),
      atom: this.#atom,
      surfaces: this.#surfaces,
    });
    return (from, to, operand) => ({
      arithmetic: 'integer-scale',
      ...units(from, to, operand),
      convert: { offset: 0, scale: 1, shift: 0 },
      processing: 'float',
      outputType: 'float16',
    });
  }

  #stage(point: Point, inputScale: number, outputScale: number, channels: number): PointStage {
    return this.#context.precision === 'float16'
      ? this.#floatStage(point, channels)
      : this.#integerStage(point, outputScale, channels, Float64Array.of(inputScale));
  }

  #point(input: string, output: string, point: Point, pool: Pooling | undefined): Launches {
    const shape = this.#shapeOf(input);
    const second = this.#second(point);
    const stage = this.#stage(second?.point ?? point, this.#scaleOf(input), this.#scaleOf(output), shape[1]);
    const before = second?.before ?? [];
    const sdp = { ...stage(0, shape[1], second?.surface), input: this.#surfaces.of(input) };
    if (pool === undefined) return [...before, { kind: 'sdp', sdp: { ...sdp, output: this.#surfaces.of(output) } }];
    // PDP keeps its numbers: what rescales runs first, into a surface of the result's scale.
    const between = this.#surfaces.inner(`${output}:unpooled`, shape, this.#scaleOf(output));
    return [
      ...before,
      { kind: 'sdp', sdp: { ...sdp, output: between } },
      ...this.#pools(between, shape, { output, pool }),
    ];
  }

  #pools(
    input: number,
    shape: Shape4,
    { output, pool }: { readonly output: string; readonly pool: Pooling },
  ): Launches {
    const plan = planPooling(pool);
    if ('reason' in plan) return fail('compile/unsupported', plan.reason, { node: this.#name });
    const launches: Pipeline<number>[] = [];
    let [from, size] = [input, shape];
    for (const [index, step] of plan.pools.entries()) {
      size = pooledShape(size, step);
      const last = index === plan.pools.length - 1;
      const to = last
        ? this.#surfaces.of(output)
        : this.#surfaces.inner(`${output}:pooled`, size, this.#scaleOf(output));
      launches.push({ kind: 'pdp', pdp: { ...this.#pdp(step, to), input: from } });
      from = to;
    }
    return launches;
  }

  #pdp({ mode, kernel, stride, padding }: Pooling, output: number): Pdp<number> {
    const common = { mode, kernel, stride, padding, countPadding: true, output };
    const float = this.#context.precision === 'float16';
    return mode === 'average'
      ? { ...common, average: averageOf({ mode, kernel, stride, padding, countPadding: true }, float) }
      : common;
  }

  /**
   * Channels of one or more surfaces side by side. Atoms that parts share are made by one launch after the other: each adds
   * its channels to what those before it gave.
   */
  #gather({ output, parts }: GatherOperation): Launches {
    const [, channels] = this.#shapeOf(output);
    const launches: Pipeline<number>[] = [];
    for (const run of sharedRuns(parts, this.#atom, channels)) {
      let sum: number | undefined;
      for (const [index, part] of run.parts.entries()) {
        const last = index === run.parts.length - 1;
        const made = this.#select(part, run, sum, last ? output : undefined);
        launches.push(...made.launches);
        sum = made.sum;
      }
    }
    return launches;
  }

  /** One part of a run of output channels, and what is added to it. */
  #select(part: GatherPart, { from, to }: Run, sum: number | undefined, output: string | undefined) {
    const [n, inputs, height, width] = this.#shapeOf(part.input);
    const first = Math.floor(part.inputChannel / this.#atom) * this.#atom;
    const last = Math.min(Math.ceil((part.inputChannel + part.channels) / this.#atom) * this.#atom, inputs);
    const kernels = to - from;
    const weights = new Float32Array(kernels * (last - first));
    for (let c = 0; c < part.channels; c++) {
      weights[(part.outputChannel - from + c) * (last - first) + part.inputChannel - first + c] = 1;
    }
    const work: ConvolutionWork = {
      target: this.#context.target,
      precision: this.#context.precision,
      input: [n, last - first, height, width],
      image: false,
      shape: { ...pointwise, groups: 1, transposed: false, output: { channels: kernels, height, width } },
    };
    const integers =
      this.#context.precision === 'int8' ? Int8Array.from(weights) : Uint16Array.from(weights, float16Bits);
    const between =
      output === undefined
        ? this.#surfaces.inner(`${this.#name}:part`, [n, kernels, height, width], this.#scaleOf(part.input))
        : undefined;
    const name = `${this.#name}:selection:${part.outputChannel}`;
    const launches = this.#plan(work).map((launch): Pipeline<number> => {
      const { fromRow, toRow } = launch.output;
      const rows = { fromRow, toRow };
      const conv = this.#conv(launch, work, integers, {
        input: this.#surfaces.part(part.input, { fromChannel: first, toChannel: last, ...launchRows(launch.input) }),
        name,
      });
      const rowsOf = (surface: number): number =>
        this.#surfaces.region(surface, { fromChannel: 0, toChannel: kernels, ...rows });
      const written =
        output === undefined
          ? rowsOf(between!)
          : this.#surfaces.part(output, { fromChannel: from, toChannel: to, ...rows });
      return {
        kind: 'conv',
        conv,
        sdp: { ...this.#sum(sum === undefined ? undefined : rowsOf(sum)), output: written },
      };
    });
    return { launches, sum: between };
  }

  /** Hands the accumulator on, with the numbers of another surface added. */
  #sum(operand: number | undefined): Omit<IntegerScaleSdp<number>, 'input' | 'output'> {
    const float = this.#context.precision === 'float16';
    return {
      arithmetic: 'integer-scale',
      ...(operand !== undefined && { x1: { ...adding, operand } }),
      convert: { offset: 0, scale: 1, shift: 0 },
      ...(float && { processing: 'float' }),
      outputType: float ? 'float16' : 'int8',
    };
  }
}

const launchRows = ({ fromRow, toRow }: Region) => ({ fromRow, toRow });

const adding = {
  alu: 'sum',
  mul: false,
  source: 'point',
  operandUse: 'alu',
  aluOperand: 0,
  mulOperand: 0,
  aluShift: 0,
  truncate: 0,
  activation: 'none',
} as const;

const pointwise = {
  kernel: { h: 1, w: 1 },
  stride: { h: 1, w: 1 },
  dilation: { h: 1, w: 1 },
  padding: { top: 0, left: 0, bottom: 0, right: 0 },
} as const;

interface Run {
  /** Output channels, from whole atom to whole atom. */
  readonly from: number;
  readonly to: number;
  readonly parts: readonly GatherPart[];
}

/** Parts that share an atom belong together, with all atoms that any of them touches. */
function sharedRuns(parts: readonly GatherPart[], atom: number, channels: number): readonly Run[] {
  const runs: { from: number; to: number; parts: GatherPart[] }[] = [];
  for (const part of parts.toSorted((a, b) => a.outputChannel - b.outputChannel)) {
    const from = Math.floor(part.outputChannel / atom) * atom;
    const to = Math.min(Math.ceil((part.outputChannel + part.channels) / atom) * atom, channels);
    const run = runs.at(-1);
    if (run === undefined || from >= run.to) runs.push({ from, to, parts: [part] });
    else {
      run.to = Math.max(run.to, to);
      run.parts.push(part);
    }
  }
  return runs;
}

function floatWeights({ weights }: ConvOperation, node: string): Float32Array {
  const values = asFloats(weights);
  const wrong = values.findIndex((value) => !(Math.abs(value) < 65_520));
  if (wrong >= 0) fail('calibrate/value', 'a weight does not fit float16', { node }, { actual: values[wrong]! });
  return values;
}

const asFloats = (tensor: Tensor): Float32Array =>
  tensor.dtype === 'float32' ? float32Values(tensor) : Float32Array.from(numbers(tensor));

/** An image of three channels has pixels of four components: the last one meets zeros. */
function withImageComponents<T extends Float32Array | Int8Array>(
  weights: T,
  [k = 1, c = 1, r = 1, s = 1]: readonly number[],
  { image, input }: ConvolutionWork,
): T {
  if (!image || input[1] === c) return weights;
  const kernel = r * s;
  const padded = (
    weights instanceof Int8Array ? new Int8Array(k * input[1] * kernel) : new Float32Array(k * input[1] * kernel)
  ) as T;
  for (let index = 0; index < k; index++) {
    padded.set(weights.subarray(index * c * kernel, (index + 1) * c * kernel), index * input[1] * kernel);
  }
  return padded;
}
