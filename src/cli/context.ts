/** What every command shares: where it prints, how it shows progress, how it is cancelled, and what a mistake ends as. */

import { SingleBar as Bar, Presets, type SingleBar } from 'cli-progress';
import { CommanderError } from 'commander';
import { DlakitError, fail, formatProblem } from '../base/errors.ts';
import { version } from '../index.ts';
import { printable, type TextOptions } from '../report/table.ts';

export interface Context {
  readonly text: TextOptions;
  readonly signal: AbortSignal;
  print(text: string): void;
  /** Prints a line on standard error: standard output holds only what the command was asked for. */
  note(text: string): void;
  /** Lets a Ctrl-C that came during long work take effect, before anything is written. @throws cancelled */
  checkpoint(): Promise<void>;
  /** Shows progress on a terminal, nothing when piped. Call `stop` when done. */
  progress(label: string, total: number): Progress;
  /** Shows on a terminal what long work does next, where nobody knows how much there is. Call `stop` when done. */
  steps(label: string): Steps;
}

interface Steps {
  step(text: string): void;
  stop(): void;
}

export interface Progress {
  update(done: number): void;
  stop(): void;
}

export function createContext(signal: AbortSignal): Context {
  const { stdout, stderr, env } = process;
  return {
    text: { colour: stdout.isTTY === true && env.NO_COLOR === undefined, width: stdout.columns ?? 120 },
    signal,
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    async checkpoint() {
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) fail('cancelled', 'the work was cancelled');
    },
    progress(label, total) {
      if (!stderr.isTTY) return { update() {}, stop() {} };
      const bar: SingleBar = new Bar(
        {
          format: `${label} {bar} {value}/{total}, {eta_formatted} left`,
          clearOnComplete: true,
          stream: stderr,
          hideCursor: true,
        },
        Presets.shades_classic,
      );
      bar.start(total, 0);
      return { update: (done) => bar.update(done), stop: () => bar.stop() };
    },
    steps(label) {
      if (!stderr.isTTY) return { step() {}, stop() {} };
      const clear = '\r\u001b[K';
      return {
        step: (text) => {
          const line = `${label}: ${printable(text)}`;
          stderr.write(`${clear}${line.slice(0, (stderr.columns ?? 80) - 1)}`);
        },
        stop: () => void stderr.write(clear),
      };
    },
  };
}

const status = { notOnDla: 1, mistake: 2, bug: 70, interrupted: 130 } as const;

/**
 * Runs a program's work and sets the exit status. Ctrl-C cancels the work, a user's mistake is printed without a stack, a bug keeps
 * its stack.
 */
export async function runMain(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  // The first Ctrl-C ends the work cleanly, the second ends the process.
  process.once('SIGINT', () => abort.abort());
  for (const stream of [process.stdout, process.stderr]) stream.on('error', leaveClosedPipe);
  try {
    await work(abort.signal);
  } catch (error) {
    const { text, exitStatus } = ending(error);
    process.stderr.write(text);
    process.exitCode = exitStatus;
  }
}

/** The reader of a pipe may stop early, as `head` does: the rest of the output is dropped, and the work goes on. */
function leaveClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/** What is printed on standard error when an error ends the work, and the exit status for it. */
export function ending(error: unknown): { readonly text: string; readonly exitStatus: number } {
  // commander has printed this error.
  if (error instanceof CommanderError) return { text: '', exitStatus: error.exitCode === 0 ? 0 : status.mistake };
  if (error instanceof DlakitError) {
    const { code } = error.problem;
    const special = {
      cancelled: status.interrupted,
      'check/gpu-fallback': status.notOnDla,
      'check/memory': status.notOnDla,
    } as const;
    return {
      text: `dla: ${printable(formatProblem(error.problem))}\n`,
      exitStatus: code in special ? special[code as keyof typeof special] : status.mistake,
    };
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `dla: this is a bug in dlakit ${version}; please report it\n${trace}\n`, exitStatus: status.bug };
}
