/** `dla calibrate`: INT8 ranges from sample images, as a TensorRT calibration cache or as JSON. */

import { Command, Option } from 'commander';
import { samples } from '../../evaluate/data-set.ts';
import { writeFile } from '../../host/node/files.ts';
import { nodeOnnxRuntime } from '../../host/node/onnxruntime.ts';
import { calibrate, check, prepare } from '../../index.ts';
import { defaultMethod } from '../../quantize/calibrate.ts';
import { writeCalibrationCache } from '../../quantize/calibration-cache.ts';
import { writeCalibrationJson } from '../../quantize/calibration-json.ts';
import { quantize } from '../../quantize/quantize.ts';
import { type CalibrationMethod, calibrationMethods, defaultPercentile } from '../../quantize/range-of.ts';
import { writeNvdlaTable } from '../../quantize/read-ranges.ts';
import { valuesOnDla } from '../../quantize/scaled-values.ts';
import { preprocessFor } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { type DataFlags, imageInputOf, readDataSet, withImages } from '../data-flags.ts';
import { readNetworkFile } from '../network-file.ts';
import {
  percentage,
  positiveInteger,
  refuse,
  requireFormat,
  withPreprocess,
  withShapes,
  withTarget,
} from '../options.ts';

interface Flags extends DataFlags {
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
  withPreprocess(withImages(withShapes(withTarget(new Command('calibrate')))))
    .description('Find the INT8 range of every tensor from sample images.')
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
    .option('--limit <n>', 'use the first n images', positiveInteger)
    .addHelpText(
      'after',
      `
The ranges belong to the network as it is prepared for the target (dla compile --board writes it): its tensors have the
names that TensorRT looks for.

Examples:
  dla calibrate models/fashion-resnet20.onnx --images data/fashion-mnist-calibration-images.idx3.gz --output resnet20.cache
  dla calibrate net.onnx --images photos/ --fit crop --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --output net.cache`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      requireFormat('--output', flags.output, ['cache', 'json']);
      if (flags.method !== 'percentile') refuse(command, ['percentile'], 'goes with --method percentile');
      const network = prepare(await readNetworkFile(file, flags), flags);
      const where = { target: flags.target, ...(flags.release !== undefined && { release: flags.release }) };
      const dataSet = await readDataSet(flags);
      const input = imageInputOf(network, preprocessFor(file, flags), flags.fit);
      const total = Math.min(dataSet.size, flags.limit ?? dataSet.size);
      const progress = context.progress('calibrating', total);
      try {
        const calibration = await calibrate(
          network,
          samples(dataSet, input, { limit: total, signal: context.signal }),
          {
            runtime: await nodeOnnxRuntime(),
            ...where,
            method: flags.method,
            percentile: flags.percentile,
            signal: context.signal,
            onProgress: (done) => progress.update(done),
          },
        );
        // The cache holds the scales after the equal-range rules: the board computes with those that the emulator has.
        const onDla = valuesOnDla(network.graph, check(network.graph, where));
        const { quantized } = quantize(network.graph, calibration.scales, { onDla });
        const text = {
          cache: () => writeCalibrationCache(quantized.scales),
          json: () => writeCalibrationJson(calibration),
          nvdla: () => writeNvdlaTable(quantized.scales),
        }[flags.format ?? (flags.output.endsWith('.json') ? 'json' : 'cache')]();
        await writeFile(flags.output, text);
        context.print(
          `${calibration.samples} samples, ${calibration.scales.size} tensors, method ${calibration.method}`,
        );
        context.note(`wrote ${flags.output}`);
      } finally {
        progress.stop();
      }
    });
