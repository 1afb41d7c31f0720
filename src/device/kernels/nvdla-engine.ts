/**
 * Pipelines of the open NVDLA: INT8 convolutions multiply in the kernels that orin's use, and what follows is done here on
 * their int32 accumulators, in numbers that doubles hold exactly. Everything else (16-bit types, single-point and pooling
 * launches of their own, what is kept in the convolution buffer) runs on the scalar reference, which computes the same.
 */

import type { Conv, IntegerScaleSdp, Pipeline, SdpUnit } from '../../program/layer.ts';
import type { Bus, Window } from '../bus.ts';
import type { Cube } from '../cube.ts';
import type { LaunchResult } from '../launch.ts';
import { convolutionMacs } from '../nvdla/convolution.ts';
import { type ConvolutionSteps, convolutionSteps, unpackWeights } from '../nvdla/convolution-steps.ts';
import { readOperand } from '../nvdla/feature.ts';
import { roundShift, saturate } from '../nvdla/integer.ts';
import { nvdlaStages } from '../nvdla/stages.ts';
import { convGeometry } from '../reference/convolution.ts';
import { checkChain, launchResult, referenceEngines } from '../reference/engines.ts';
import type { DeviceState } from '../state.ts';
import { runConv } from './conv-job.ts';
import { asAtoms } from './copy-job.ts';
import type { KernelHost } from './kernel-host.ts';
import { isAtoms, type Placement, placeCube } from './placement.ts';
import { rawStage } from './point-job.ts';

/** Whether the pipeline's arithmetic is the open NVDLA's. Maxima of int8 are the same in both. */
export function isIntegerScale(pipeline: Pipeline<Cube>): boolean {
  switch (pipeline.kind) {
    case 'conv':
    case 'sdp':
      return pipeline.sdp.arithmetic === 'integer-scale';
    case 'pdp':
      return pipeline.pdp.average !== undefined || pipeline.pdp.output.dtype !== 'int8';
    default:
      return pipeline.kind === 'cdp';
  }
}

const reference = referenceEngines();

/** @throws device/fault, device/unsupported */
export function runNvdla(pipeline: Pipeline<Cube>, host: KernelHost, state: DeviceState): LaunchResult {
  const { bus } = host;
  if (pipeline.kind !== 'conv' || pipeline.sdp.arithmetic !== 'integer-scale') {
    return reference.run(pipeline, bus, state);
  }
  const kernels = fastWeights(pipeline.conv, pipeline.sdp, bus);
  if (kernels === undefined) return reference.run(pipeline, bus, state);
  checkChain(pipeline);
  if (state.nvdla) {
    delete state.nvdla.keptData;
    delete state.nvdla.keptWeights;
  }
  const { conv, sdp, pdp } = pipeline;
  const sums = accumulate(conv, kernels, host);
  const values = singlePoint(conv, sdp, sums, bus, state);
  if (pdp) nvdlaStages.write(pdp.output, nvdlaStages.pool(pdp, values, bus), bus, 'the pooling output');
  else nvdlaStages.write(sdp.output!, values, bus, 'the SDP output');
  return launchResult(pipeline, convolutionMacs(conv), values.saturated);
}

interface Kernels {
  readonly steps: ConvolutionSteps;
  /** Kernel k has weights for channel k alone. */
  readonly diagonal: boolean;
}

interface Known {
  readonly window: Window;
  readonly version: number;
  readonly kernels: Kernels | undefined;
}

const known = new WeakMap<Bus, Map<string, Known>>();

/** What there is to know of a launch's weights; undefined where the kernels cannot run it. Kept until memory changes. */
function fastWeights(conv: Conv<Cube>, sdp: IntegerScaleSdp<Cube>, bus: Bus): Kernels | undefined {
  const { core, weights, input, kernel } = conv;
  if (!core || core.precision !== 'int8' || core.convert || sdp.outputType !== 'int8' || sdp.processing)
    return undefined;
  if (core.reuse.data || core.reuse.weights || core.keep.data || core.keep.weights) return undefined;
  const { image } = core;
  if (image && (image.unsigned !== undefined || image.mean || image.order.some((place, index) => place !== index))) {
    return undefined;
  }
  const window = bus.window(weights.address, weights.size);
  const shape = `${input.shape[1]} ${kernel.h} ${kernel.w} ${conv.output.channels} ${image?.rowsPerBlock ?? 0}`;
  const key = `${weights.address} ${weights.size} ${shape}`;
  const entries = known.get(bus) ?? new Map<string, Known>();
  known.set(bus, entries);
  const entry = entries.get(key);
  if (entry && entry.window === window && entry.version === window.version) return entry.kernels;
  const kernels = studyWeights(conv, bus);
  entries.set(key, { window, version: window.version, kernels });
  return kernels;
}

