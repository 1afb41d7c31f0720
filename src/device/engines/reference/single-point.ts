/**
 * The single-point stage of float-scale targets: the steps of `FloatScaleSdp` in program/layers/sdp.ts, one IEEE float32
 * operation each (`Math.fround` of a float64 sum or product of two float32 numbers is that operation exactly).
 */

import { fail } from '../../../base/errors.ts';
import { clamp, roundHalfAway } from '../../../base/rounding.ts';
import type { FloatScaleSdp } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { type Activations, expectShape, readConstant, readFeature } from './feature.ts';

type Operation = NonNullable<FloatScaleSdp<Cube>['operand']>['op'];

const operations: Readonly<Record<Operation, (a: number, b: number) => number>> = {
  add: (a, b) => Math.fround(a + b),
  sub: (a, b) => Math.fround(a - b),
  mul: (a, b) => Math.fround(a * b),
  max: Math.max,
  min: Math.min,
};

/** One element per channel, whether the vector has one or all of them. */
const perChannel = (cube: Cube, channels: number, bus: Bus, what: string): Float32Array => {
  const values = readConstant(cube, 'float32', [1, channels], bus, what);
  return values.length === channels ? values : new Float32Array(channels).fill(values[0]!);
};

/** Checks the numbers of the stage. @throws device/fault */
export function checkSinglePoint(sdp: FloatScaleSdp<Cube>): void {
  const { low, high } = sdp;
  const ends = [low, high];
  if (!ends.every((v) => Number.isInteger(v) && v >= -128 && v <= 127) || low > high) {
    fail('device/fault', 'the clamp of an SDP stage does not fit int8', {}, { actual: `${low} … ${high}` });
  }
}

/** @returns int8 values, and how many results were clamped to the ends of int8. @throws device/fault, device/unsupported */
export function singlePoint(
  sdp: FloatScaleSdp<Cube>,
  input: Activations,
  bus: Bus,
): { readonly values: Activations; readonly saturated: number } {
  checkSinglePoint(sdp);
  const [batch, channels, height, width] = input.shape;
  const plane = height * width;
  const scale = perChannel(sdp.scale, channels, bus, 'the SDP scale');
  const shift = sdp.shift && perChannel(sdp.shift, channels, bus, 'the SDP shift');
  const slope = sdp.slope && perChannel(sdp.slope, channels, bus, 'the SDP slope');
  const lut = sdp.lut && readConstant(sdp.lut, 'int8', [256], bus, 'the lookup table');
  const operand = sdp.operand && readOperand(sdp.operand.input, input.shape, bus);
  const operate = sdp.operand && operations[sdp.operand.op];
  const operandScale = Math.fround(sdp.operand?.scale ?? 1);

  const data = new Int32Array(input.data.length);
  let saturated = 0;
  for (let plane0 = 0; plane0 < batch * channels; plane0++) {
    const c = plane0 % channels;
    for (let i = plane0 * plane; i < (plane0 + 1) * plane; i++) {
      let t = Math.fround(Math.fround(input.data[i]!) * scale[c]!);
      if (shift) t = Math.fround(t + shift[c]!);
      if (operand && operate) {
        t = operate(t, Math.fround(operand.data[operand.broadcast ? plane0 : i]! * operandScale));
      }
      if (slope && t < 0) t = Math.fround(t * slope[c]!);
      const rounded = roundHalfAway(t);
      // NaN saturates like −∞.
      if ((rounded > 127 && sdp.high === 127) || (!(rounded >= -128) && sdp.low === -128)) saturated++;
      const q = clamp(rounded, sdp.low, sdp.high);
      data[i] = lut ? lut[q + 128]! : q;
    }
  }
  return { values: { shape: input.shape, data }, saturated };
}

/** Whether an operand has a value for each point or one for each channel. @throws device/fault when it has neither's shape */
export function operandShape(cube: Cube, input: Shape4): 'point' | 'channel' {
  const [batch, channels, height, width] = input;
  const perChannel = cube.shape[2] === 1 && cube.shape[3] === 1 && height * width > 1;
  expectShape(perChannel ? [batch, channels, 1, 1] : input, cube.shape, 'the SDP operand');
  return perChannel ? 'channel' : 'point';
}

function readOperand(cube: Cube, input: Shape4, bus: Bus): { readonly data: Int32Array; readonly broadcast: boolean } {
  const broadcast = operandShape(cube, input) === 'channel';
  return { data: readFeature(cube, bus, 'the SDP operand').data, broadcast };
}
