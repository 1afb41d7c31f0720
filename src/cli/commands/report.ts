/** `dla report`: everything about a network, as one HTML page, as JSON, and as a trace. */

import { join } from 'node:path';
import { Command } from 'commander';
import type { Bindings } from '../../estimate/orin/as-built.ts';
import { writeFiles } from '../../host/node/files.ts';
import { report } from '../../index.ts';
import { reportHtml } from '../../report/html/page.ts';
import { reportJson } from '../../report/make-report.ts';
import { perfettoTrace } from '../../report/perfetto.ts';
import { type CompileFlags, compileFile } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { type DataFlags, requireDataFlags, withData } from '../data-flags.ts';
import { type EngineFlags, evaluateFile, withEngines } from '../device-flags.ts';
import {
  positiveInteger,
  refuse,
  type SystemFlags,
  systemOf,
  withBindings,
  withCompile,
  withModule,
  withShapes,
  withSystem,
  withTarget,
} from '../options.ts';
import { withPreprocess } from '../preprocess-flags.ts';

interface Flags extends CompileFlags, DataFlags, EngineFlags, SystemFlags {
  readonly module?: string;
  readonly cores?: number;
  readonly bindings?: Bindings;
  readonly output: string;
}

/** The flags of an evaluation. */
const evaluating: readonly (keyof Flags)[] = ['labels', 'limit', 'fit', 'engines', 'threads'];

export const reportCommand = (context: Context): Command =>
  withData(
    withEngines(
      withPreprocess(withSystem(withBindings(withModule(withCompile(withShapes(withTarget(new Command('report')))))))),
    ),
  )
    .description('Write a report: a self-contained HTML page, its data as JSON, and a trace for ui.perfetto.dev.')
    .argument('<model.onnx>')
    .requiredOption('--output <folder>', 'receives report.html, report.json and trace.json')
    .option('--labels <file>', 'IDX file of labels')
    .option('--limit <n>', 'evaluate the first n samples', positiveInteger)
    .addHelpText('after', '\nExample:\n  dla report resnet50.onnx --batch 2 --sram 1 --output out/resnet50')
    .action(async (file: string, flags: Flags, command: Command) => {
      const evaluates = flags.images !== undefined || flags.input !== undefined;
      if (!evaluates) refuse(command, evaluating, 'goes with --images');
      await requireDataFlags(command, flags);
      const { network, compilation } = await compileFile(file, flags);
      const evaluation = evaluates
        ? await evaluateFile(network, compilation.network, { ...flags, tensors: 100 }, context)
        : undefined;
      const result = report(network, compilation, {
        ...(flags.module !== undefined && { module: flags.module }),
        ...(flags.cores !== undefined && { cores: flags.cores }),
        ...(flags.bindings !== undefined && { bindings: flags.bindings }),
        ...systemOf(flags),
        ...(evaluation && { evaluation }),
      });
      const files: [string, string][] = [
        [join(flags.output, 'report.html'), reportHtml(result)],
        [join(flags.output, 'report.json'), reportJson(result)],
        [join(flags.output, 'trace.json'), perfettoTrace(result.estimates)],
      ];
      await context.checkpoint();
      await writeFiles(files);
      for (const [name] of files) context.note(`wrote ${name}`);
    });