/** @throws device/fault */
function studyWeights(conv: Conv<Cube>, bus: Bus): Kernels | undefined {
  const core = conv.core!;
  const { channels } = conv.output;
  const steps = convolutionSteps(conv, core);
  const count = steps.elements.length;
  const unpacked = unpackWeights(bus.read(conv.weights.address, conv.weights.size), steps, channels, core);
  let diagonal = conv.input.shape[1] === channels && !core.image;
  for (let k = 0; k < channels; k++) {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = unpacked[k * count + i]!;
      if (weight === 0) continue;
      sum += Math.abs(weight);
      if (steps.elements[i]!.channel !== k) diagonal = false;
    }
    // Sums that could leave int32 are the reference's.
    if (sum * 128 > 2 ** 31 - 1) return undefined;
  }
  return { steps, diagonal };
}

interface Accumulators {
  /** For each pixel its kernels side by side. */
  readonly values: Int32Array;
  /** From one pixel to the next. */
  readonly pitch: number;
}

function accumulate(conv: Conv<Cube>, { steps, diagonal }: Kernels, host: KernelHost): Accumulators {
  const core = conv.core!;
  const [, channels] = conv.input.shape;
  const { channels: kernels, height, width } = conv.output;
  const geometry = convGeometry(diagonal ? { ...conv, groups: channels } : conv);
  const pitch = Math.ceil(kernels / 8) * 8;
  const size = height * width * pitch;
  const place = placeCube(conv.input, host.bus, 'the convolution input');
  const address = host.scratch.take('accumulators', size * 4);
  const output: Placement = {
    address,
    extent: size * 4,
    shape: [1, kernels, height, width],
    atom: 32,
    room: pitch,
    batchStep: size * 4,
    rowStep: width * pitch * 4,
    pixelStep: pitch * 4,
    surfaceStep: 0,
  };
  const taps = conv.kernel.h * conv.kernel.w;
  const unpack = (stream: Int8Array): Int8Array => {
    const bytes = new Uint8Array(stream.buffer, stream.byteOffset, stream.byteLength);
    const inOrder = unpackWeights(bytes, steps, kernels, core);
    const count = steps.elements.length;
    const per = diagonal ? 1 : channels;
    const sorted = new Int8Array(kernels * per * taps);
    for (const [index, { row, column, channel }] of steps.elements.entries()) {
      const at = (diagonal ? 0 : channel * taps) + row * conv.kernel.w + column;
      for (let k = diagonal ? channel : 0; k < (diagonal ? channel + 1 : kernels); k++) {
        sorted[k * per * taps + at] = inOrder[k * count + index]!;
      }
    }
    return sorted;
  };
  const input = diagonal && !isAtoms(place) ? asAtoms(host, place, 'input') : place;
  runConv({
    host,
    conv,
    geometry,
    input,
    output,
    stage: rawStage(kernels),
    stream: { bytes: conv.weights.size, unpack },
  });
  return { values: new Int32Array(host.bus.memory.buffer, address, size), pitch };
}

/** One number for each channel. */
type PerChannel = Float64Array;

/** X1 and X2 as they are mostly used: add, multiply, shift, ReLU. */
interface Linear {
  readonly add: PerChannel;
  readonly multiply: PerChannel;
  readonly truncate: number;
  readonly relu: boolean;
}

interface Added {
  /** One number for each point, in the order of the dense cube, shifted. */
  readonly operand: Int32Array;
  readonly factor: number;
  readonly truncate: number;
  readonly relu: boolean;
}

const finished = (data: Int32Array, conv: Conv<Cube>, saturated: number) => ({
  shape: [1, conv.core!.accumulatorChannels, conv.output.height, conv.output.width] as const,
  data,
  saturated,
});

