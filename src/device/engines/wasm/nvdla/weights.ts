/**
 * The open NVDLA's stream of weights in the order of the kernels (packed-weights.ts), unpacked once and kept until the
 * memory that it came from changes. A stream in which kernel k meets channel k alone (a depthwise convolution, which the
 * hardware knows only as a dense one) goes to the depthwise kernel.
 */

import type { Conv, ConvCore } from '../../../../program/layer.ts';
import type { Bus, Window } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import { convolutionSteps, unpackWeights } from '../../reference/nvdla/convolution-steps.ts';
import { packDepthwise, packRuns, pairCount, type RunPlan } from '../packed-weights.ts';

type StreamOrder = 'depthwise' | 'direct' | 'compact';

export interface PackedStream {
  readonly order: StreamOrder;
  readonly address: number;
  /** How kernels read rows of pixels, for the compact order. */
  readonly plan: RunPlan;
}

interface Entry {
  readonly window: Window;
  readonly version: number;
  /** Undefined when the sums could leave int32: these convolutions are the reference's. */
  readonly packed: (PackedStream & { readonly size: number }) | undefined;
}

/** Where a stream of weights lies. */
export type StreamPlace = Pick<Cube, 'address' | 'size'>;

/** How the input lies, and so in which order its channels are best taken. */
export type InputOrder = 'direct' | 'compact';

export class PackedStreams {
  readonly #bus: Bus;
  readonly #entries = new Map<string, Entry>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** @throws device/fault */
  locate(conv: Conv<Cube>, core: ConvCore, source: StreamPlace, order: InputOrder): PackedStream | undefined {
    const window = this.#bus.window(source.address, source.size);
    const { kernel, output, input } = conv;
    const { image } = core;
    const pixels = image ? `${image.rowsPerBlock} ${image.order.join('')}` : '';
    const id =
      `${source.address} ${source.size} ${input.shape[1]} ${kernel.h} ${kernel.w} ${output.channels} ${order}` +
      ` ${core.accumulatorChannels} ${core.kernelGroup} ${core.channelBlock} ${conv.dilation.w === 1} ${pixels}`;
    const entry = this.#entries.get(id);
    if (entry && entry.window === window && entry.version === window.version) return entry.packed;
    this.#sweep();
    const packed = this.#pack(conv, core, source, order);
    this.#entries.set(id, { window, version: window.version, packed });
    return packed;
  }

  #pack(conv: Conv<Cube>, core: ConvCore, source: StreamPlace, order: InputOrder): Entry['packed'] {
    const { kernel, output, input } = conv;
    const channels = input.shape[1];
    const { channels: kernels } = output;
    const taps = kernel.h * kernel.w;
    const steps = convolutionSteps(conv, core);
    const stream = unpackWeights(this.#bus.read(source.address, source.size), steps, kernels, core);
    const { length } = steps.elements;
    if (!staysInWords(stream, length)) return undefined;
    const isDiagonal =
      order === 'direct' &&
      channels === kernels &&
      steps.elements.every(({ channel }, index) => onlyKernel(stream, length, index, channel));
    const blocks = core.accumulatorChannels / 8;
    // Components of a pixel stay where memory has them.
    const placeOf = (channel: number): number => core.image?.order[channel] ?? channel;
    const plan = runPlan(conv, kernels, blocks, order);
    const perKernel = isDiagonal ? 1 : channels;
    const weights = new Int8Array(kernels * perKernel * taps);
    const places = Int32Array.from(steps.elements, ({ row, column, channel }) => {
      return (isDiagonal ? 0 : placeOf(channel) * taps) + row * kernel.w + column;
    });
    for (let k = 0, from = 0, to = 0; k < kernels; k++, from += length, to += perKernel * taps) {
      for (let i = 0; i < length; i++) {
        if (!isDiagonal || steps.elements[i]!.channel === k) weights[to + places[i]!] = stream[from + i]!;
      }
    }
    const size = Math.ceil(kernels / 8) * 32 * (isDiagonal ? Math.ceil(taps / 2) : pairCount(plan));
    const address = this.#bus.allocate(size);
    const to = new Int16Array(this.#bus.memory.buffer, address, size / 2);
    if (isDiagonal) packDepthwise(kernels, taps, weights, to);
    else packRuns(plan, weights, to);
    return { order: isDiagonal ? 'depthwise' : order, address, plan, size };
  }

  /** Drops what belongs to memory that changed or went away. */
  #sweep(): void {
    for (const [id, { window, version, packed }] of this.#entries) {
      if (window.mapped && window.version === version) continue;
      if (packed) this.#bus.release(packed.address, packed.size);
      this.#entries.delete(id);
    }
  }

  close(): void {
    for (const { packed } of this.#entries.values()) if (packed) this.#bus.release(packed.address, packed.size);
    this.#entries.clear();
  }
}

/** Whether no sum of products with int8 can leave int32, whatever its order. */
function staysInWords(weights: Int16Array, length: number): boolean {
  for (let first = 0; first < weights.length; first += length) {
    let sum = 0;
    for (let i = first; i < first + length; i++) sum += Math.abs(weights[i]!);
    if (sum * 128 > 2 ** 31 - 1) return false;
  }
  return true;
}

function onlyKernel(weights: Int16Array, length: number, index: number, kernel: number): boolean {
  for (let k = 0, at = index; at < weights.length; k++, at += length) {
    if (weights[at] !== 0 && k !== kernel) return false;
  }
  return true;
}

/** Direct: tap by tap, all channels; compact: rows of taps whose pixels lie side by side. */
function runPlan({ kernel, dilation, input }: Conv<Cube>, kernels: number, blocks: number, order: InputOrder): RunPlan {
  const taps = kernel.h * kernel.w;
  const positions = Array.from({ length: taps }, (_, tap) => tap);
  const wholeRows = order === 'compact' && dilation.w === 1;
  return {
    kernels,
    groupKernels: kernels,
    groupChannels: input.shape[1],
    transposed: false,
    runs: wholeRows
      ? Array.from({ length: kernel.h }, (_, r) => positions.slice(r * kernel.w, (r + 1) * kernel.w))
      : positions.map((tap) => [tap]),
    taps,
    channels: input.shape[1],
    starts: new Array<number>(blocks).fill(0),
  };
}
