/** What the fuzzer draws from: a generator for each mutant, and values that break things. */

import { Random } from '../../src/base/random.ts';

/** The generator of one mutant: neighbouring indices give unrelated sequences, and an index can be replayed alone. */
export const randomOf = (seed: number, index: number): Random =>
  new Random(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35));

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
