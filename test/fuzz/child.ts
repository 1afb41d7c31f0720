/**
 * The fuzzer's child process: works through indices, tells its parent which one it is about to start and how each ended. A
 * crash or a hang is the parent's to notice; time and memory beyond the limits are findings like any other.
 */

import type { ErrorCode } from '../../src/base/errors.ts';

/** Processor time, so that a busy machine finds nothing. */
const mostMilliseconds = 5000;
const mostGrowth = 512 * 2 ** 10;

export interface Job {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'refused'; readonly stage: string; readonly code: ErrorCode }
  | { readonly kind: 'finding'; readonly stage: string; readonly what: string };

/** What became of one mutant. */
export interface Taken {
  /** The kind of what was mutated. */
  readonly input: string;
  readonly outcome: Outcome;
  /** Where it came to. */
  readonly stage: string;
}

export type Message =
  | { readonly kind: 'start'; readonly index: number }
  | {
      readonly kind: 'end';
      readonly index: number;
      readonly input: string;
      readonly outcome: Outcome;
      readonly milliseconds: number;
    }
  | { readonly kind: 'done' };

const send = (message: Message): void => {
  process.send?.(message);
};

/** @param take makes the mutant of a seed and an index, and takes it on its way */
export function serve(take: (seed: number, index: number) => Promise<Taken>): void {
  process.once('message', (job: Job) => {
    void work(job, take).finally(() => process.disconnect());
  });
}

async function work({ seed, from, to, step }: Job, take: Parameters<typeof serve>[0]): Promise<void> {
  for (let index = from; index < to; index += step) {
    send({ kind: 'start', index });
    const began = process.cpuUsage();
    const peak = process.resourceUsage().maxRSS;
    const { input, outcome, stage } = await take(seed, index);
    const { user, system } = process.cpuUsage(began);
    const milliseconds = (user + system) / 1000;
    const growth = process.resourceUsage().maxRSS - peak;
    const excess =
      milliseconds > mostMilliseconds
        ? `took ${Math.round(milliseconds)} ms`
        : growth > mostGrowth
          ? `took ${Math.round(growth / 1024)} MiB`
          : undefined;
    const isFinding = outcome.kind !== 'finding' && excess !== undefined;
    const told: Outcome = isFinding ? { kind: 'finding', stage, what: excess } : outcome;
    send({ kind: 'end', index, input, outcome: told, milliseconds });
  }
  send({ kind: 'done' });
}
