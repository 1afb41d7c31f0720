/** The flags that decide what a network compiles to, and the compilation that follows from them. */

import type { PrecisionName } from '../base/data-type.ts';
import { DlakitError, type ErrorCode, fail } from '../base/errors.ts';
import type { InputFormat } from '../compile/input-format.ts';
import { readBytes } from '../host/node/files.ts';
import { type Compilation, compile, coverageText, type PreparedNetwork, prepare, scaleCost } from '../index.ts';
import { fashionModel } from '../models/fashion.ts';
import type { Preprocess } from '../program/program.ts';
import { readRanges } from '../quantize/read-ranges.ts';
import { isNvdla } from '../targets/target.ts';
import type { Context } from './context.ts';
import { readNetworkFile } from './network-file.ts';
import { type MemoryPoolFlag, poolsOf } from './options.ts';

export interface PreprocessFlags {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly channelOrder?: 'rgb' | 'bgr' | 'gray';
}

export interface CompileFlags extends PreprocessFlags {
  readonly target: string;
  readonly release?: string;
  readonly shapes?: string;
  readonly batch?: number;
  readonly calib?: string;
  readonly asymmetric: 'keep' | 'requantize' | 'clip';
  readonly propagateScales?: true;
  readonly sram?: '0.5' | '1';
  readonly memPool?: MemoryPoolFlag;
  readonly inputFormat: InputFormat;
  readonly precision: PrecisionName;
  readonly layerPrecisions?: ReadonlyMap<string, PrecisionName>;
  readonly sparsity: 'disable' | 'enable';
}

/** The pre-processing that the flags state; undefined when they state none. */
function preprocessOf({ mean, std, channelOrder }: PreprocessFlags): Preprocess | undefined {
  if (!mean && !std && !channelOrder) return undefined;
  const channels = mean?.length ?? std?.length ?? (channelOrder === 'gray' ? 1 : 3);
  return {
    mean: mean ?? Array<number>(channels).fill(0),
    std: std ?? Array<number>(channels).fill(1),
    channelOrder: channelOrder ?? (channels === 1 ? 'gray' : 'rgb'),
  };
}

/** The pre-processing that the flags state; where they state none, that of the demo network that the file is named after. */
export const preprocessFor = (name: string, flags: PreprocessFlags): Preprocess | undefined =>
  preprocessOf(flags) ?? fashionModel(name)?.preprocess;

/** @throws cli/usage unless mean and std have one value, or one for each channel of the network's image input */
function requireChannels({ mean, std }: Preprocess, { graph }: PreparedNetwork): void {
  const channels = graph.values.get(graph.inputs[0] ?? '')?.shape?.[1];
  for (const [flag, { length }] of [
    ['--mean', mean],
    ['--std', std],
  ] as const) {
    if (length === 1 || length === channels) continue;
    fail(
      'cli/usage',
      `${flag} wants one number, or one for each channel of the input`,
      {},
      { expected: `1 or ${channels}`, actual: length },
    );
  }
}

/** Scales from a file of ranges, in any of the forms that readRanges knows. @throws file/not-found, calibrate/cache-format */
export async function readScales(file: string): Promise<ReadonlyMap<string, number>> {
  return readRanges(await readBytes(file), file);
}

/** Which tensors have no scale, what that costs, and what helps. */
export const scalesText = (compilation: Compilation, { text }: Context): string =>
  coverageText(compilation.coverage, compilation.unmatched, {
    ...text,
    cost: scaleCost(compilation),
    without: isNvdla(compilation.options.target) ? 'on the host' : 'in FP16',
  });

export interface CompiledFile {
  readonly network: PreparedNetwork;
  readonly compilation: Compilation;
}

export async function compileFile(file: string, flags: CompileFlags): Promise<CompiledFile> {
  const network = prepare(await readNetworkFile(file, flags), flags);
  const scales = flags.calib === undefined ? undefined : await readScales(flags.calib);
  return { network, compilation: compileNetwork(network, { ...flags, ...preprocessFor(file, flags) }, scales) };
}

/** Errors that lie in the calibration file, whose name they get. */
const calibrationErrors: ReadonlySet<ErrorCode> = new Set(['calibrate/cache-missing', 'calibrate/value']);

export function compileNetwork(
  network: PreparedNetwork,
  flags: CompileFlags,
  scales: ReadonlyMap<string, number> | undefined,
): Compilation {
  const preprocess = preprocessOf(flags);
  if (preprocess) requireChannels(preprocess, network);
  try {
    return compile(network, {
      target: flags.target,
      ...(flags.release !== undefined && { release: flags.release }),
      ...(scales && { scales }),
      ...poolsOf(flags),
      precision: flags.precision,
      ...(flags.layerPrecisions && { layerPrecisions: flags.layerPrecisions }),
      inputFormat: flags.inputFormat,
      sparsity: flags.sparsity,
      ...(flags.propagateScales && { propagateScales: true }),
      ...(preprocess && { preprocess }),
    });
  } catch (error) {
    const ofCalibration = error instanceof DlakitError && calibrationErrors.has(error.problem.code);
    if (!ofCalibration || flags.calib === undefined) throw error;
    throw new DlakitError({ ...error.problem, place: { file: flags.calib, ...error.problem.place } });
  }
}
