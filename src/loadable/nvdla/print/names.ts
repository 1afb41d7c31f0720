/**
 * The words of a printed loadable: what its numbers stand for (the numbers themselves are those of program/nvdla), and phrases that leave
 * out what holds its neutral value.
 */

import {
  activationCodes,
  aluCodes,
  type Codes,
  convolutionCodes,
  dataCategoryCodes,
  dataFormatCodes,
  dataTypeCodes,
  eventCodes,
  memoryCodes,
  memoryDomainCodes,
  pixelMappingCodes,
  pixelSignCodes,
  poolingCodes,
  precisionCodes,
  rubikCodes,
  sourceCodes,
  spacingCodes,
  tableCodes,
  weightFormatCodes,
} from '../../../program/nvdla/codes.ts';
import { pixelFormatNames } from '../../../program/nvdla/pixel-formats.ts';
import { emulatorOperations } from '../format/emulator-descriptors.ts';
import { taskInterfaces } from '../format/stock-loadable.ts';

/** The words of names, by their numbers; a name without words stands for itself. */
const worded = <T extends string>(
  { names }: Codes<T>,
  words: Readonly<Partial<Record<T, string>>>,
): readonly string[] => names.map((name) => words[name] ?? name);

/** The same of numbers by name. */
const numbered = <T extends string>(
  numbers: Readonly<Record<T, number>>,
  words: Readonly<Partial<Record<NoInfer<T>, string>>> | undefined = undefined,
): Readonly<Record<number, string>> =>
  Object.fromEntries((Object.keys(numbers) as T[]).map((name) => [numbers[name], words?.[name] ?? name]));

export const names = {
  domain: worded(memoryDomainCodes, { sram: 'SRAM' }),
  interface: numbered(taskInterfaces, { none: 'no interface', dla: 'DLA1', emulator: 'EMU1' }),
  eventOp: eventCodes.names,
  dataFormat: dataFormatCodes.names,
  dataType: worded(dataTypeCodes, { float16: 'half' }),
  dataCategory: dataCategoryCodes.names,
  pixelFormat: pixelFormatNames,
  pixelMapping: pixelMappingCodes.names,
  relocation: { 1: 'line stride', 2: 'surface stride' },
  /** Of blobs and relocations of a DLA task. */
  dlaList: ['', 'network descriptor', 'dependency graph', 'operations', 'surfaces', 'lookup tables'],
  emulatorList: { 1: 'network descriptor', 3: 'operations', 4: 'buffers' },
  precision: precisionCodes.names,
  convolution: convolutionCodes.names,
  weightFormat: weightFormatCodes.names,
  pixelSign: pixelSignCodes.names,
  alu: aluCodes.names,
  activation: worded(activationCodes, {
    none: 'no activation',
    relu: 'ReLU',
    lut: 'lookup table',
    prelu: 'PReLU',
  }),
  operand: worded(sourceCodes, { layer: 'the layer', kernel: 'each kernel', point: 'each point' }),
  pooling: poolingCodes.names,
  rubik: rubikCodes.names,
  cubeMemory: worded(memoryCodes, {
    primary: 'primary memory',
    secondary: 'secondary memory',
    hardware: 'in hardware',
  }),
  lutMethod: spacingCodes.names,
  lutChoice: worded(tableCodes, { le: 'LE', lo: 'LO' }),
  emulatorOperation: numbered(emulatorOperations),
} as const satisfies Readonly<Record<string, readonly string[] | Readonly<Record<number, string>>>>;

/** A part of a line; undefined, false and empty ones are left out. */
export type Phrase = string | false | undefined;

export const phrase = (...parts: readonly Phrase[]): string => parts.filter((part) => part).join(', ');

/** `stride 2`; left out where the value is neutral (stride 1, padding 0, …). */
export const unless = (neutral: number, label: string, value: number, unit = ''): Phrase =>
  value !== neutral && `${label} ${value}${unit}`;

/** Reserved fields, of those that are not zero. */
export const reserved = (fields: Readonly<Record<string, number | readonly number[]>>): Phrase =>
  phrase(
    ...Object.entries(fields).map(([name, value]) => {
      const values = typeof value === 'number' ? [value] : value;
      return values.some((one) => one !== 0) && `${name} ${values.join(' ')}`;
    }),
  );

/** The name of a code; `unknown (7)` for one without a name. */
export const named = (names: Readonly<Record<number, string>>, value: number): string =>
  Object.hasOwn(names, value) ? names[value]! : `unknown (${value})`;

export const count = (value: number, one: string, many = `${one}s`): string => `${value} ${value === 1 ? one : many}`;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

const bare = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$/;
/** Characters that move the cursor or turn the direction of text. */
const unprintable = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A name as it is, or in the quotes and escapes of JSON where it holds more than letters. */
export const quoted = (name: string): string =>
  bare.test(name)
    ? name
    : JSON.stringify(name).replace(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
