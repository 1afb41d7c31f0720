/** What the emulator takes for a network: memory.ts in a process of its own. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeLoadable } from '../src/loadable/container.ts';
import type { CompiledNetwork } from '../src/program/program.ts';

/** Bytes. */
export interface PeakMemory {
  /** Resident before the loadable is read. */
  readonly before: number;
  readonly peak: number;
  /** The device's memory. */
  readonly device: number;
}

export function peakMemory(network: CompiledNetwork): PeakMemory {
  const folder = mkdtempSync(join(tmpdir(), 'dlakit-'));
  try {
    const loadable = join(folder, 'network.dla');
    writeFileSync(loadable, encodeLoadable(network));
    const program = fileURLToPath(new URL('./memory.ts', import.meta.url));
    const child = spawnSync(process.execPath, ['--import', 'tsx', program, loadable], { encoding: 'utf8' });
    if (child.status !== 0) throw new Error(child.stderr);
    return JSON.parse(child.stdout) as PeakMemory;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
