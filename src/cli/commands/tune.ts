/** `dla tune`: what wins back most of what INT8 loses, for the least estimated time. */

import { basename, join } from 'node:path';
import { Command } from 'commander';
import { wholeRuns } from '../../evaluate/feed.ts';
import { batchOf } from '../../graph/graph.ts';
import { preprocessFile, writePreprocess } from '../../graph/preprocess.ts';
import { type FileToWrite, writeFiles } from '../../host/node/files.ts';
import { nodeOnnxRuntime } from '../../host/node/onnxruntime.ts';
import { prepare, tune, tunedFiles, tuningText } from '../../index.ts';
import type { Context } from '../context.ts';
import { type DataFlags, graphInputs, printPreprocess, readData, requireDataFlags, withData } from '../data-flags.ts';
import { openNodeDevice } from '../device-flags.ts';
import { readNetworkFile } from '../network-file.ts';
import { percentage, positiveInteger, withShapes, withTarget } from '../options.ts';
import { networkPreprocess, type PreprocessFlags, preprocessFlags, withPreprocess } from '../preprocess-flags.ts';

interface Flags extends DataFlags, PreprocessFlags {
  readonly target: string;
  readonly release?: string;
  readonly shapes?: string;
  readonly batch?: number;
  readonly output: string;
  readonly judge: number;
  readonly addedTime: number;
}

export const tuneCommand = (context: Context): Command =>
  withPreprocess(withData(withShapes(withTarget(new Command('tune')))))
    .description('Search what wins back most of what INT8 loses, for the least estimated time.')
    .argument('<model.onnx>')
    .requiredOption('--output <folder>', 'where the tuned network, its cache and its layer precisions go')
    .option('--limit <n>', 'calibrate on the first n samples', positiveInteger)
    .option('--judge <n>', 'judge remedies on the first n batches, run on the DLA beside FP32', positiveInteger, 4)
    .option('--added-time <percent>', 'how much longer the network may take', percentage, 15)
    .addHelpText(
      'after',
      `
Remedies: channels of one tensor made alike by factors that the weights around it take in, another range for single
tensors, and FP16 for the nodes that lose most. The folder gets NAME.onnx, whose results in FP32 are those of the model;
NAME.cache; and, where nodes run in FP16, NAME_layer_precisions.txt, the argument of --layer-precisions. dla compile takes
them as they are, with --board too.

Examples:
  dla tune net.onnx --images photos/ --output tuned/
  dla tune net.onnx --images photos/ --limit 3 --judge 2 --added-time 5 --output tuned/`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      await requireDataFlags(command, flags, preprocessFlags);
      const network = prepare(await readNetworkFile(file, flags), flags);
      const stated = await networkPreprocess(file, flags, network.original);
      const inputs = graphInputs(network.graph);
      const { feed, preprocess } = await readData(inputs, batchOf(network.graph), stated, flags);
      const limit = Math.min(feed.size, flags.limit ?? feed.size);
      const where = { target: flags.target, ...(flags.release !== undefined && { release: flags.release }) };
      const device = await openNodeDevice(flags.target, { engines: 'wasm' });
      const progress = context.steps('tuning');
      try {
        const tuning = await tune(network, () => wholeRuns(feed, { limit, signal: context.signal }), {
          ...where,
          device,
          runtime: await nodeOnnxRuntime(),
          judged: flags.judge,
          addedTime: flags.addedTime / 100,
          signal: context.signal,
          ...(preprocess && { preprocess }),
          onProgress: progress.step,
        });
        progress.stop();
        printPreprocess(preprocess, context);
        context.print(tuningText(tuning, context.text));
        const contents = tunedFiles(basename(file).replace(/\.onnx$/, ''), tuning.chosen, where);
        const files = [...contents].flatMap(([name, data]): readonly FileToWrite[] => {
          const path = join(flags.output, name);
          if (!name.endsWith('.cache')) return [[path, data]];
          return [
            [path, data],
            [preprocessFile(path), writePreprocess(preprocess)],
          ];
        });
        await context.checkpoint();
        await writeFiles(files);
        for (const [name] of files) context.note(`wrote ${name}`);
      } finally {
        progress.stop();
        await device.close();
      }
    });
