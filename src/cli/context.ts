/** What every command shares: where it prints, how it shows progress, and how it is cancelled. */

import { SingleBar as Bar, Presets, type SingleBar } from 'cli-progress';
import { fail } from '../base/errors.ts';
import type { TextOptions } from '../report/table.ts';

export interface Context {
  readonly text: TextOptions;
  readonly signal: AbortSignal;
  print(text: string): void;
  /** A line on standard error, so that standard output stays what was asked for. */
  note(text: string): void;
  /** Lets a Ctrl-C that came during long work take effect, before anything is written. @throws cancelled */
  checkpoint(): Promise<void>;
  /** Shows progress on a terminal, nothing when piped. Call `stop` when done. */
  progress(label: string, total: number): Progress;
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
  };
}
