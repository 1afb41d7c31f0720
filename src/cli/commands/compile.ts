/** `dla compile`: an ONNX network to a loadable, and what goes to the board. */

import { join } from 'node:path';
import { Command, Option } from 'commander';
import { fail } from '../../base/errors.ts';
import { type OutputFormat, outputFormats } from '../../compile/orin/board/bindings.ts';
import type { Board, BoardOptions } from '../../compile/orin/board/board.ts';
import type { DlaCores } from '../../compile/orin/board/commands.ts';
import { type FileToWrite, writeFiles } from '../../host/node/files.ts';
import { board, boardFolder, type Compilation, encodeNvdla } from '../../index.ts';
import { encodeLoadable } from '../../loadable/container.ts';
import { compileText } from '../../report/compile-text.ts';
import { type CompileFlags, compileFile, scalesText } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { refuse, requireFormat, withCompile, withShapes, withTarget } from '../options.ts';
import { withPreprocess } from '../preprocess-flags.ts';

interface Flags extends CompileFlags {
  readonly output?: string;
  readonly interface?: '0.10' | '0.12';
  readonly board?: string;
  readonly dlaCore: '0' | '1' | 'both';
  readonly standalone?: true;
  readonly cudla?: true;
  readonly outputFormat: OutputFormat;
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
    .addOption(
      new Option('--dla-core <core>', 'of --board: the core to build for; both also measures them together')
        .choices(['0', '1', 'both'])
        .default('0'),
    )
    .option('--standalone', 'of --board: a loadable for cuDLA, without TensorRT and without a GPU beside it')
    .option(
      '--cudla',
      'of --standalone: also a small C++ host that runs the loadable through cuDLA, untested on a board',
    )
    .addOption(
      new Option('--output-format <format>', 'of --board: of the network’s outputs')
        .choices(outputFormats)
        .default('auto'),
    )
    .addHelpText(
      'after',
      `
Examples:
  dla compile fashion-resnet20.onnx --calib fashion-resnet20.cache --output fashion-resnet20.dla
  dla compile net.onnx --target nv_small --calib net.cache --output net.nvdla
  dla compile resnet50.onnx --batch 2 --sram 1 --calib resnet50.cache --board board/ --dla-core both
  dla compile net.onnx --calib net.cache --board board/ --standalone --cudla --output-format dla_linear`,
    )
    .action(async (file: string, flags: Flags, command: Command) => {
      if (flags.board === undefined)
        refuse(command, ['dlaCore', 'standalone', 'cudla', 'outputFormat'], 'goes with --board');
      if (!flags.standalone) refuse(command, ['cudla'], 'goes with --standalone: cuDLA runs a loadable, not an engine');
      if (flags.output !== undefined) requireFormat('--output', flags.output, ['dla', 'nvdla']);
      if (flags.interface !== undefined && !isStock(flags.output)) {
        fail('cli/usage', '--interface goes with --output FILE.nvdla');
      }
      const { compilation } = await compileFile(file, flags);
      const files: FileToWrite[] = [];
      if (flags.output !== undefined) files.push([flags.output, encode(compilation, flags)]);
      if (flags.board !== undefined) files.push(...boardFiles(flags.board, board(compilation, boardOptions(flags))));
      const { network, notEmulated } = compilation;
      const scales = scalesText(compilation, context);
      context.print(compileText(network.plan, notEmulated, { ...context.text, scales }));
      await context.checkpoint();
      await writeFiles(files);
      for (const [name] of files) context.note(`wrote ${name}`);
      const { batch } = compilation.network.plan;
      if (isStock(flags.output) && batch > 1) {
        context.note(`the stock runtime computes one image a submission: a batch of ${batch} is ${batch} submissions`);
      }
    });

const boardOptions = ({ dlaCore, standalone, cudla, outputFormat }: Flags): BoardOptions => ({
  cores: dlaCore === 'both' ? dlaCore : (Number(dlaCore) as DlaCores),
  standalone: standalone === true,
  cudla: cudla === true,
  outputFormat,
});

const isStock = (file: string | undefined): boolean => file?.toLowerCase().endsWith('.nvdla') === true;

const encode = (compilation: Compilation, flags: Flags): Uint8Array =>
  isStock(flags.output)
    ? encodeNvdla(compilation, flags.interface ? { interface: flags.interface } : {})
    : encodeLoadable(compilation.network);

/** The files of a board folder with the paths that they are written to. */
export const boardFiles = (folder: string, it: Board): readonly FileToWrite[] =>
  boardFolder(it).map(({ file, data, executable }): FileToWrite => {
    const path = join(folder, file);
    return executable ? [path, data, 'executable'] : [path, data];
  });
