/** Plain convolutions and single-point stages of a configuration, for tests that change one thing about them. */

import type { Conv, NvdlaSdp, SdpUnit } from '../../../program/layer.ts';
import type { SurfaceFormat } from '../../../program/surface.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { Cube } from '../../launch.ts';

export const atomsOf = ({ memoryAtom }: NvdlaTarget): SurfaceFormat => `chw${memoryAtom as number}` as SurfaceFormat;

/** A convolution of features without padding or strides. */
export function plainConv(
  target: NvdlaTarget,
  input: Cube,
  weights: Cube,
  kernels = target.memoryAtom as number,
  kernel = { h: 1, w: 1 },
): Conv<Cube> {
  const [, , height, width] = input.shape;
  return {
    input,
    weights,
    kernel,
    stride: { h: 1, w: 1 },
    dilation: { h: 1, w: 1 },
    padding: { top: 0, left: 0, bottom: 0, right: 0 },
    padValue: 0,
    groups: 1,
    transposed: false,
    output: { channels: kernels, height: height - kernel.h + 1, width: width - kernel.w + 1 },
    sparse: false,
    truncate: 0,
    core: {
      precision: 'int8',
      kernelGroup: target.atomic.k,
      channelBlock: target.atomic.c,
      accumulatorChannels: Math.ceil(kernels / target.memoryAtom) * target.memoryAtom,
      accumulatorBits: target.nvdla.accumulatorBits,
      cbuf: { dataBanks: 1, weightBanks: 1 },
      reuse: { data: false, weights: false },
      keep: { data: false, weights: false },
    },
  };
}

/** A sub-unit that does nothing yet. */
export const idleUnit: SdpUnit<Cube> = {
  mul: false,
  source: 'layer',
  aluOperand: 0,
  mulOperand: 0,
  aluShift: 0,
  truncate: 0,
  activation: 'none',
};

/** (x + add) × factor / 2^truncate. */
export const scaling = (aluOperand: number, mulOperand: number, truncate: number): SdpUnit<Cube> => ({
  ...idleUnit,
  alu: 'sum',
  mul: true,
  aluOperand,
  mulOperand,
  truncate,
});

/** SDP that only saturates, and divides by 2^shift. */
export const plainSdp = (output?: Cube, shift = 0): NvdlaSdp<Cube> => ({
  arithmetic: 'integer-scale',
  convert: { offset: 0, scale: 1, shift },
  outputType: 'int8',
  ...(output && { output }),
});
