/** Values of flags, validated, the flags that several commands share, and what flags go together. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { type PrecisionName, precisionNames } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { readBytes } from '../host/node/files.ts';
import { readTarget } from '../targets/custom-target.ts';
import { addTarget } from '../targets/find.ts';
import { isPoolSize } from '../targets/target.ts';

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('A positive integer is wanted.');
  return value;
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('A number above 0 is wanted.');
  return value;
}

function notNegative(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && Number.isFinite(value)))
    throw new InvalidArgumentError('A number that is not negative is wanted.');
  return value;
}

export function percentage(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100)) throw new InvalidArgumentError('A number above 0, at most 100, is wanted.');
  return value;
}

export const positiveList = (text: string): readonly number[] => {
  const values = numberList(text);
  if (values.some((value) => value <= 0)) throw new InvalidArgumentError('Positive numbers are wanted.');
  return values;
};

/** `0.485,0.456,0.406` */
export function numberList(text: string): readonly number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.some((value) => !Number.isFinite(value)))
    throw new InvalidArgumentError('Numbers separated by commas are wanted.');
  return values;
}

/** Whether the command line names a flag, so that a default is not taken for a wish. */
export const isGiven = (command: Command, flag: string): boolean => command.getOptionValueSource(flag) === 'cli';

/**
 * Refuses flags that would do nothing.
 * @param flags as attributes: `channelOrder`
 * @param reason why they would, as the rest of a sentence that begins with the flag: `goes with --images`
 * @throws cli/usage when the command line names one of them
 */
export function refuse(command: Command, flags: readonly string[], reason: string): void {
  const named = flags.find((flag) => isGiven(command, flag));
  if (named === undefined) return;
  const { long } = command.options.find((option) => option.attributeName() === named)!;
  fail('cli/usage', `${long} ${reason}`);
}

/** What the files of networks hold, by their extensions. */
const formats = {
  onnx: 'an ONNX model',
  dla: 'a loadable of dlakit',
  nvdla: 'a loadable of the open NVDLA',
  cache: 'a calibration cache',
  json: 'JSON',
  sarif: 'SARIF',
  html: 'a page',
  csv: 'a table',
  txt: 'text',
  engine: 'a TensorRT engine',
  plan: 'a TensorRT engine',
  trt: 'a TensorRT engine',
  prototxt: 'a Caffe network',
  caffemodel: 'Caffe weights',
  pb: 'a TensorFlow graph',
  tflite: 'a TFLite model',
  pt: 'a PyTorch model',
  pth: 'a PyTorch model',
  bin: 'raw elements',
  raw: 'raw elements',
  npy: 'a NumPy array',
} as const;

/**
 * Refuses a name that says another format than what is written under it. Names that say nothing pass.
 * @throws cli/usage
 */
export function requireFormat(flag: string, file: string, written: readonly (keyof typeof formats)[]): void {
  const extension = /\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
  if (!Object.hasOwn(formats, extension) || written.some((format) => format === extension)) return;
  const named = formats[extension as keyof typeof formats];
  const expected = written.map((format) => `${formats[format]} (.${format})`).join(' or ');
  fail('cli/usage', `${flag} is named as ${named}`, { file }, { expected, actual: `.${extension}` });
}

export const withTarget = (command: Command): Command =>
  command
    .option(
      '--target <name>',
      'orin, xavier, nv_small, nv_full, … or a target of your own as .json (docs/targets.md)',
      'orin',
    )
    .option(
      '--release <name>',
      'software release whose rules apply, e.g. "JetPack 5.1.1" (default: "JetPack 6.0", for xavier "JetPack 5.1.1")',
    )
    .addOption(
      new Option(
        '--asymmetric <how>',
        'zero points, uint8 and 16-bit integers of a quantized network: keep them, requantize to int8 about 0, or clip without a scale',
      )
        .choices(['keep', 'requantize', 'clip'])
        .default('keep'),
    );

/**
 * `--target my.json`: a target of the user's own, made known before a command runs.
 * @throws file/not-found, target/invalid, target/unknown
 */
export async function useTargetFile(command: Command): Promise<void> {
  const { target } = command.opts<{ target?: string }>();
  if (target === undefined || !target.toLowerCase().endsWith('.json')) return;
  const custom = readTarget(new TextDecoder().decode(await readBytes(target)), target);
  addTarget(custom);
  command.setOptionValue('target', custom.name);
}

export const withShapes = (command: Command): Command =>
  command
    .option('--shapes <list>', 'bind symbolic dimensions: name:1x3x224x224,…')
    .option('--batch <n>', 'bind a symbolic first dimension (default: 1)', positiveInteger);

export const withModule = (command: Command): Command =>
  command
    .option('--module <id>', 'e.g. agx-orin-64gb, orin-nx-16gb (see docs/targets.md)')
    .option('--cores <n>', 'DLA cores that work side by side (default: all of the module)', positiveInteger);

export const withBindings = (command: Command): Command =>
  command.addOption(
    new Option(
      '--bindings <formats>',
      "orin and xavier: formats that the engine binds inputs and outputs in: the DLA's own, as --board asks for, or trtexec's default, FP32 linear, which the GPU reformats",
    ).choices(['native', 'fp32']),
  );

