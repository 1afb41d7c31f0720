/**
 * The counters of NaN and infinities that nv_full keeps whether its registers ask or not (nvdla/hardware-counts.ts), for
 * launches on kernels: these tell whether there were any in the data, which is almost never; then memory is searched.
 */

import type { Conv, Pipeline } from '../../../../../program/layer.ts';
import type { Shape4 } from '../../../../../program/surface.ts';
import type { Bus, Window } from '../../../../bus.ts';
import type { Cube } from '../../../../launch.ts';
import {
  countNaN,
  countSpecials,
  type HardwareCounts,
  type SpecialCounts,
} from '../../../reference/nvdla/hardware-counts.ts';
import type { KernelHost } from '../../kernel-host.ts';
import type { Placement } from '../../placement.ts';
import { placeBetween, placeHalves } from './placement.ts';

/** Whether a pipeline computes in float16. */
export function computesInFloats(pipeline: Pipeline<Cube>): boolean {
  switch (pipeline.kind) {
    case 'conv':
      return pipeline.conv.core?.precision === 'float16';
    case 'sdp':
      return pipeline.sdp.arithmetic === 'nvdla-float16';
    case 'pdp':
      return pipeline.pdp.output.dtype === 'float16';
    default:
      return false;
  }
}

/**
 * Counts NaN and infinities where the hardware does whether asked or not, once a launch is done.
 * @param found whether there are any in the data
 */
export function countFloats(
  host: KernelHost,
  pipeline: Pipeline<Cube>,
  found: number,
  counts: HardwareCounts | undefined,
): void {
  if (!counts) return;
  const { bus } = host;
  if (pipeline.kind === 'conv' && !pipeline.conv.core!.reuse.weights) {
    countWeights(bus, pipeline.conv, counts.conv.weights);
  }
  if (found === 0) return;
  if (pipeline.kind === 'conv') {
    countSpecials(counts.conv.data, halvesIn(bus, placeHalves(pipeline.conv.input, bus, 'the convolution input')!));
  }
  const pdp = 'pdp' in pipeline ? pipeline.pdp : undefined;
  if (!pdp) return;
  const from = pdp.input ? placeHalves(pdp.input, bus, 'the pooling input')! : placeBetween(host, shapeOf(pipeline)!);
  countSpecials(counts.pdp.input, halvesIn(bus, from));
  counts.pdp.nanOutput = countNaN(halvesIn(bus, placeHalves(pdp.output, bus, 'the pooling output')!));
}

/** The shape that SDP hands on. */
function shapeOf(pipeline: Pipeline<Cube>): Shape4 | undefined {
  if (pipeline.kind === 'sdp') return pipeline.sdp.input!.shape;
  if (pipeline.kind !== 'conv') return undefined;
  const { core, output } = pipeline.conv;
  return [1, core!.accumulatorChannels, output.height, output.width];
}

/** What was counted in weights that have not changed since. */
const countedWeights = new WeakMap<
  Conv<Cube>,
  { readonly window: Window; readonly version: number; readonly counts: SpecialCounts }
>();

function countWeights(bus: Bus, conv: Conv<Cube>, to: SpecialCounts): void {
  const { address, size } = conv.weights;
  const window = bus.window(address, size);
  let known = countedWeights.get(conv);
  if (known?.window !== window || known.version !== window.version) {
    const counts = { nan: 0, infinite: 0 };
    const { kernel, output, input } = conv;
    const bytes = bus.read(address, output.channels * kernel.h * kernel.w * input.shape[1] * 2);
    countSpecials(counts, new Uint16Array(bytes.buffer));
    known = { window, version: window.version, counts };
    countedWeights.set(conv, known);
  }
  to.nan += known.counts.nan;
  to.infinite += known.counts.infinite;
}

/** The elements of a cube, in any order. */
function halvesIn(bus: Bus, { address, shape, atom, rowStep, pixelStep, surfaceStep }: Placement): number[] {
  const [, channels, height, width] = shape;
  const memory = new DataView(bus.memory.buffer);
  const halves: number[] = [];
  for (let c = 0; c < channels; c++) {
    const plane = address + Math.floor(c / atom) * surfaceStep + (c % atom) * 2;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) halves.push(memory.getUint16(plane + y * rowStep + x * pixelStep, true));
    }
  }
  return halves;
}
