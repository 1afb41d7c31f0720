/** The fuzzer's source of numbers: the models' generator, asked for choices instead of weights. */

import { Random } from '../../src/base/random.ts';

export class FuzzRandom extends Random {
  /** In [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}

/** The generator of one mutant: neighbouring indices give unrelated sequences, and an index can be replayed alone. */
export const randomOf = (seed: number, index: number): FuzzRandom =>
  new FuzzRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35));

/** Numbers that break arithmetic: ends of every width, and what lies just beside them. */
export const nastyIntegers: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  16n,
  31n,
  32n,
  33n,
  255n,
  4097n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  // As unsigned 64-bit numbers: −2⁶³, −2³¹, −2, −1.
  2n ** 63n,
  2n ** 64n - 2n ** 31n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
];

export const nastyFloats: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-45,
  1e-38,
  3.4e38,
  -3.4e38,
  2 ** 31,
  2 ** 24 + 1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

/** Names that mean something to JavaScript, to ONNX or to a terminal. */
export const nastyNames: readonly string[] = [
  '',
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
  'length',
  ' ',
  'a:b',
  'a=b',
  '"',
  '\\',
  '\n',
  '\u001b[31m',
  '\0',
  '\ud800',
  '../../etc/passwd',
  'x'.repeat(5000),
];
