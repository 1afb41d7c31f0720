/** `dla calibrate`: INT8 ranges from samples, as a TensorRT calibration cache or as JSON. */

import { Command, Option } from 'commander';
import { wholeRuns } from '../../evaluate/feed.ts';
import { batchOf } from '../../graph/graph.ts';
import { preprocessFile, writePreprocess } from '../../graph/preprocess.ts';
import { writeFiles } from '../../host/node/files.ts';
import { nodeOnnxRuntime } from '../../host/node/onnxruntime.ts';
import { calibrate, check, prepare } from '../../index.ts';
import { type Calibration, defaultMethod } from '../../quantize/calibrate.ts';
import { writeCalibrationCache } from '../../quantize/calibration-cache.ts';
import { writeCalibrationJson } from '../../quantize/calibration-json.ts';
import { fuseMark } from '../../quantize/coverage.ts';
import { quantize } from '../../quantize/quantize.ts';
import { type CalibrationMethod, calibrationMethods, defaultPercentile } from '../../quantize/range-of.ts';
import { writeNvdlaTable } from '../../quantize/read-ranges.ts';
import { valuesOnDla } from '../../quantize/scaled-values.ts';
import { printable } from '../../report/table.ts';
import type { Context } from '../context.ts';
import { type DataFlags, graphInputs, printPreprocess, readData, requireDataFlags, withData } from '../data-flags.ts';
import { readNetworkFile } from '../network-file.ts';
import { percentage, positiveInteger, refuse, requireFormat, withShapes, withTarget } from '../options.ts';
import { networkPreprocess, type PreprocessFlags, preprocessFlags, withPreprocess } from '../preprocess-flags.ts';

interface Flags extends DataFlags, PreprocessFlags {
  readonly target: string;
  readonly release?: string;
  readonly shapes?: string;
  readonly batch?: number;
  readonly method: CalibrationMethod;
  readonly percentile: number;
  readonly output: string;
  readonly format?: 'cache' | 'json' | 'nvdla';
}

export const calibrateCommand = (context: Context): Command =>
  withPreprocess(withData(withShapes(withTarget(new Command('calibrate')))))
    .description('Find the INT8 range of every tensor from samples: images, or tensors of any rank.')
    .argument('<model.onnx>')
    .requiredOption('--output <file>', 'a TensorRT calibration cache, or dlakit’s JSON when it ends in .json')
    .addOption(
      new Option(
        '--format <form>',
        'of the output, where its name does not say it; nvdla: the calibration table of NVDLA’s compiler',
      ).choices(['cache', 'json', 'nvdla']),
    )
    .addOption(
      new Option('--method <name>', 'how a range follows from a histogram')
        .choices([...calibrationMethods])
        .default(defaultMethod),
    )
    .option('--percentile <p>', 'of --method percentile', percentage, defaultPercentile)
    .option('--limit <n>', 'use the first n samples', positiveInteger)
    .addHelpText(
      'after',
      `
The ranges belong to the network as it is prepared for the target (dla compile --board writes it): its tensors have the
names that TensorRT looks for. Scales that a network states (Q/DQ) are kept, and its other tensors alone are measured.

Examples:
  dla calibrate models/fashion-resnet20.onnx --images data/fashion-mnist-calibration-images.idx3.gz \\
    --mean 0.286 --std 0.353 --output resnet20.cache
  dla calibrate net.onnx --images photos/ --fit crop --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --output net.cache
  dla calibrate net.onnx --images photos/ --fit stretch --divisor 1 --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4 \\
    --output net.json
  dla calibrate keyword.onnx --input features=features.npy --output keyword.cache`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      requireFormat('--output', flags.output, ['cache', 'json']);
      if (flags.method !== 'percentile') refuse(command, ['percentile'], 'goes with --method percentile');
      await requireDataFlags(command, flags, preprocessFlags);
      const network = prepare(await readNetworkFile(file, flags), flags);
      const where = { target: flags.target, ...(flags.release !== undefined && { release: flags.release }) };
      const stated = await networkPreprocess(file, flags, network.original);
      const data = await readData(graphInputs(network.graph), batchOf(network.graph), stated, flags);
      const total = Math.min(data.feed.size, flags.limit ?? data.feed.size);
      const progress = context.progress('calibrating', total);
      try {
        const { preprocess } = data;
        const calibration = await calibrate(network, wholeRuns(data.feed, { limit: total, signal: context.signal }), {
          runtime: await nodeOnnxRuntime(),
          ...where,
          ...(preprocess && { preprocess }),
          method: flags.method,
          percentile: flags.percentile,
          signal: context.signal,
          onProgress: (done) => progress.update(done),
        });
        // The cache holds the scales after the equal-range rules: the board computes with those that the emulator has.
        const onDla = valuesOnDla(network.graph, check(network.graph, where));
        const { quantized, coverage } = quantize(network.graph, calibration.scales, { onDla });
        const marks = coverage.fused.map((value) => [value, fuseMark] as const);
        const form = flags.format ?? (flags.output.endsWith('.json') ? 'json' : 'cache');
        const text = {
          cache: () => writeCalibrationCache(new Map([...quantized.scales, ...marks])),
          json: () => writeCalibrationJson(calibration),
          nvdla: () => writeNvdlaTable(quantized.scales),
        }[form]();
        // Forms of others have no place for the pre-processing: it lies beside them.
        const beside = form === 'json' ? [] : [[preprocessFile(flags.output), writePreprocess(preprocess)] as const];
        await writeFiles([[flags.output, text], ...beside]);
        printPreprocess(preprocess, context);
        context.print(
          `${calibration.samples} samples, ${calibration.scales.size} tensors, method ${calibration.method}`,
        );
        printStated(calibration, context);
        for (const [file] of [[flags.output], ...beside]) context.note(`wrote ${file}`);
      } finally {
        progress.stop();
      }
    });

/** Which scales are the network's own, and what they cut. */
function printStated({ stated, scales }: Calibration, context: Context): void {
  if (stated === undefined) return;
  const { kept, beyond } = stated;
  context.print(`${kept} scales are those that the network states, ${scales.size - kept} tensors were measured`);
  if (beyond.length === 0) return;
  const shown = beyond.slice(0, 5).map(printable).join(', ');
  context.note(
    `these share the range of a tensor whose scale the network states, and reach beyond it: ${shown}${beyond.length > 5 ? ', …' : ''}`,
  );
}
