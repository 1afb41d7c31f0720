/** Moves channels between feature cubes, bytes unchanged. Channels of the output outside the range keep their value. */

import { fail } from '../../../base/errors.ts';
import type { Copy } from '../../../program/layer.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { expectOneType, expectShape, readElements, writeElements } from './feature.ts';

/** @throws device/fault */
export function checkCopy(stage: Copy<Cube>): void {
  const { input, output, inputChannel, outputChannel, channels } = stage;
  const fits = (first: number, limit: number) => Number.isInteger(first) && first >= 0 && first + channels <= limit;
  if (
    !Number.isInteger(channels) ||
    channels < 1 ||
    !fits(inputChannel, input.shape[1]) ||
    !fits(outputChannel, output.shape[1])
  ) {
    fail(
      'device/fault',
      'a copy leaves the channels of its surfaces',
      {},
      { actual: `${channels} from ${inputChannel} to ${outputChannel}` },
    );
  }
  expectOneType(input, output, 'a copy');
  expectShape([output.shape[0], input.shape[1], output.shape[2], output.shape[3]], input.shape, 'the copy input');
}

/** @throws device/fault, device/unsupported */
export function copy(stage: Copy<Cube>, bus: Bus): void {
  checkCopy(stage);
  const input = readElements(stage.input, bus, 'the copy input');
  const output = readElements(stage.output, bus, 'the copy output');
  const [batch, inputChannels, height, width] = input.shape;
  const outputChannels = output.shape[1];
  const plane = height * width;
  for (let n = 0; n < batch; n++) {
    const from = (n * inputChannels + stage.inputChannel) * plane;
    output.data.set(
      input.data.subarray(from, from + stage.channels * plane),
      (n * outputChannels + stage.outputChannel) * plane,
    );
  }
  writeElements(stage.output, output, bus, 'the copy output');
}
