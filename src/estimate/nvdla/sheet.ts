/**
 * NVIDIA's own performance model of the open NVDLA, restated: the formulas in the cells of nvdla/hw
 * `perf/NVDLA_OpenSource_Performance.xlsx`. A layer takes the longest of the cycles of its multipliers and those of each memory,
 * layers follow one another, and everything but convolutions is free: launches, latency, pooling, the buffer's banks.
 *
 * The model's peculiarities are kept: channels in 16s whatever the core, a stride folded into them, 3×3 kernels by Winograd at 2.25
 * multiplications for one (with weights 16/9 as large), a KiB taken for 1000 bytes. Where its tabs disagree with one another,
 * {@link SheetRules} says which is meant.
 */

import {
  type Bytes,
  bytes,
  type Cycles,
  cycles,
  type GBps,
  gigabytesPerSecond,
  type MHz,
  megahertz,
} from '../../base/units.ts';
import type { Extent } from '../../program/layer.ts';

export interface SheetLayer {
  readonly name: string;
  readonly kind: 'conv' | 'residual' | 'connected';
  readonly channels: number;
  /** Rows of the input. */
  readonly height: number;
  readonly width: number;
  readonly kernels: number;
  readonly kernel: Extent;
  readonly stride: Extent;
  /** Where kernels are applied, as the multipliers' cycles count it. */
  readonly positions: Extent;
  /** Multiplications at the true positions of kernels, for utilisation. */
  readonly macs: number;
  /** The result, after any pooling. */
  readonly output: Extent;
  /** Weights that the sheet leaves at their plain size although the kernel is 3×3. */
  readonly plainWeights?: true;
  /** With an SRAM: whether the input comes from DRAM or the output goes to it, beside the weights. */
  readonly outside?: 'input' | 'output';
}

/** The rules in which the sheet's tabs differ. */
interface SheetRules {
  /** Kernels count in multiples of this: 16, in the tab of ResNet-50 128. */
  readonly kernelMultiple: number;
  /** An input stays in the buffer while weights pass if it is smaller than this: all weights, or those of 32 kernels. */
  readonly staysBelow: 'weights' | 'kernelGroup';
  /** Frames that share the weights of a fully connected layer. */
  readonly connectedBatch: number;
  readonly winograd: boolean;
}

export interface SheetNetwork {
  readonly name: string;
  readonly layers: readonly SheetLayer[];
  readonly rules: SheetRules;
}

export interface SheetSystem {
  /** Multiplications a cycle. */
  readonly macs: number;
  readonly buffer: Bytes;
  readonly clock: MHz;
  readonly dram: GBps;
  /** Bytes of an element: 1 or 2. */
  readonly element: 1 | 2;
  /** On-chip memory behind the second interface, where features stay. */
  readonly sram?: { readonly capacity: Bytes; readonly read: GBps; readonly write: GBps };
}

interface SheetLayerCost {
  readonly name: string;
  readonly macs: number;
  readonly macCycles: Cycles;
  readonly dramTraffic: Bytes;
  readonly dramCycles: Cycles;
  readonly sramCycles: Cycles;
  readonly total: Cycles;
  readonly bound: 'mac' | 'dram' | 'sram';
}

export interface SheetEstimate {
  readonly network: string;
  readonly layers: readonly SheetLayerCost[];
  readonly total: Cycles;
  readonly imagesPerSecond: number;
  /** Multiplications of the network, divided by those that the core could have done. */
  readonly utilisation: number;
}

/** "Configuration Input" of the sheet as published. */
export const sheetDefault: SheetSystem = {
  macs: 2048,
  buffer: bytes(512 * 1024),
  clock: megahertz(1000),
  dram: gigabytesPerSecond(10),
  element: 1,
};

export function sheetEstimate(
  { name, layers, rules }: SheetNetwork,
  system: SheetSystem = sheetDefault,
): SheetEstimate {
  const shared = system.sram && sharedFrames(layers, rules, system, system.sram.capacity);
  const costs = layers.map((layer): SheetLayerCost => {
    const macCycles = multiplierCycles(layer, rules, system);
    const traffic = shared === undefined ? streamed(layer, rules, system) : besideSram(layer, rules, system, shared);
    const dramCycles = memoryCycles(traffic, system.dram, system.clock);
    const sramCycles =
      system.sram === undefined
        ? 0
        : Math.max(
            layer.outside === 'input' ? 0 : memoryCycles(inputBytes(layer, system), system.sram.read, system.clock),
            memoryCycles(outputBytes(layer, system), system.sram.write, system.clock),
          );
    const total = Math.max(macCycles, dramCycles, sramCycles);
    return {
      name: layer.name,
      macs: layer.macs,
      macCycles: cycles(macCycles),
      dramTraffic: bytes(traffic),
      dramCycles: cycles(dramCycles),
      sramCycles: cycles(sramCycles),
      total: cycles(total),
      bound: total === macCycles ? 'mac' : total === dramCycles ? 'dram' : 'sram',
    };
  });
  const total = costs.reduce((sum, cost) => sum + cost.total, 0);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  return {
    network: name,
    layers: costs,
    total: cycles(total),
    imagesPerSecond: (system.clock * 1e6) / total,
    utilisation: macs / (system.macs * total),
  };
}

