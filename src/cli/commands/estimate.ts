/** `dla estimate`: time, traffic and utilisation per hardware layer, for each power mode. */

import { Command, Option } from 'commander';
import { locate } from '../../base/errors.ts';
import type { Bindings } from '../../estimate/orin/as-built.ts';
import { readBytes, writeFile } from '../../host/node/files.ts';
import { estimateModes, liftToEstimate } from '../../index.ts';
import { decodeLoadable, isLoadable } from '../../loadable/container.ts';
import { isStockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import type { Plan } from '../../program/program.ts';
import { estimateText, layersText } from '../../report/estimate-text.ts';
import { perfettoTrace } from '../../report/perfetto.ts';
import { type CompileFlags, compileFile } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import {
  isGiven,
  refuse,
  requireFormat,
  type SystemFlags,
  systemOf,
  withBindings,
  withCompile,
  withModule,
  withShapes,
  withSystem,
  withTarget,
} from '../options.ts';
import type { PreprocessFlags } from '../preprocess-flags.ts';

interface Flags extends CompileFlags, SystemFlags {
  readonly module?: string;
  readonly cores?: number;
  readonly bindings?: Bindings;
  readonly mode?: string;
  readonly layers?: true;
  readonly format: 'text' | 'json';
  readonly trace?: string;
}

export const estimateCommand = (context: Context): Command =>
  withSystem(withBindings(withModule(withCompile(withShapes(withTarget(new Command('estimate')))))))
    .description('Estimate time, traffic and utilisation for each power mode. Needs no calibration.')
    .argument('<model.onnx | loadable.dla | loadable.nvdla>')
    .option('--mode <name>', 'one power mode, e.g. MAXN')
    .option('--layers', 'a line per hardware layer')
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .option('--trace <file>', 'write a trace for ui.perfetto.dev')
    .addHelpText(
      'after',
      `
Examples:
  dla estimate resnet50.onnx --batch 2 --sram 1
  dla estimate resnet50.onnx --precision fp16 --bindings fp32 --mode MAXN
  dla estimate fashion-resnet20.dla --module orin-nx-16gb --layers --mode 15W
  dla estimate net.nvdla --target nv_small --layers
  dla estimate fashion-resnet20.onnx --target nv_small --clock 100 --bandwidth 0.4 --layers`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      if (flags.trace !== undefined) requireFormat('--trace', flags.trace, ['json']);
      if (flags.format !== 'text') refuse(command, ['layers'], 'goes with --format text: JSON has every layer');
      const plan = await planOf(file, flags, command);
      const all = estimateModes(plan, {
        ...(flags.module !== undefined && { module: flags.module }),
        ...(flags.cores !== undefined && { cores: flags.cores }),
        ...(flags.bindings !== undefined && { bindings: flags.bindings }),
        ...(flags.mode !== undefined && { powerMode: flags.mode }),
        ...systemOf(flags),
      });
      if (flags.format === 'json') context.print(JSON.stringify(all, null, 2));
      else {
        context.print(estimateText(all, context.text));
        if (flags.layers) {
          for (const estimate of all) context.print(`\n${estimate.powerMode}\n${layersText(estimate, context.text)}`);
        }
      }
      if (flags.trace !== undefined) {
        await writeFile(flags.trace, perfettoTrace(all));
        context.note(`wrote ${flags.trace}`);
      }
    });

/** A loadable's plan, or that of a network compiled on the spot. */
async function planOf(file: string, flags: Flags, command: Command): Promise<Plan> {
  const bytes = await readBytes(file);
  const isStock = isStockLoadable(bytes) || file.endsWith('.nvdla');
  if (!isLoadable(bytes) && !isStock && !file.endsWith('.dla'))
    return (await compileFile(file, flags)).compilation.network.plan;
  locate({ file }, () => refuse(command, compiling, 'decides how a network is compiled; this one is compiled already'));
  if (isStock) {
    // A loadable of ours says its target; the default is for networks.
    const isNamed = isGiven(command, 'target');
    return locate({ file }, () => liftToEstimate(bytes, isNamed ? { target: flags.target } : {}));
  }
  return decodeLoadable(bytes, { file, target: flags.target }).plan;
}

/** The flags that a loadable has settled: all that decide how a network is compiled. */
const compiling = Object.keys({
  release: true,
  shapes: true,
  batch: true,
  calib: true,
  asymmetric: true,
  propagateScales: true,
  sram: true,
  memPool: true,
  inputFormat: true,
  precision: true,
  layerPrecisions: true,
  sparsity: true,
} satisfies Record<Exclude<keyof CompileFlags, keyof PreprocessFlags | 'target'>, true>);
