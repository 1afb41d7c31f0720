/** `dla compile`: an ONNX network to a loadable, and what goes to the board. */

import { join } from 'node:path';
import { Command, Option } from 'commander';
import { fail } from '../../base/errors.ts';
import type { BoardFiles } from '../../compile/orin/board.ts';
import { writeFiles } from '../../host/node/files.ts';
import { board, type Compilation, encodeNvdla } from '../../index.ts';
import { encodeLoadable } from '../../loadable/container.ts';
import { compileText } from '../../report/compile-text.ts';
import { coverageText } from '../../report/coverage-text.ts';
import { printable } from '../../report/table.ts';
import { type CompileFlags, compileFile } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { requireFormat, withCompile, withPreprocess, withShapes, withTarget } from '../options.ts';

interface Flags extends CompileFlags {
  readonly output?: string;
  readonly interface?: '0.10' | '0.12';
  readonly board?: string;
}

export const compileCommand = (context: Context): Command =>
  withPreprocess(withCompile(withShapes(withTarget(new Command('compile')))))
    .description('Compile an ONNX network to a loadable; with --board also write what goes to the board.')
    .argument('<model.onnx>')
    .option('--output <file>', 'the loadable: dlakit’s own as .dla, the open NVDLA’s stock format as .nvdla')
    .addOption(
      new Option('--interface <version>', 'of the stock firmware, for a .nvdla (default: 0.12)').choices([
        '0.10',
        '0.12',
      ]),
    )
    .option(
      '--board <folder>',
      'write the prepared ONNX, the calibration cache and the trtexec command there; needs --calib (FP16 has no cache)',
    )
    .addHelpText(
      'after',
      `
Examples:
  dla compile fashion-resnet20.onnx --calib fashion-resnet20.cache --output fashion-resnet20.dla
  dla compile net.onnx --target nv_small --calib net.cache --output net.nvdla
  dla compile resnet50.onnx --batch 2 --sram 1 --calib resnet50.cache --board board/`,
    )
    .action(async (file: string, flags: Flags) => {
      if (flags.output !== undefined) requireFormat('--output', flags.output, ['dla', 'nvdla']);
      if (flags.interface !== undefined && !isStock(flags.output)) {
        fail('cli/usage', '--interface goes with --output FILE.nvdla');
      }
      const { compilation } = await compileFile(file, flags);
      const files: [string, Uint8Array | string][] = [];
      if (flags.output !== undefined) files.push([flags.output, encode(compilation, flags)]);
      if (flags.board !== undefined) files.push(...boardFileList(flags.board, board(compilation)));
      const { network, notEmulated, coverage, unmatched } = compilation;
      const scales = coverageText(coverage, unmatched, context.text);
      context.print(compileText(network.plan, notEmulated, { ...context.text, scales }));
      await context.checkpoint();
      await writeFiles(files);
      for (const [name] of files) context.note(`wrote ${name}`);
      const { batch } = compilation.network.plan;
      if (isStock(flags.output) && batch > 1) {
        context.note(`the stock runtime computes one image a submission: a batch of ${batch} is ${batch} submissions`);
      }
    });

const isStock = (file: string | undefined): boolean => file?.toLowerCase().endsWith('.nvdla') === true;

const encode = (compilation: Compilation, flags: Flags): Uint8Array =>
  isStock(flags.output)
    ? encodeNvdla(compilation, flags.interface ? { interface: flags.interface } : {})
    : encodeLoadable(compilation.network);

/** The board files with the paths they are written to; the command as a script that says why each flag is there. */
export function boardFileList(
  folder: string,
  { model, cache, flags, inputs, command }: BoardFiles,
): [string, Uint8Array | string][] {
  const reasons = flags.map(({ flag, reason }) => `# ${flag}: ${reason}`);
  const notes = inputs.map((note) => `# ${printable(note)}`);
  const script = ['#!/bin/sh', '# Run on the board, in this folder.', ...notes, ...reasons, command, ''].join('\n');
  return [
    [join(folder, model.file), model.bytes],
    ...(cache ? [[join(folder, cache.file), cache.text] as [string, string]] : []),
    [join(folder, 'trtexec.sh'), script],
  ];
}