export const withSystem = (command: Command): Command =>
  command
    .option('--clock <MHz>', 'nv_*: of the core', positive)
    .option('--bandwidth <GB/s>', 'nv_*: of its memory, reading and writing together', positive)
    .option('--latency <cycles>', 'nv_*: from a read request to its data', notNegative)
    .option('--outstanding <n>', 'nv_*: bursts that one read client can have under way', positiveInteger)
    .option('--launch <cycles>', 'nv_*: what the processor takes to launch', notNegative);

/** What `withSystem` adds to a command's flags. */
export interface SystemFlags {
  readonly clock?: number;
  readonly bandwidth?: number;
  readonly latency?: number;
  readonly outstanding?: number;
  readonly launch?: number;
}

/** What the flags say of the system, as an option of the API; nothing when they say nothing. */
export function systemOf({ clock, bandwidth, latency, outstanding, launch }: SystemFlags): {
  readonly system?: SystemFlags;
} {
  const given = Object.entries({ clock, bandwidth, latency, outstanding, launch }).filter(
    ([, value]) => value !== undefined,
  );
  return given.length === 0 ? {} : { system: Object.fromEntries(given) };
}

/** MiB, by the names that trtexec's `--memPoolSize` has. */
export interface MemoryPoolFlag {
  readonly dlaSRAM?: number;
  readonly dlaLocalDRAM?: number;
  readonly dlaGlobalDRAM?: number;
}

const poolFlags = ['dlaSRAM', 'dlaLocalDRAM', 'dlaGlobalDRAM'] as const;

/** `dlaSRAM:1,dlaLocalDRAM:2048` */
function memoryPools(text: string): MemoryPoolFlag {
  const pools: { -readonly [K in keyof MemoryPoolFlag]: number } = {};
  for (const part of text.split(',')) {
    const [name, size = ''] = part.split(':');
    const pool = poolFlags.find((known) => known === name);
    if (pool === undefined) throw new InvalidArgumentError(`A pool is one of ${poolFlags.join(', ')}.`);
    if (pools[pool] !== undefined) throw new InvalidArgumentError(`${pool} is given twice.`);
    const value = size.trim() === '' ? Number.NaN : Number(size);
    if (!isPoolSize(value * 2 ** 20)) {
      throw new InvalidArgumentError('A pool is a power of two of bytes, at least 4 KiB; its size is given in MiB.');
    }
    pools[pool] = value;
  }
  return pools;
}

export const memPoolOption = (): Option =>
  new Option('--mem-pool <list>', 'memory pools in MiB: dlaSRAM:1,dlaLocalDRAM:1024,dlaGlobalDRAM:512').argParser(
    memoryPools,
  );

/** The pools that flags state, as options of the API. */
export const poolsOf = ({ sram, memPool }: { readonly sram?: string; readonly memPool?: MemoryPoolFlag }) => {
  const managed = memPool?.dlaSRAM ?? (sram === undefined ? undefined : Number(sram));
  return {
    ...(managed !== undefined && { sram: managed }),
    ...(memPool?.dlaLocalDRAM !== undefined && { localDram: memPool.dlaLocalDRAM }),
    ...(memPool?.dlaGlobalDRAM !== undefined && { globalDram: memPool.dlaGlobalDRAM }),
  };
};

/** `NAME:fp16,…`; a name may hold colons. */
function layerPrecisionList(text: string): ReadonlyMap<string, PrecisionName> {
  const list = new Map<string, PrecisionName>();
  for (const entry of text.split(',')) {
    const at = entry.lastIndexOf(':');
    const [name, precision] = [entry.slice(0, Math.max(0, at)), entry.slice(at + 1)];
    const known = precisionNames.find((candidate) => candidate === precision);
    if (name === '' || known === undefined) throw new InvalidArgumentError(`${entry} is not NAME:fp16 or NAME:int8.`);
    if (list.has(name)) throw new InvalidArgumentError(`${name} is named twice.`);
    list.set(name, known);
  }
  return list;
}

export const withCompile = (command: Command): Command =>
  command
    .option(
      '--calib <file>',
      'ranges: TensorRT’s cache, JSON or “name: range” lines, ahead of those that the network states (Q/DQ); trtexec’s dummy ranges where there are neither',
    )
    .option(
      '--propagate-scales',
      'give tensors without a scale that of a neighbour of the same range (always for the scales of a quantized network)',
    )
    .addOption(new Option('--sram <MiB>', 'managed SRAM pool').choices(['0.5', '1']).conflicts('memPool'))
    .addOption(memPoolOption())
    .addOption(
      new Option('--input-format <format>', 'of the network’s inputs')
        .choices(['auto', 'dla_hwc4', 'dla_linear', 'chw32', 'chw16'])
        .default('auto'),
    )
    .addOption(
      new Option('--precision <type>', 'fp16, which needs no ranges, on orin, xavier and nv_full')
        .choices(precisionNames)
        .default('int8'),
    )
    .addOption(
      new Option(
        '--layer-precisions <list>',
        'nodes that run in another precision, as trtexec has it: NAME:fp16,NAME:int8; * for all others',
      ).argParser(layerPrecisionList),
    )
    .addOption(
      new Option('--sparsity <mode>', 'use 2:4 sparse weights where a layer has them')
        .choices(['disable', 'enable'])
        .default('disable'),
    );
