/**
 * Mistakes of users, as values. Every mistake has a stable code, the place where it lies, what was expected
 * and what was found. Functions throw a {@link DlakitError} that carries the problem; the CLI renders it without a
 * stack. A bug in dlakit throws anything else.
 *
 * The table below is the list of codes: docs/errors.md is generated from it.
 */

export const errorCodes = {
  'file/not-found': 'A file that was named does not exist or cannot be read.',
  'file/not-writable': 'An output file or folder cannot be written.',
  'cli/usage': 'The command line has an unknown command, flag or value.',
  cancelled: 'The work was cancelled (Ctrl-C, or an AbortSignal).',

  'onnx/not-a-model': 'The bytes are not an ONNX model.',
  'onnx/truncated': 'The file ends before the model does.',
  'onnx/opset': 'The model uses an opset outside 7–27 of the default domain, or none.',
  'onnx/too-deep': 'Messages are nested deeper than a real model ever is.',
  'onnx/too-large': 'A count or size is larger than dlakit accepts.',
  'onnx/tensor-size': 'A tensor has another number of bytes than its shape and type need.',
  'onnx/dtype': 'A tensor has a data type that dlakit does not read.',
  'onnx/dimension': 'A dimension is zero, negative or too large.',
  'onnx/external-data': 'External data is missing, too short, or lies outside the model folder.',
  'onnx/graph': 'The graph is inconsistent: an undefined or doubly defined value, a bad attribute, a missing input.',
  'onnx/cycle': 'The nodes depend on one another in a circle, or a function calls itself.',
  'graph/syntax': 'A printed Graph cannot be parsed, or names a constant that was not given.',

  'shape/unresolved':
    'The shape of an input has a symbolic dimension (bind it with --shapes), or a shape depends on data.',
  'shape/binding': 'A --shapes binding does not match the input.',
  'shape/mismatch': 'The shapes of the inputs of a node do not fit together.',

  'target/unknown': 'No target, module, power mode or release of that name.',
  'target/no-dla': 'The hardware of that name has no DLA.',
  'target/invalid': 'The description of a target is malformed, or no hardware can be like that.',
  'check/memory': 'A loadable takes more of a memory pool than there is; TensorRT would not build it.',
  'check/gpu-fallback': 'Some nodes cannot run on the DLA and --allow-gpu-fallback was not given.',
  'rewrite/unknown-pass': 'No rewrite pass of that name.',

  'calibrate/cache-format': 'A calibration cache is malformed.',
  'calibrate/cache-missing':
    'A calibration cache has no scale for a tensor that needs one, or the files for a board were wanted without a calibration.',
  'calibrate/no-samples': 'Calibration needs at least one sample.',
  'calibrate/value': 'A tensor has a NaN or infinite value, or a scale is not positive and finite.',

  'preprocess/invalid':
    'What is stated of the pre-processing of pictures cannot be, or the network takes no such pictures.',
  'preprocess/units': 'Mean or deviation are for pixels from 0 to 255 where pixels reach from 0 to 1, or the reverse.',
  'preprocess/mismatch': 'Ranges were measured on pictures prepared in another way than is stated now.',

  'compile/accumulator-overflow': 'The weights of a layer could overflow the int32 accumulator.',
  'compile/memory': 'The network does not fit the memories of the target.',
  'compile/precision':
    'A precision is asked for a node that the network does not have, or that does not run on the DLA.',
  'compile/unsupported':
    'The compiler cannot lower a node, or not as it was asked to: in this precision, input format or sparse mode, or for this target.',

  'program/syntax': 'A printed Program or Plan cannot be parsed.',
  'program/invalid': 'A Program breaks a rule that every Program keeps.',

  'estimate/cores': 'The module does not have that many DLA cores.',
  'estimate/bindings': 'Formats of inputs and outputs are given for an open NVDLA, which TensorRT does not build for.',
  'estimate/system':
    'What is said of the system around an open NVDLA is no number that it can have, or the target is no open NVDLA.',

  'loadable/not-a-loadable': 'The bytes are not a loadable.',
  'loadable/version': 'The loadable was written in a version of the format that this dlakit does not read.',
  'loadable/truncated': 'The loadable is shorter than it says.',
  'loadable/corrupt': 'The loadable is inconsistent.',
  'loadable/target': 'The loadable was made for another target.',
  'loadable/target-missing':
    'A stock loadable of another compiler does not say what it was made for; --target names it.',
  'loadable/host-segment':
    'The stock format of the open NVDLA holds one task of the DLA, and the network is more: a .dla holds it.',
  'loadable/unliftable': 'A stock loadable does what a Program has no words for.',
  'loadable/too-large': 'A count or size in the loadable is larger than dlakit accepts.',

  'device/fault': 'The device read or wrote outside the memory of its task.',
  'device/unsupported': 'The hardware function is not modelled.',
  'device/stalled': 'The task cannot go on: an operation waits for an event that nobody will raise.',
  'device/timeout': 'A launch, or a task of the host emulator, is more work than the watchdog of the device waits for.',
  'device/kernels':
    'The WebAssembly kernels are older or newer than the sources around them; npm run build:kernels builds them anew.',
  'device/memory': 'The device is out of memory.',
  'trace/syntax': 'A register trace cannot be parsed.',
  'trace/check': 'A register trace expects another value than the device holds.',
  'trace/record': 'A run cannot be written as a register trace.',

  'run/input': 'An input is missing, unknown, or has the wrong size or type.',
  'run/buffer': 'A buffer of the device was freed, never allocated, or is too small for what it is bound to.',
  'run/host-missing': 'The network has host segments and no runtime for them is installed.',
  'run/host-failed': 'The runtime of host segments does not accept a model, or fails while it runs.',
  'run/dump': 'A tensor to dump or compare is not in the compiled network (it may have been fused away).',

  'run/difference': 'Two runs that must be equal give different bytes.',

  'evaluate/data-set': 'A data set is malformed.',
  'evaluate/image': 'An image cannot be decoded or has the wrong size.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** Where a problem lies. Every field that is known is given. */
export interface Place {
  readonly file?: string;
  readonly node?: string;
  readonly value?: string;
  readonly offset?: number;
  readonly line?: number;
  readonly layer?: string;
}

export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: Place;
  readonly expected?: string;
  readonly actual?: string;
}

