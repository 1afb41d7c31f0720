/** Runs a program's work: Ctrl-C cancels it, a user's mistake is printed without a stack, a bug keeps its stack. */

import { CommanderError } from 'commander';
import { DlakitError, formatProblem } from '../base/errors.ts';
import { version } from '../index.ts';
import { printable } from '../report/table.ts';

const status = { gpuFallback: 1, mistake: 2, bug: 70, interrupted: 130 } as const;

/** Sets the exit status. */
export async function runMain(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  // The first Ctrl-C ends the work cleanly, the second ends the process.
  process.once('SIGINT', () => abort.abort());
  for (const stream of [process.stdout, process.stderr]) stream.on('error', leaveClosedPipe);
  try {
    await work(abort.signal);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Whoever reads our output may stop early, as `head` does: what is left to print is dropped, the work goes on. */
function leaveClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : status.mistake;
  if (error instanceof DlakitError) {
    const { code } = error.problem;
    process.stderr.write(`dla: ${printable(formatProblem(error.problem))}\n`);
    if (code === 'cancelled') return status.interrupted;
    return code === 'check/gpu-fallback' ? status.gpuFallback : status.mistake;
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`dla: this is a bug in dlakit ${version}; please report it\n${trace}\n`);
  return status.bug;
}
