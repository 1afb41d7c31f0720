/** The flags that decide what a network compiles to, and the compilation that follows from them. */

import type { PrecisionName } from '../base/data-type.ts';
import { DlakitError, type ErrorCode } from '../base/errors.ts';
import type { InputFormat } from '../compile/input-format.ts';
import { agreedPreprocess } from '../graph/preprocess.ts';
import { type Compilation, compile, coverageText, type PreparedNetwork, prepare, scaleCost } from '../index.ts';
import type { MeasuredRanges } from '../quantize/read-ranges.ts';
import { isNvdla } from '../targets/target.ts';
import type { Context } from './context.ts';
import { readNetworkFile } from './network-file.ts';
import { type MemoryPoolFlag, poolsOf } from './options.ts';
import { calibrationOf, type PreprocessFlags, statedPreprocess } from './preprocess-flags.ts';

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

/** @param batch as readNetworkFile takes it. @throws as {@link compileNetwork}; file/not-found, onnx/*, shape/*, calibrate/cache-format */
export async function compileFile(file: string, flags: CompileFlags, batch?: number): Promise<CompiledFile> {
  const network = prepare(await readNetworkFile(file, flags, batch), flags);
  const calibration = await calibrationOf(file, flags.calib);
  return { network, compilation: compileNetwork(network, file, flags, calibration) };
}

/** Errors that lie in the calibration file, whose name they get. */
const calibrationErrors: ReadonlySet<ErrorCode> = new Set(['calibrate/cache-missing', 'calibrate/value']);

/** @throws preprocess/mismatch where the flags state another pre-processing than the ranges were measured with; as `compile` of the API */
function compileNetwork(
  network: PreparedNetwork,
  file: string,
  flags: CompileFlags,
  { scales, preprocess: calibrated }: Partial<MeasuredRanges>,
): Compilation {
  const place = { file: flags.calib ?? file };
  const preprocess = agreedPreprocess(statedPreprocess(flags, network.original), calibrated, place);
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
