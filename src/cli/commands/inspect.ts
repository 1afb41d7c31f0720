/** `dla inspect`: print any file that dlakit reads, or what is wrong with a stock loadable. */

import { Command } from 'commander';
import { fail, formatProblem, locate } from '../../base/errors.ts';
import { readBytes } from '../../host/node/files.ts';
import { inspect, inspectProgram, validateNvdla } from '../../index.ts';
import { isLoadable } from '../../loadable/container.ts';
import { isStockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { printable } from '../../report/table.ts';
import type { Context } from '../context.ts';
import { readExternal } from '../network-file.ts';

interface Flags {
  readonly validate?: true;
  readonly program?: true;
  readonly target?: string;
}

export const inspectCommand = (context: Context): Command =>
  new Command('inspect')
    .description('Print a model, a loadable or a calibration cache completely.')
    .argument('<file>')
    .option('--validate', 'of a stock loadable (.nvdla): print the rules of the format that it breaks')
    .option('--program', 'of a stock loadable: print the Programs that it stands for')
    .option('--target <name>', 'with --validate or --program: what it was made for, where the file does not say it')
    .addHelpText(
      'after',
      `
Examples:
  dla inspect fashion-resnet20.dla
  dla inspect fashion-resnet20.cache
  dla inspect net.nvdla --validate --target nv_small
  dla inspect net.nvdla --program`,
    )
    .action(async (file: string, flags: Flags) => {
      if (flags.validate && flags.program)
        fail('cli/usage', '--validate and --program print different things; one of them is wanted');
      const bytes = await readBytes(file);
      if (flags.validate) validate(bytes, file, flags, context);
      else if (flags.program) {
        const text = locate({ file }, () => inspectProgram(bytes, flags)).trimEnd();
        context.print(text.split('\n').map(printable).join('\n'));
      } else {
        if (flags.target !== undefined) fail('cli/usage', '--target goes with --validate or --program');
        const external = isModel(bytes) ? await readExternal(bytes, file) : undefined;
        context.print(inspect(bytes, file, external).trimEnd());
      }
    });

function validate(bytes: Uint8Array, file: string, flags: Flags, context: Context): void {
  const { target, problems } = locate({ file }, () => validateNvdla(bytes, flags));
  for (const problem of problems) context.print(printable(`${problem.rule}: ${formatProblem(problem)}`));
  if (problems.length === 0) context.print(`keeps every rule of the format on ${target}`);
  else {
    const code = problems.some((problem) => problem.code === 'loadable/target')
      ? 'loadable/target'
      : 'loadable/corrupt';
    fail(
      code,
      `the loadable breaks rules of the format on ${target}`,
      { file },
      { actual: `${problems.length} finding${problems.length === 1 ? '' : 's'}` },
    );
  }
}

/** Neither a loadable nor a calibration, which are told by how they begin. */
const isModel = (bytes: Uint8Array): boolean =>
  !isLoadable(bytes) &&
  !isStockLoadable(bytes) &&
  !['TRT-', '{'].some((start) => new TextDecoder().decode(bytes.subarray(0, 4)).startsWith(start));
