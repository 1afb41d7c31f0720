/** `dla evaluate`: Top-1 and Top-5 of FP32 beside the DLA, and the distance of every tensor. */

import { Command, Option } from 'commander';
import { evaluationText } from '../../report/evaluate-text.ts';
import { evaluationJson } from '../../report/make-report.ts';
import { type CompileFlags, compileFile } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { type DataFlags, requireDataFlags, withData } from '../data-flags.ts';
import { type EngineFlags, evaluateFile, withEngines } from '../device-flags.ts';
import { positiveInteger, withCompile, withTarget } from '../options.ts';
import { withPreprocess } from '../preprocess-flags.ts';

interface Flags extends CompileFlags, DataFlags, EngineFlags {
  readonly calib: string;
  readonly tensors?: number;
  readonly format: 'text' | 'json';
}

export const evaluateCommand = (context: Context): Command =>
  withEngines(withPreprocess(withData(withCompile(withTarget(new Command('evaluate'))))))
    .description(
      'Compare the DLA with FP32 on onnxruntime: how far outputs are off, Top-1 and Top-5 where samples have labels, with --tensors every tensor, and which of them lose most and why.',
    )
    .argument('<model.onnx>')
    .option('--labels <file>', 'IDX file of labels, for Top-1 and Top-5')
    .option('--limit <n>', 'take the first n samples', positiveInteger)
    .option('--shapes <list>', 'bind symbolic dimensions: name:1x3x224x224,…')
    .option('--batch <n>', 'samples per run, where the network leaves it open (default: 50)', positiveInteger)
    .option(
      '--tensors <n>',
      'compare every tensor over n samples: signal-to-noise, cosine, saturation, the first below 20 dB; in INT8, rank those that lose most',
      positiveInteger,
    )
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
With --tensors in INT8, tensors are ranked by what each costs the outputs when it alone is rounded, on the first two
samples or the first batch, each with the reason: an outlier channel, a range that an equal-range rule ties to larger
tensors, saturation, the 256 entries of a table, or no more than its 8 bits. dla tune looks for what helps. With
--format json the ranking is in \`losses\`.

Examples:
  dla evaluate models/fashion-resnet20.onnx --calib resnet20.cache --images data/fashion-mnist-test-images.idx3.gz \\
    --labels data/fashion-mnist-test-labels.idx1.gz --tensors 100
  dla evaluate net.onnx --calib net.cache --images photos/ --tensors 3
  dla evaluate keyword.onnx --calib keyword.cache --input features=features.npy --batch 1`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      await requireDataFlags(command, flags);
      const { network, compilation } = await compileFile(file, flags, 50);
      const result = await evaluateFile(network, compilation.network, flags, context, compilation);
      context.print(flags.format === 'json' ? evaluationJson(result) : evaluationText(result, context.text));
    });
