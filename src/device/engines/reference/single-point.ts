/**
 * The single-point stages of orin and xavier: the steps of `FloatScaleSdp` and `Float16Sdp` in program/layers/sdp.ts, one IEEE float32
 * operation each (`Math.fround` of a float64 sum or product of two float32 numbers is that operation exactly).
 */

import { fail } from '../../../base/errors.ts';
import { float16Bits, float16Values, saturatedFloat16 } from '../../../base/float16.ts';
import { clamp, roundHalfAway } from '../../../base/rounding.ts';
import { type Float16Sdp, type FloatScaleSdp, type JetsonSdp, resultType } from '../../../program/layer.ts';
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
export function checkSinglePoint(sdp: JetsonSdp<Cube>): void {
  const { arithmetic, low, high, output } = sdp;
  const type = resultType(sdp);
  if (output && output.dtype !== type) {
    fail(
      'device/fault',
      'the SDP output has another type than the stage gives',
      {},
      { expected: type, actual: output.dtype },
    );
  }
  if (arithmetic === 'float16') {
    for (const bound of [low, high]) {
      if (bound === undefined || (Number.isFinite(bound) && bound === Math.fround(bound))) continue;
      fail('device/fault', 'a bound of an SDP stage is no float32', {}, { actual: bound });
    }
    return;
  }
  const ends = [low, high];
  if (!ends.every((v) => Number.isInteger(v) && v >= -128 && v <= 127) || low > high) {
    fail('device/fault', 'the clamp of an SDP stage does not fit int8', {}, { actual: `${low} … ${high}` });
  }
}

/** How a stage ends, once its steps are done. */
interface Ending {
  /** Room for so many results. */
  readonly results: (length: number) => Activations['data'];
  /** Whether a result does not fit its type, so that it is cut off. */
  readonly saturates: (t: number) => boolean;
  readonly finish: (t: number) => number;
}

function integerEnding({ low, high, lut: table }: FloatScaleSdp<Cube>, bus: Bus): Ending {
  const lut = table && readConstant(table, 'int8', [256], bus, 'the lookup table');
  return {
    results: (length) => new Int32Array(length),
    // NaN saturates like −∞.
    saturates(t) {
      const rounded = roundHalfAway(t);
      return (rounded > 127 && high === 127) || (!(rounded >= -128) && low === -128);
    },
    finish(t) {
      const q = clamp(roundHalfAway(t), low, high);
      return lut ? lut[q + 128]! : q;
    },
  };
}

function halfEnding({ low, high, lut: table }: Float16Sdp<Cube>, bus: Bus): Ending {
  const lut = table && float16Values(readConstant(table, 'float16', [65_536], bus, 'the lookup table'));
  const bounded = (t: number): number => {
    const raised = low === undefined ? t : Math.max(t, low);
    return high === undefined ? raised : Math.min(raised, high);
  };
  return {
    results: (length) => new Float32Array(length),
    saturates: (t) => Math.abs(bounded(t)) >= 65520,
    finish(t) {
      const half = saturatedFloat16(bounded(t));
      return lut ? lut[float16Bits(half)]! : half;
    },
  };
}

/** @returns int8 values, or numbers of float16, and how many results were cut off at the ends of their type. @throws device/fault, device/unsupported */
export function singlePoint(
  sdp: JetsonSdp<Cube>,
  input: Activations,
  bus: Bus,
): { readonly values: Activations; readonly saturated: number } {
  checkSinglePoint(sdp);
  const [batch, channels, height, width] = input.shape;
  const plane = height * width;
  const scale = sdp.scale && perChannel(sdp.scale, channels, bus, 'the SDP scale');
  const shift = sdp.shift && perChannel(sdp.shift, channels, bus, 'the SDP shift');
  const slope = sdp.slope && perChannel(sdp.slope, channels, bus, 'the SDP slope');
  const ending = sdp.arithmetic === 'float16' ? halfEnding(sdp, bus) : integerEnding(sdp, bus);
  const operand = sdp.operand && readOperand(sdp.operand.input, input.shape, bus);
  const operate = sdp.operand && operations[sdp.operand.op];
  const operandScale = Math.fround(sdp.operand?.scale ?? 1);

  const data = ending.results(input.data.length);
  let saturated = 0;
  for (let plane0 = 0; plane0 < batch * channels; plane0++) {
    const c = plane0 % channels;
    for (let i = plane0 * plane; i < (plane0 + 1) * plane; i++) {
      let t = Math.fround(input.data[i]!);
      if (scale) t = Math.fround(t * scale[c]!);
      if (shift) t = Math.fround(t + shift[c]!);
      if (operand && operate) {
        t = operate(t, Math.fround(operand.data[operand.broadcast ? plane0 : i]! * operandScale));
      }
      if (slope && t < 0) t = Math.fround(t * slope[c]!);
      if (ending.saturates(t)) saturated++;
      data[i] = ending.finish(t);
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

function readOperand(cube: Cube, input: Shape4, bus: Bus): Pick<Activations, 'data'> & { readonly broadcast: boolean } {
  const broadcast = operandShape(cube, input) === 'channel';
  return { data: readFeature(cube, bus, 'the SDP operand').data, broadcast };
}
