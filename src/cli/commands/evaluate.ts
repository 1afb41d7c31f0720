/** `dla evaluate`: Top-1 and Top-5 of FP32 beside the DLA, and the distance of every tensor. */

import { Command, Option } from 'commander';
import { prepare } from '../../index.ts';
import { evaluationText } from '../../report/evaluate-text.ts';
import { evaluationJson } from '../../report/make-report.ts';
import { type CompileFlags, compileNetwork, preprocessFor, readScales } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { type DataFlags, withImages } from '../data-flags.ts';
import { type EngineFlags, evaluateFile, withEngines } from '../device-flags.ts';
import { readNetworkFile } from '../network-file.ts';
import { positiveInteger, withCompile, withPreprocess, withTarget } from '../options.ts';

interface Flags extends CompileFlags, DataFlags, EngineFlags {
  readonly calib: string;
  readonly tensors?: number;
  readonly format: 'text' | 'json';
}

export const evaluateCommand = (context: Context): Command =>
  withEngines(withPreprocess(withImages(withCompile(withTarget(new Command('evaluate'))))))
    .description(
      'Measure accuracy on labelled images, FP32 on onnxruntime beside the DLA; with --tensors also how far every tensor is off.',
    )
    .argument('<model.onnx>')
    .option('--labels <file>', 'IDX file of labels; without any only tensors are compared')
    .option('--limit <n>', 'take the first n images', positiveInteger)
    .option('--shapes <list>', 'bind symbolic dimensions: name:1x3x224x224,…')
    .option('--batch <n>', 'images per run, where the network leaves it open (default: 50)', positiveInteger)
    .option(
      '--tensors <n>',
      'compare every tensor over n images, which need no labels: signal-to-noise and the first that diverges',
      positiveInteger,
    )
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Examples:
  dla evaluate models/fashion-resnet20.onnx --calib resnet20.cache --images data/fashion-mnist-test-images.idx3.gz \\
    --labels data/fashion-mnist-test-labels.idx1.gz --tensors 100
  dla evaluate net.onnx --calib net.cache --images photos/ --tensors 3`,
    )
    .action(async (file: string, flags: Flags) => {
      const network = prepare(await readNetworkFile(file, flags, 50), flags);
      const preprocess = preprocessFor(file, flags);
      const scales = flags.calib === undefined ? undefined : await readScales(flags.calib);
      const compilation = compileNetwork(network, { ...flags, ...preprocess }, scales);
      const result = await evaluateFile(network, compilation.network, flags, context);
      context.print(flags.format === 'json' ? evaluationJson(result) : evaluationText(result, context.text));
    });
