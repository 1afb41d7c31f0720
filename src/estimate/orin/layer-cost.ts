/**
 * The cost of one hardware layer that has the machine to itself: time in the MAC array or the point-wise stage, time at
 * memory, and what starting it costs. The formulas are those of docs/hardware/estimate-model.md#structure; where its words leave
 * a choice, the one below was fitted:
 *
 *   · an output that stays in SRAM costs no memory time, and so does a residual operand that is there;
 *   · reuse per lifetime, by which tensors win SRAM, is reads / (last use − writing);
 *   · a fused pooling changes what is written, not what the point-wise stage passes on;
 *   · biases and scales are not counted, sparse weights at their dense size.
 *
 * Not in the fit, and computed by analogy: transposed convolution (each input pixel meets each weight once), channel
 * copies and stand-alone point-wise layers (they pass on one element each, and move what they read and write).
 */

import { pow } from '../../base/elementary.ts';
import {
  type Bytes,
  bytes,
  type Cycles,
  cycles,
  type GBps,
  type Microseconds,
  microseconds,
} from '../../base/units.ts';
import type { MacWork } from '../../program/layers/kind.ts';
import { sparseModeRuns } from '../../sparsify/eligibility.ts';
import type { Fact, JetsonTarget, PowerMode, Target } from '../../targets/target.ts';
import { weightCount } from '../layer-work.ts';
import type { OrinEngine } from './engines.ts';
import { halfCycles, halfTransfer } from './half.ts';
import { type ModelParameters, orinParameters } from './parameters.ts';
import { promotedLaunches } from './promotion.ts';

/** What the model needs to know of a layer. Bytes are of tensors as they lie in memory, atoms included, rows unpadded. */
export interface LayerWork {
  readonly engine: OrinEngine;
  readonly batch: number;
  /** Absent for layers without a convolution. */
  readonly conv?: MacWork;
  /** Elements that leave the point-wise stage, or the engine: before any fused pooling. */
  readonly elements: number;
  readonly input: { readonly size: Bytes; readonly resident: boolean };
  readonly operand?: { readonly size: Bytes; readonly resident: boolean };
  readonly output: { readonly size: Bytes; readonly resident: boolean };
  /** SRAM that no surface occupies while the layer runs. */
  readonly sramFree: Bytes;
  /** Of a convolution of FP16, which is Rubik's on Orin: positions of one image that it computes (half.ts). */
  readonly halfPositions?: number;
  /** The operators of its table of int8. */
  readonly table?: readonly string[];
}

/** Hardware and clocks, as the numbers that the formulas use. */
export interface Conditions {
  readonly parameters: ModelParameters;
  readonly atomic: Target['atomic'];
  /** Multiply-accumulates of one core per microsecond. */
  readonly peak: number;
  /** Cycles per microsecond. */
  readonly clock: number;
  /** Microseconds at memory for a byte of each kind, at the module's memory clock. */
  readonly perByte: Readonly<Record<'read' | 'operand' | 'write' | 'reread', number>>;
  /** Convolution pipes of a core. */
  readonly pipes: number;
  /** Memory's rates against those of the reference clock and bus. */
  readonly memoryScale: number;
}

export interface LayerCost {
  readonly engine: OrinEngine;
  /** Lanes of the engine. */
  readonly lanes: number;
  readonly macs: number;
  readonly macCycles: Cycles;
  readonly compute: Microseconds;
  readonly memory: Microseconds;
  readonly overhead: Microseconds;
  readonly total: Microseconds;
  readonly bound: 'compute' | 'memory' | 'overhead';
  /** Launches that the board needs besides, since it runs operators of the layer in FP16; they are in the times above. */
  readonly promoted?: readonly { readonly what: string; readonly total: Microseconds }[];
  /** DRAM bytes; nothing for what stays in SRAM. `restream` is a fitted term. */
  readonly traffic: {
    readonly input: Bytes;
    readonly operand: Bytes;
    readonly weights: Bytes;
    readonly output: Bytes;
    readonly restream: Bytes;
  };
}

/** A narrower memory bus than the fitted module's scales both rates; its peak in the power mode says how wide it is. */
export function conditionsOf(
  target: JetsonTarget,
  mode: PowerMode,
  parameters: ModelParameters = orinParameters,
): Conditions {
  const memoryClock = mode.emcClock.value / parameters.referenceMemoryClock.value;
  const scale = pow(memoryClock, parameters.memoryClockExponent.value);
  const busWidth = mode.dramBandwidth.value / (parameters.referencePeak.value * memoryClock);
  const memoryScale = scale * busWidth;
  const perByte = (rate: Fact<GBps>): number => 1 / (rate.value * 1000 * memoryScale);
  return {
    parameters,
    atomic: target.atomic,
    peak: target.atomic.c * target.atomic.k * target.atomic.pixels * mode.dlaClock.value,
    clock: mode.dlaClock.value,
    perByte: {
      read: perByte(parameters.readBandwidth),
      operand: perByte(parameters.operandBandwidth),
      write: perByte(parameters.writeBandwidth),
      reread: perByte(parameters.rereadBandwidth),
    },
    pipes: target.convolutionPipes.value,
    memoryScale,
  };
}

