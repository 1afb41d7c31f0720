/**
 * The fuzzer's child process: works through indices, tells its parent which one it is about to start and how each ended. A
 * crash or a hang is the parent's to notice; time and memory beyond the limits are findings like any other.
 */

import { Journey, type Outcome } from './journey.ts';
import { mutantOf, stock } from './mutant.ts';
import { randomOf } from './random.ts';

/** Processor time, so that a busy machine finds nothing. */
const mostMilliseconds = 5000;
const mostGrowth = 512 * 2 ** 10;

export interface Job {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly step: number;
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

async function work({ seed, from, to, step }: Job): Promise<void> {
  const base = stock();
  for (let index = from; index < to; index += step) {
    send({ kind: 'start', index });
    const random = randomOf(seed, index);
    const mutant = mutantOf(random, base);
    const began = process.cpuUsage();
    const peak = process.resourceUsage().maxRSS;
    const journey = new Journey(random);
    let outcome = await journey.take(mutant);
    const { user, system } = process.cpuUsage(began);
    const milliseconds = (user + system) / 1000;
    const growth = process.resourceUsage().maxRSS - peak;
    if (outcome.kind !== 'finding' && milliseconds > mostMilliseconds) {
      outcome = { kind: 'finding', stage: journey.stage, what: `took ${Math.round(milliseconds)} ms` };
    } else if (outcome.kind !== 'finding' && growth > mostGrowth) {
      outcome = { kind: 'finding', stage: journey.stage, what: `took ${Math.round(growth / 1024)} MiB` };
    }
    send({ kind: 'end', index, input: mutant.kind, outcome, milliseconds });
  }
  send({ kind: 'done' });
}

process.once('message', (job: Job) => {
  void work(job).finally(() => process.disconnect());
});
