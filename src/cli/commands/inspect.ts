/** `dla inspect`: print any file that dlakit reads. */

import { Command } from 'commander';
import { readBytes } from '../../host/node/files.ts';
import { inspect } from '../../index.ts';
import type { Context } from '../context.ts';

export const inspectCommand = (context: Context): Command =>
  new Command('inspect')
    .description('Print a model, a loadable or a calibration cache completely.')
    .argument('<file>')
    .addHelpText('after', '\nExamples:\n  dla inspect fashion-resnet20.dla\n  dla inspect fashion-resnet20.cache')
    .action(async (file: string) => context.print(inspect(await readBytes(file), file).trimEnd()));