/** Cycles of the MAC array for a batch, at its peak. */
export function macCyclesOf(conv: MacWork, batch: number, atomic: Target['atomic']): Cycles {
  const { c, k, pixels } = atomic;
  const { inputChannels, kernels, rows, columns, groups, image } = conv;
  const positions = batch * Math.ceil(conv.pixels / pixels);
  const kernelBlocks = Math.ceil(kernels / k);
  // Two kernel rows of four interleaved channels share the input side of the array.
  if (image) return cycles(positions * Math.ceil(rows / 2) * Math.ceil((8 * columns) / c) * kernelBlocks);
  const taps = positions * rows * columns;
  // Groups lie on the diagonal of blocks as wide as the array.
  if (groups > 1) return cycles(taps * Math.ceil(inputChannels / c));
  const sparse = conv.sparse && sparseModeRuns(conv, atomic);
  return cycles(taps * Math.ceil(inputChannels / (sparse ? 2 * c : c)) * kernelBlocks);
}

/** The cost of a layer: of its launch, and of those that the board needs besides for its table. */
export function estimateLayer(work: LayerWork, conditions: Conditions): LayerCost {
  if (work.table === undefined) return launchCost(work, conditions);
  const launches = promotedLaunches(work);
  const own = launchCost(launches.own, conditions);
  const others = launches.besides.map(({ what, work: more }) => ({ what, cost: launchCost(more, conditions) }));
  const all = [own, ...others.map(({ cost }) => cost)];
  const sum = (value: (cost: LayerCost) => number) => all.reduce((total, cost) => total + value(cost), 0);
  const traffic = (part: keyof LayerCost['traffic']) => bytes(sum((cost) => cost.traffic[part]));
  const times = {
    compute: sum((cost) => cost.compute),
    memory: sum((cost) => cost.memory),
    overhead: sum((cost) => cost.overhead),
  };
  return {
    ...own,
    compute: microseconds(times.compute),
    memory: microseconds(times.memory),
    overhead: microseconds(times.overhead),
    total: microseconds(sum((cost) => cost.total)),
    bound: boundOf(times),
    promoted: others.map(({ what, cost }) => ({ what, total: cost.total })),
    traffic: {
      input: traffic('input'),
      operand: traffic('operand'),
      weights: traffic('weights'),
      output: traffic('output'),
      restream: traffic('restream'),
    },
  };
}

const boundOf = ({ compute, memory, overhead }: Record<LayerCost['bound'], number>): LayerCost['bound'] => {
  if (overhead > Math.max(compute, memory)) return 'overhead';
  return compute >= memory ? 'compute' : 'memory';
};

function launchCost(
  work: LayerWork,
  { parameters, atomic, clock, perByte, pipes, memoryScale }: Conditions,
): LayerCost {
  const { engine, batch, conv, halfPositions, input, operand, output } = work;
  const inRubik = engine === 'rubik' && halfPositions !== undefined;
  // Xavier's convolution core takes two cycles for what it does in one of INT8 (docs/hardware/orin.md#geometry).
  const elementBytes = halfPositions === undefined ? 1 : 2;
  const macCycles = conv === undefined ? cycles(0) : cyclesOf(work, conv, inRubik, { parameters, atomic });
  const weights = conv === undefined ? 0 : weightCount(conv) * elementBytes;
  const multiplying = inRubik
    ? macCycles / clock + halfTransfer(input.size + output.size, memoryScale, parameters.half)
    : macCycles / parameters.macEfficiency.value / clock;
  const compute = Math.max(multiplying, work.elements / parameters.pointsPerCycle.value / clock);

  const traffic = {
    input: bytes(input.resident ? 0 : input.size),
    operand: bytes(operand === undefined || operand.resident ? 0 : operand.size),
    weights: bytes(weights),
    output: bytes(output.resident ? 0 : output.size),
    restream: bytes(inRubik ? 0 : restream(work, weights, parameters)),
  };
  const memory =
    (traffic.input + traffic.weights) * perByte.read +
    traffic.operand * perByte.operand +
    traffic.output * perByte.write +
    traffic.restream * perByte.reread;

  const once = parameters.overheadCycles.value / clock + parameters.overheadTime.value;
  const overhead = once * (1 + parameters.batchShare.value * (batch - 1));
  return {
    engine,
    lanes: engine === 'cpipe' ? Math.min(pipes, conv?.pixels ?? pipes) : 1,
    macs: conv === undefined ? 0 : weightCount(conv) * conv.pixels * batch,
    macCycles,
    compute: microseconds(compute),
    memory: microseconds(memory),
    overhead: microseconds(overhead),
    total: microseconds(overlapped(compute, memory, parameters.overlap.value) + overhead),
    bound: boundOf({ compute, memory, overhead }),
    traffic,
  };
}

function cyclesOf(
  { batch, halfPositions = 0 }: LayerWork,
  conv: MacWork,
  inRubik: boolean,
  { parameters, atomic }: Pick<Conditions, 'parameters' | 'atomic'>,
): Cycles {
  if (inRubik) return cycles(batch * halfCycles(conv, halfPositions, parameters.half));
  return cycles(macCyclesOf(conv, batch, atomic) * (halfPositions > 0 ? 2 : 1));
}

/** Input that passes again for every further block of weights, as far as it does not fit the free SRAM. */
function restream({ conv, input, sramFree }: LayerWork, weights: number, { weightBlock }: ModelParameters): number {
  if (conv === undefined || conv.image || conv.groups > 1 || input.resident) return 0;
  return Math.max(0, Math.ceil(weights / weightBlock.value) - 1) * Math.max(0, input.size - sramFree);
}

/** (aᵠ + bᵠ)^(1/q), scaled so that neither power leaves the range. */
function overlapped(a: number, b: number, q: number): number {
  const larger = Math.max(a, b);
  if (larger === 0) return 0;
  return larger * pow(1 + pow(Math.min(a, b) / larger, q), 1 / q);
}
