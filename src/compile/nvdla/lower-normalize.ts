/**
 * CDP, the engine across channels: local response normalization, and functions of one number on configurations whose
 * single-point processor has no table. Either way a table answers: at the sum of the squares around a channel, which is then
 * multiplied by the channel; or at the number itself, which is the result.
 */

import { pow } from '../../base/elementary.ts';
import { float16Bits } from '../../base/float16.ts';
import type { Cdp, Convert, Lookup } from '../../program/layer.ts';
import type { NormalizeOperation, PointOperation } from '../operation.ts';
import { float32Bits, floatCurve, floatTable } from './float16/table.ts';
import { fromTable, integerTable, largest16, saturate16 } from './int8/table.ts';
import type { Launches, Lowering } from './lowering.ts';

const asItIs: Convert = { offset: 0, scale: 1, shift: 0 };

/** A function of int8 numbers, one for each entry. */
export function lowerTable({ input, output, point }: PointOperation, at: Lowering): Launches {
  const { name, surfaces } = at;
  const scales = { inputScale: at.scaleOf(point.table!.input), outputScale: at.scaleOf(output) };
  const lookup = integerTable(point.table!.evaluate, { name, ...scales, fractionBits: 0, surfaces });
  const cdp: Cdp<number> = {
    input: surfaces.of(input),
    localSize: 3,
    inputConvert: asItIs,
    outputConvert: fromTable,
    bypassSquareSum: true,
    bypassMultiply: true,
    lookup,
    output: surfaces.of(output),
  };
  return [{ kind: 'cdp', cdp }];
}

export function lowerNormalize(operation: NormalizeOperation, at: Lowering): Launches {
  const { input, output, size } = operation;
  const { lookup, convert } = at.precision === 'float16' ? floatFactor(operation, at) : integerFactor(operation, at);
  const cdp: Cdp<number> = {
    input: at.surfaces.of(input),
    localSize: size as 3 | 5 | 7 | 9,
    inputConvert: asItIs,
    outputConvert: convert,
    bypassSquareSum: false,
    bypassMultiply: false,
    lookup,
    output: at.surfaces.of(output),
  };
  return [{ kind: 'cdp', cdp }];
}

interface Factor {
  readonly lookup: Lookup<number>;
  readonly convert: Convert;
}

/**
 * Entries are the factor from integers to integers. LE reaches to the largest sum there can be; LO, which has four times the
 * entries, covers the part of it where that makes the least error.
 */
function integerFactor({ input, output, size, alpha, beta, bias }: NormalizeOperation, at: Lowering): Factor {
  const { name, surfaces } = at;
  const [inputScale, outputScale] = [at.scaleOf(input), at.scaleOf(output)];
  const step = (alpha / size) * inputScale * inputScale;
  const factor = (sum: number): number => (pow(bias + step * sum, -beta) * inputScale) / outputScale;
  let shift = 0;
  while (shift < 31 && Math.max(factor(0), factor(size * 128 ** 2)) * 2 ** (shift + 1) <= largest16) shift++;

  let widest = 0;
  while (64 * 2 ** widest < size * 128 ** 2) widest++;
  const missed = (from: number, exponent: number, count: number): number => {
    let most = 0;
    for (let index = 0; index < count; index++) {
      const sum = from + index * 2 ** exponent;
      const middle = sum + 2 ** (exponent - 1);
      const error = Math.abs((factor(sum) + factor(sum + 2 ** exponent)) / 2 - factor(middle));
      // A channel is part of its sum.
      most = Math.max(most, error * Math.min(128, Math.sqrt(middle)));
    }
    return most;
  };
  const errors = Array.from({ length: widest - 1 }, (_, exponent) => {
    const reach = 256 * 2 ** exponent;
    const first = Math.floor(reach / 2 ** widest);
    return Math.max(missed(0, exponent, 256), missed(first * 2 ** widest, widest, 64 - first));
  });
  const finest = errors.indexOf(Math.min(...errors));

  const flat = { scale: 0, shift: 0 };
  const curve = (which: 'le' | 'lo', exponent: number, count: number) => ({
    entries: surfaces.vector(
      `${name}:${which}`,
      'int16',
      Int16Array.from({ length: count + 1 }, (_, index) => saturate16(factor(index * 2 ** exponent) * 2 ** shift)),
    ),
    start: 0,
    end: count * 2 ** exponent,
    underflow: flat,
    overflow: flat,
    exponent,
  });
  const lookup: Lookup<number> = {
    le: { ...curve('le', widest, 64), spacing: 'linear' },
    lo: curve('lo', finest, 256),
    underflowPriority: 'lo',
    overflowPriority: 'le',
    hybridPriority: 'lo',
  };
  return { lookup, convert: { offset: 0, scale: 1, shift } };
}

/**
 * Without ranges. LO is as fine as the bend near zero asks for, and answers up to about 32 times what doubles the base; LE
 * goes on in octaves of the base without an end, a few percent off between them.
 */
function floatFactor({ size, alpha, beta, bias }: NormalizeOperation, { name, surfaces }: Lowering): Factor {
  const step = alpha / size;
  const factor = (sum: number): number => Math.min(pow(bias + step * sum, -beta), largestHalf);
  if (step === 0) return { lookup: floatTable(() => factor(0), { name, surfaces }), convert: asItIs };
  const doubling = bias / step;
  let exponent = -30;
  while (exponent < 30 && 2 ** (exponent + 1) <= doubling / 8) exponent++;
  const octaves = Array.from({ length: 65 }, (_, index) => factor(2 ** (exponent + 3 + index) - doubling));
  const lo = floatCurve(factor, { start: 0, exponent }, 'lo', { name, surfaces });
  const lookup: Lookup<number> = {
    le: {
      entries: surfaces.vector(`${name}:le`, 'float16', Uint16Array.from(octaves, float16Bits)),
      start: float32Bits(-doubling),
      end: float32Bits(2 ** (exponent + 67)),
      underflow: { scale: 0, shift: 0 },
      overflow: { scale: 0, shift: 0 },
      spacing: 'exponential',
      exponent: exponent + 3,
    },
    lo,
    underflowPriority: 'lo',
    overflowPriority: 'le',
    hybridPriority: 'lo',
  };
  return { lookup, convert: asItIs };
}

const largestHalf = 65_504;
