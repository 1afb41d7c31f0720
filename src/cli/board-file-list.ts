/** The board files with the paths they are written to; the command as a script that says why each flag is there. */

import { join } from 'node:path';
import type { BoardFiles } from '../compile/orin/board.ts';

export function boardFileList(
  folder: string,
  { model, cache, flags, command }: BoardFiles,
): [string, Uint8Array | string][] {
  const reasons = flags.map(({ flag, reason }) => `# ${flag}: ${reason}`);
  const script = ['#!/bin/sh', '# Run on the board, in this folder.', ...reasons, command, ''].join('\n');
  return [
    [join(folder, model.file), model.bytes],
    ...(cache ? [[join(folder, cache.file), cache.text] as [string, string]] : []),
    [join(folder, 'trtexec.sh'), script],
  ];
}
