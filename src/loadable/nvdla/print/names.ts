/** What the numbers in loadables stand for, in the words of their texts. The numbers themselves are those of program/nvdla. */

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
