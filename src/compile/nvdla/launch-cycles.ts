/**
 * The estimate of a launch that is not in a Program yet, on the target's first system: the planner compares its plans by
 * the cycles that the estimate will show.
 */

import { bytes } from '../../base/units.ts';
import { nvdlaConditions } from '../../estimate/nvdla/conditions.ts';
import { layerCycles } from '../../estimate/nvdla/layer-cycles.ts';
import { surfaceGeometry } from '../../program/geometry.ts';
import { type Conv, nvdlaArithmetic, type Pdp, type Pipeline } from '../../program/layer.ts';
import { atomElements, type ConvolutionPrecision } from '../../program/nvdla/convolution-buffer.ts';
import type { Shape4, Surface, SurfaceFormat } from '../../program/surface.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { plainUnit } from './lowering.ts';

/**
 * Share of the time at memory that is added to a plan's time, so that of two equally fast plans the one that moves less
 * wins.
 */
const memoryPart = 1 / 64;

/** Prices launches whose surfaces have a shape and a type, but no address yet. */
export class LaunchCycles {
  readonly #conditions;
  readonly #precision: ConvolutionPrecision;
  readonly #features: SurfaceFormat;

  constructor(target: NvdlaTarget, precision: ConvolutionPrecision) {
    const [module] = target.modules;
    this.#conditions = nvdlaConditions(target, module!.powerModes[0]!, module!.system!);
    this.#precision = precision;
    this.#features = `chw${atomElements(target, precision) as 8 | 16 | 32}`;
  }

  /** @param conv whose surfaces are 0 for the input and 1 for the weights */
  convolution(
    conv: Conv<number>,
    { input, image, weights, pooled }: { input: Shape4; image: boolean; weights: number; pooled?: Shape4 | undefined },
  ): number {
    const { channels, height, width } = conv.output;
    const stream = { ...this.#surface([1, weights, 1, 1], 'vector'), size: bytes(weights) };
    const result = this.#surface(pooled ?? [1, channels, height, width], this.#features);
    const surfaces = [this.#surface(input, image ? 'dla_hwc4' : this.#features), stream, result];
    const arithmetic = nvdlaArithmetic(this.#precision);
    const sdp = { arithmetic, x1: plainUnit, convert, outputType: this.#precision } as const;
    const pdp = { ...anyWindow, output: 2 };
    return this.#total(
      pooled ? { kind: 'conv', conv, sdp, pdp } : { kind: 'conv', conv, sdp: { ...sdp, output: 2 } },
      surfaces,
    );
  }

  pooling(input: Shape4, output: Shape4): number {
    const surfaces = [input, output].map((shape) => this.#surface(shape, this.#features));
    return this.#total({ kind: 'pdp', pdp: { ...anyWindow, input: 0, output: 1 } }, surfaces);
  }

  #surface(shape: Shape4, format: SurfaceFormat): Surface {
    const dtype = this.#precision;
    const geometry = surfaceGeometry(shape, dtype, format);
    return { id: 0, name: '', shape, dtype, format, ...geometry, memory: 'local_dram', offset: bytes(0) };
  }

  #total(pipeline: Pipeline<number>, surfaces: readonly Surface[]): number {
    const layer = { ...pipeline, id: 0, name: '', origin: [], after: [] };
    const { total, shared } = layerCycles(layer, surfaces, this.#conditions);
    return total + shared * memoryPart;
  }
}

const convert = { offset: 0, scale: 1, shift: 0 } as const;

const anyWindow: Omit<Pdp<number>, 'input' | 'output'> = {
  mode: 'max',
  kernel: { h: 1, w: 1 },
  stride: { h: 1, w: 1 },
  padding: { top: 0, left: 0, bottom: 0, right: 0 },
  countPadding: true,
};
