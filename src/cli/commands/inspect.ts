/** `dla inspect`: print any file that dlakit reads. */

import { Command } from 'commander';
import { readBytes } from '../../host/node/files.ts';
import { inspect } from '../../index.ts';
import { isLoadable } from '../../loadable/container.ts';
import type { Context } from '../context.ts';
import { readExternal } from '../network-file.ts';

export const inspectCommand = (context: Context): Command =>
  new Command('inspect')
    .description('Print a model, a loadable or a calibration cache completely.')
    .argument('<file>')
    .addHelpText('after', '\nExamples:\n  dla inspect fashion-resnet20.dla\n  dla inspect fashion-resnet20.cache')
    .action(async (file: string) => {
      const bytes = await readBytes(file);
      const external = isModel(bytes) ? await readExternal(bytes, file) : undefined;
      context.print(inspect(bytes, file, external).trimEnd());
    });

/** Neither a loadable nor a calibration, which are told by how they begin. */
const isModel = (bytes: Uint8Array): boolean =>
  !isLoadable(bytes) &&
  !['TRT-', '{'].some((start) => new TextDecoder().decode(bytes.subarray(0, 4)).startsWith(start));
