/** `dla check`: what runs on the DLA, and which rule sends the rest to the GPU (on the open NVDLA: the host). */

import { Command, Option } from 'commander';
import { type PrecisionName, precisionNames } from '../../base/data-type.ts';
import { DlakitError, fail } from '../../base/errors.ts';
import { boardGraph } from '../../compile/orin/board/graph.ts';
import { writeFile } from '../../host/node/files.ts';
import { type CompileOptions, check, compile, type PreparedNetwork, prepare, version } from '../../index.ts';
import { checkJson } from '../../report/check-json.ts';
import { checkText } from '../../report/check-text.ts';
import { checkSarif } from '../../report/sarif.ts';
import { scalesText } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { readNetworkFile } from '../network-file.ts';
import {
  type MemoryPoolFlag,
  memPoolOption,
  poolsOf,
  refuse,
  requireFormat,
  withShapes,
  withTarget,
} from '../options.ts';
import { readCalibration } from '../preprocess-flags.ts';

interface Flags {
  readonly target: string;
  readonly release?: string;
  readonly shapes?: string;
  readonly batch?: number;
  readonly precision: PrecisionName;
  readonly memPool?: MemoryPoolFlag;
  readonly format: 'text' | 'json' | 'sarif';
  readonly output?: string;
  readonly prepared?: true;
  readonly allowGpuFallback?: true;
  readonly asymmetric: 'keep' | 'requantize' | 'clip';
  readonly calib?: string;
  readonly propagateScales?: true;
  readonly verbose?: true;
}

/** SARIF is JSON, and tools take it by either name. */
const outputFormats = { text: ['txt'], json: ['json'], sarif: ['sarif', 'json'] } as const;

export const checkCommand = (context: Context): Command =>
  withShapes(withTarget(new Command('check')))
    .description(
      'Say which nodes the DLA runs, and which rule sends the others to the GPU (the host, beside an open NVDLA).',
    )
    .argument('<model.onnx>')
    .addOption(new Option('--precision <type>').choices(precisionNames).default('int8'))
    .addOption(new Option('--format <format>').choices(['text', 'json', 'sarif']).default('text'))
    .addOption(memPoolOption())
    .option('--calib <file>', 'also say which tensors have no range in this file, and what that does')
    .option('--propagate-scales', 'give tensors without a scale that of a neighbour of the same range')
    .option('--output <file>', 'write there instead of to standard output')
    .option('--prepared', 'check the network after rewriting, as the board gets it')
    .option('--allow-gpu-fallback', 'exit with 0 even if nodes run on the GPU')
    .option('--verbose', 'list the nodes that run on the DLA too')
    .addHelpText(
      'after',
      `
Exit status: 0 when every node runs on the DLA (or with --allow-gpu-fallback), 1 when some run on the GPU or a loadable
does not fit its memory pools, 2 for an error.

Examples:
  dla check resnet50.onnx
  dla check yolov5s.onnx --shapes images:1x3x640x640 --release "JetPack 5.1.1"
  dla check detector.onnx --prepared --format sarif --output check.sarif`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      if (flags.output !== undefined) requireFormat('--output', flags.output, outputFormats[flags.format]);
      if (flags.format !== 'text') refuse(command, ['verbose'], 'goes with --format text');
      if (flags.calib === undefined) refuse(command, ['propagateScales'], 'goes with --calib');
      if (flags.format === 'sarif') refuse(command, ['calib'], 'goes with --format text or json');
      const graph = await readNetworkFile(file, flags);
      const prepared = prepare(graph, flags);
      const subject = flags.prepared ? boardGraph(prepared.graph) : graph;
      const options = { ...flags, ...poolsOf(flags) };
      const result = check(subject, options);
      const scales = flags.calib === undefined ? undefined : (await readCalibration(flags.calib)).scales;
      const compilation = compiled(prepared, { ...options, ...(scales && { scales }) }, flags.calib);
      const hasScales = scales !== undefined || prepared.graph.scales !== undefined;
      const notEmulated = new Set(compilation?.notEmulated.keys());
      let text: string;
      if (flags.format === 'json')
        text = checkJson(result, { notEmulated, ...(hasScales && compilation && { compilation }) });
      else if (flags.format === 'sarif')
        text = checkSarif(result, { file, version, allowGpuFallback: flags.allowGpuFallback === true });
      else {
        text = checkText(result, {
          ...context.text,
          notEmulated,
          verbose: flags.verbose === true,
          ...(compilation && { scales: scalesText(compilation, context) }),
        });
      }
      if (flags.output === undefined) context.print(text.trimEnd());
      else await writeFile(flags.output, text);
      const refused = result.verdicts.filter((verdict) => verdict.placement === result.elsewhere);
      if (refused.length > 0 && !flags.allowGpuFallback) {
        fail('check/gpu-fallback', `${refused.length} of ${result.verdicts.length} nodes cannot run on the DLA`, {
          file,
        });
      }
      const { beyondPools = [] } = result;
      if (beyondPools.length > 0) fail('check/memory', beyondPools[0]!, { file });
    });

/** What the network compiles to; undefined for one that cannot be compiled at all. @throws where the ranges of a file are the reason */
function compiled(network: PreparedNetwork, options: CompileOptions, calib: string | undefined) {
  try {
    return compile(network, options);
  } catch (error) {
    if (!(error instanceof DlakitError)) throw error;
    if (calib === undefined || !error.problem.code.startsWith('calibrate/')) return undefined;
    throw new DlakitError({ ...error.problem, place: { file: calib, ...error.problem.place } });
  }
}
