/** The convolution stage of a launch. */

import type { Conv } from '../../program/layer.ts';
import { atomElements, kernelGroupOf } from '../../program/nvdla/convolution-buffer.ts';
import type { ConvolutionLaunch, ConvolutionWork } from './plan-convolution.ts';

/** @param input and @param weights surfaces */
export function convStage(
  launch: ConvolutionLaunch,
  work: ConvolutionWork,
  input: number,
  weights: number,
): Conv<number> {
  const { target, precision, image, shape } = work;
  const { fromChannel, toChannel, fromRow, toRow } = launch.output;
  const channels = toChannel - fromChannel;
  const atom = atomElements(target, precision);
  return {
    input,
    weights,
    kernel: launch.kernel,
    stride: launch.stride,
    dilation: launch.dilation,
    padding: launch.padding,
    padValue: 0,
    groups: 1,
    transposed: false,
    output: { channels, height: toRow - fromRow, width: shape.output.width },
    sparse: false,
    truncate: 0,
    core: {
      precision,
      kernelGroup: kernelGroupOf(target, precision),
      channelBlock: target.atomic.c,
      accumulatorChannels: Math.ceil(channels / atom) * atom,
      accumulatorBits: target.nvdla.accumulatorBits,
      cbuf: launch.cbuf,
      ...(image && {
        image: { order: work.input[1] === 1 ? [0] : [0, 1, 2, 3], rowsPerBlock: launch.rowsPerBlock ?? 1 },
      }),
      reuse: launch.reuse,
      keep: launch.keep,
    },
  };
}
