/**
 * The order in which the convolution core works through a kernel. A *step* is what the multipliers take at once: a block
 * of channels at one position of the kernel, or of an image, whose pixels lie side by side, several of a kernel's rows
 * together. The weight stream follows it: kernel group by kernel group, step by step, kernel by kernel.
 */

import { elementSize } from '../../../../base/data-type.ts';
import { fail } from '../../../../base/errors.ts';
import type { Conv, ConvCore } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';

export interface ConvolutionSteps {
  /** For each weight of a kernel, in the order of the stream: which of the elements under the window it meets. */
  readonly elements: readonly { readonly row: number; readonly column: number; readonly channel: number }[];
  /** Where each step ends in that order. */
  readonly ends: readonly number[];
}

/** Most weights that one kernel may have; the hardware counts its bytes in 18 bits. */
const mostWeights = 2 ** 18;

/** @throws device/fault */
export function convolutionSteps(conv: Conv<Cube>, core: ConvCore): ConvolutionSteps {
  const { kernel } = conv;
  const channels = conv.input.shape[1];
  if (kernel.h * kernel.w * channels > mostWeights) {
    fail('device/fault', 'a kernel is too large', {}, { actual: kernel.h * kernel.w * channels });
  }
  return core.image
    ? imageSteps(conv, core.channelBlock, core.image.rowsPerBlock)
    : featureSteps(conv, core.channelBlock);
}

function featureSteps({ kernel, input }: Conv<Cube>, block: number): ConvolutionSteps {
  const elements: ConvolutionSteps['elements'][number][] = [];
  const ends: number[] = [];
  const channels = input.shape[1];
  for (let from = 0; from < channels; from += block) {
    for (let row = 0; row < kernel.h; row++) {
      for (let column = 0; column < kernel.w; column++) {
        for (let channel = from; channel < Math.min(from + block, channels); channel++) {
          elements.push({ row, column, channel });
        }
        ends.push(elements.length);
      }
    }
  }
  return { elements, ends };
}

/** The components of a row of pixels count as channels. */
function imageSteps({ kernel, input }: Conv<Cube>, block: number, rows: number): ConvolutionSteps {
  const elements: ConvolutionSteps['elements'][number][] = [];
  const ends: number[] = [];
  const components = input.shape[1];
  const length = kernel.w * components;
  for (let from = 0; from < length; from += block) {
    for (let first = 0; first < kernel.h; first += rows) {
      for (let row = first; row < Math.min(first + rows, kernel.h); row++) {
        for (let at = from; at < Math.min(from + block, length); at++) {
          elements.push({ row, column: Math.floor(at / components), channel: at % components });
        }
      }
      ends.push(elements.length);
    }
  }
  return { elements, ends };
}

/** Reorders a stream of weights kernel by kernel. @throws device/fault */
export function unpackWeights(
  stream: Uint8Array,
  { ends, elements }: ConvolutionSteps,
  kernels: number,
  { kernelGroup, precision }: ConvCore,
): Int16Array {
  const size = elementSize[precision];
  const needed = kernels * elements.length * size;
  if (stream.length < needed) {
    fail('device/fault', 'the weights are shorter than the kernels', {}, { expected: needed, actual: stream.length });
  }
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const weights = new Int16Array(kernels * elements.length);
  let at = 0;
  for (let group = 0; group < kernels; group += kernelGroup) {
    let start = 0;
    for (const end of ends) {
      for (let k = group; k < Math.min(group + kernelGroup, kernels); k++) {
        const to = k * elements.length;
        for (let i = start; i < end; i++, at += size) {
          weights[to + i] = size === 1 ? view.getInt8(at) : view.getInt16(at, true);
        }
      }
      start = end;
    }
  }
  return weights;
}