export class DlakitError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(formatProblem(problem));
    this.name = 'DlakitError';
    this.problem = problem;
  }
}

/** Throws a problem. `fail('onnx/cycle', 'these nodes …', { node })`. */
export function fail(
  code: ErrorCode,
  message: string,
  place: Place = {},
  detail: { readonly expected?: string | number; readonly actual?: string | number } = {},
): never {
  throw new DlakitError({
    code,
    message,
    place,
    ...(detail.expected !== undefined && { expected: String(detail.expected) }),
    ...(detail.actual !== undefined && { actual: String(detail.actual) }),
  });
}

/** Adds what a caller knows of the place (the file name, say) to a problem on its way up. */
export function locate<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DlakitError) {
      throw new DlakitError({ ...error.problem, place: { ...place, ...error.problem.place } });
    }
    throw error;
  }
}

/** `file.onnx, node Conv_3: message (expected …, found …) [code]` */
export function formatProblem(problem: Problem): string {
  const { file, node, value, offset, line, layer } = problem.place;
  const where = [
    file,
    line !== undefined && `line ${line}`,
    offset !== undefined && `byte ${offset}`,
    node !== undefined && `node ${node}`,
    layer !== undefined && `layer ${layer}`,
    value !== undefined && `value ${value}`,
  ].filter((part): part is string => typeof part === 'string');
  const found = [
    problem.expected !== undefined && `expected ${problem.expected}`,
    problem.actual !== undefined && `found ${problem.actual}`,
  ].filter((part): part is string => typeof part === 'string');
  const prefix = where.length > 0 ? `${where.join(', ')}: ` : '';
  const suffix = found.length > 0 ? ` (${found.join(', ')})` : '';
  return `${prefix}${problem.message}${suffix} [${problem.code}]`;
}
