/** `--target my.json`: a target of the user's own, made known before a command runs. */

import type { Command } from 'commander';
import { readBytes } from '../host/node/files.ts';
import { readTarget } from '../targets/custom-target.ts';
import { addTarget } from '../targets/find.ts';

/** @throws file/not-found, target/invalid, target/unknown */
export async function useTargetFile(command: Command): Promise<void> {
  const { target } = command.opts<{ target?: string }>();
  if (target === undefined || !target.toLowerCase().endsWith('.json')) return;
  const custom = readTarget(new TextDecoder().decode(await readBytes(target)), target);
  addTarget(custom);
  command.setOptionValue('target', custom.name);
}