/** @returns dense values, whole atoms of channels */
function singlePoint(
  conv: Conv<Cube>,
  sdp: IntegerScaleSdp<Cube>,
  { values, pitch }: Accumulators,
  bus: Bus,
  state: DeviceState,
) {
  const { height, width } = conv.output;
  const channels = conv.core!.accumulatorChannels;
  const plane = height * width;
  const shape = [1, channels, height, width] as const;
  const dense = new Int32Array(channels * plane);
  const used = Math.min(channels, pitch);
  const first = sdp.x1 ? linear(sdp.x1, channels, bus) : undefined;
  const second = sdp.x2 ? added(sdp.x2, shape, bus) : undefined;
  const simple = !sdp.y && (!sdp.x1 || first) && (!sdp.x2 || second);
  if (!simple) {
    for (let c = 0; c < used; c++) {
      for (let p = 0; p < plane; p++) {
        dense[c * plane + p] = saturate(roundShift(values[p * pitch + c]!, conv.truncate), 32);
      }
    }
    const { values: result, saturated } = nvdlaStages.singlePoint(sdp, { shape, data: dense }, bus, state);
    return finished(result.data as Int32Array, conv, saturated);
  }
  const { offset, scale, shift } = sdp.convert;
  const [x1Half, x2Half, outHalf] = [half(first?.truncate ?? 0), half(second?.truncate ?? 0), half(shift)];
  const [x1Step, x2Step, outStep] = [2 ** -(first?.truncate ?? 0), 2 ** -(second?.truncate ?? 0), 2 ** -shift];
  let saturated = 0;
  for (let c = 0; c < channels; c++) {
    const add = first?.add[c] ?? 0;
    const multiply = first?.multiply[c] ?? 1;
    for (let p = 0; p < plane; p++) {
      let t = c < used ? values[p * pitch + c]! : 0;
      if (conv.truncate > 0) t = roundShift(t, conv.truncate);
      if (first) {
        t = clamp32(rounded((t + add) * multiply * x1Step, x1Half));
        if (first.relu && t < 0) t = 0;
      }
      if (second) {
        t = clamp32(rounded((t + second.operand[c * plane + p]! * second.factor) * x2Step, x2Half));
        if (second.relu && t < 0) t = 0;
      }
      let q = rounded((t - offset) * scale * outStep, outHalf);
      if (q > 127 || q < -128) {
        saturated++;
        q = q > 0 ? 127 : -128;
      }
      dense[c * plane + p] = q;
    }
  }
  return finished(dense, conv, saturated);
}

/** What rounding adds before it cuts: nothing where nothing is shifted out. */
const half = (shift: number): number => (shift > 0 ? 0.5 : 0);

/** To the nearest integer, half away from zero. */
const rounded = (value: number, add: number): number =>
  value < 0 ? -Math.floor(add - value) : Math.floor(value + add);

const clamp32 = (value: number): number =>
  value > 2147483647 ? 2147483647 : value < -2147483648 ? -2147483648 : value;

/** Undefined for what only the reference does. Products have 33 and 16 bits: doubles hold them. */
function linear(unit: SdpUnit<Cube>, channels: number, bus: Bus): Linear | undefined {
  if ((unit.alu !== undefined && unit.alu !== 'sum') || unit.source === 'point') return undefined;
  if (unit.activation !== 'none' && unit.activation !== 'relu') return undefined;
  if (unit.aluFromRegister || unit.mulFromRegister || unit.afterPrelu) return undefined;
  const add = new Float64Array(channels);
  const multiply = new Float64Array(channels).fill(1);
  const shifted = (value: number): number => saturate(value * 2 ** unit.aluShift, 32);
  if (unit.source === 'layer' || !unit.operand) {
    if (unit.alu) add.fill(shifted(unit.aluOperand));
    if (unit.mul) multiply.fill(unit.mulOperand);
  } else {
    const pairs = unit.operandUse === 'both';
    const operand = { ...unit.operand, shape: [1, channels, 1, 1] as const };
    const { first, second } = readOperand(operand, true, pairs, bus, 'the operand of X1');
    for (let c = 0; c < channels; c++) {
      if (unit.alu) add[c] = shifted(first[c]!);
      if (unit.mul) multiply[c] = (second ?? first)[c]!;
    }
  }
  if (multiply.some((value) => Math.abs(value) > 32_768)) return undefined;
  return { add, multiply, truncate: unit.truncate, relu: unit.activation === 'relu' };
}

/** A second cube that is added; undefined for what only the reference does. */
function added(unit: SdpUnit<Cube>, shape: readonly [1, number, number, number], bus: Bus): Added | undefined {
  const simple = unit.alu === 'sum' && !unit.mul && unit.source === 'point' && unit.operandUse === 'alu';
  if (!simple || unit.aluFromRegister || unit.afterPrelu) return undefined;
  if (unit.activation !== 'none' && unit.activation !== 'relu') return undefined;
  // An operand that could leave 32 bits when it is shifted saturates there.
  if (unit.operand!.dtype !== 'int8' || unit.aluShift > 23) return undefined;
  const { first } = readOperand({ ...unit.operand!, shape }, false, false, bus, 'the operand of X2');
  return { operand: first, factor: 2 ** unit.aluShift, truncate: unit.truncate, relu: unit.activation === 'relu' };
}