const toMultiple = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** A stride folds the input: each step's pixels become channels of one. */
const foldedChannels = ({ channels, stride }: SheetLayer): number => toMultiple(channels * stride.h * stride.w, 16);

const usesWinograd = ({ kernel }: SheetLayer, { winograd }: SheetRules): boolean =>
  winograd && kernel.h === 3 && kernel.w === 3;

function multiplierCycles(layer: SheetLayer, rules: SheetRules, { macs }: SheetSystem): number {
  const { kind, kernels, kernel, stride, positions } = layer;
  const batch = kind === 'connected' ? rules.connectedBatch : 1;
  const taps = (kernel.h * kernel.w) / (stride.h * stride.w);
  const products =
    foldedChannels(layer) * positions.h * positions.w * toMultiple(kernels * batch, rules.kernelMultiple) * taps;
  return products / macs / (usesWinograd(layer, rules) ? 2.25 : 1) / batch;
}

/** Bytes of the input, or of some rows of it. */
function inputBytes(layer: SheetLayer, { element }: SheetSystem, rows = Number.POSITIVE_INFINITY): number {
  const { height, width, stride } = layer;
  return foldedChannels(layer) * Math.min(rows, Math.ceil(height / stride.h)) * Math.ceil(width / stride.w) * element;
}

const outputBytes = ({ kernels, output }: SheetLayer, { element }: SheetSystem): number =>
  output.h * output.w * toMultiple(kernels, 16) * element;

/** Bytes of the weights of some kernels at their plain size. */
function plainWeightBytes(layer: SheetLayer, kernels: number, { element }: SheetSystem): number {
  const { kernel, stride } = layer;
  return foldedChannels(layer) * Math.ceil(kernel.h / stride.h) * Math.ceil(kernel.w / stride.w) * kernels * element;
}

function weightBytes(layer: SheetLayer, rules: SheetRules, system: SheetSystem): number {
  const plain = plainWeightBytes(layer, layer.kernels, system);
  return usesWinograd(layer, rules) && layer.plainWeights === undefined ? (plain * 16) / 9 : plain;
}

/**
 * DRAM traffic when features live in DRAM. If input and weights do not fit together, one is read again for each part of
 * the other.
 */
function streamed(layer: SheetLayer, rules: SheetRules, system: SheetSystem): number {
  const { buffer } = system;
  const [input, output, weights] = [
    inputBytes(layer, system),
    outputBytes(layer, system),
    weightBytes(layer, rules, system),
  ];
  const ofGroup = plainWeightBytes(layer, 32, system);
  const group = ofGroup >= buffer ? buffer / 2 : ofGroup;
  const fromDram = layer.kind === 'connected' ? weights / rules.connectedBatch : weights;
  const operand = layer.kind === 'residual' ? output : 0;
  if (input < (rules.staysBelow === 'weights' ? weights : group)) {
    const passes = Math.max(1, Math.ceil(input / (buffer - group)));
    return passes * fromDram + input + output + operand;
  }
  const passes = Math.max(1, Math.ceil(weights / (buffer - inputBytes(layer, system, layer.kernel.h))));
  return passes * input + fromDram + output + operand;
}

/** Frames that can pass a layer together, so that its weights are read once for all of them: of the tightest convolution. */
function sharedFrames(layers: readonly SheetLayer[], rules: SheetRules, system: SheetSystem, capacity: Bytes): number {
  const frames = layers
    .filter(({ kind }) => kind !== 'connected')
    .map((layer) =>
      Math.floor(
        (capacity - weightBytes(layer, rules, system)) / (inputBytes(layer, system) + outputBytes(layer, system)),
      ),
    );
  return Math.min(...frames);
}

/** DRAM traffic when features live in the SRAM. */
function besideSram(layer: SheetLayer, rules: SheetRules, system: SheetSystem, frames: number): number {
  const weights = weightBytes(layer, rules, system) / (layer.kind === 'connected' ? rules.connectedBatch : frames);
  if (layer.outside === undefined) return weights;
  return weights + (layer.outside === 'input' ? inputBytes(layer, system) : outputBytes(layer, system));
}

/** The sheet divides KiB by GB/s and takes the quotient for microseconds. */
const memoryCycles = (traffic: number, bandwidth: GBps, clock: MHz): number =>
  Math.ceil(((traffic / 1024) * clock) / bandwidth);
