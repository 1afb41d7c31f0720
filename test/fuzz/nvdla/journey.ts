/**
 * The way of a mutant of what the open NVDLA reads. Every stage may refuse it with a DlakitError of a kind that belongs there,
 * and running may end in an error of the device. Anything else is a finding: another exception, a byte written outside the
 * buffers of its task, a result that depends on what others' buffers hold, engines that differ, a device that is not usable
 * afterwards.
 */

import { DlakitError, type ErrorCode } from '../../../src/base/errors.ts';
import type { Random } from '../../../src/base/random.ts';
import { decodeStockLoadable, type StockLoadable } from '../../../src/loadable/nvdla/format/stock-loadable.ts';
import { liftLoadable } from '../../../src/loadable/nvdla/lift/loadable.ts';
import { printStockLoadable } from '../../../src/loadable/nvdla/print/loadable.ts';
import { validateStockLoadable } from '../../../src/loadable/nvdla/validate/loadable.ts';
import type { Outcome, Taken } from '../child.ts';
import { randomOf } from '../random.ts';
import type { StockBase } from './bases.ts';
import { checkUsable, type Ending, type EngineKind, Inconsistency, labOf, sameOutputs } from './lab.ts';

export type StockMutant =
  | { readonly kind: 'file'; readonly base: StockBase; readonly bytes: Uint8Array }
  | { readonly kind: 'descriptors'; readonly base: StockBase; readonly loadable: StockLoadable };

export const stages = {
  file: ['decode', 'print', 'validate', 'lift', 'load', 'run'],
  descriptors: ['print', 'validate', 'lift', 'load', 'run'],
} as const;

type Stage = (typeof stages)['file'][number];

/** What each stage may refuse with. */
const refusals: Readonly<Record<Stage, RegExp>> = {
  decode: /^loadable\//,
  print: /^loadable\/|^device\/unsupported$/,
  validate: /^loadable\//,
  lift: /^loadable\/|^device\/unsupported$|^program\/invalid$/,
  load: /^loadable\/|^device\/memory$/,
  run: /^loadable\/|^device\//,
};

export class StockJourney {
  readonly #seed: number;
  readonly #index: number;
  readonly #random: Random;
  #stage: Stage = 'decode';

  constructor(seed: number, index: number, random: Random) {
    this.#seed = seed;
    this.#index = index;
    this.#random = random;
  }

  async take(mutant: StockMutant): Promise<Taken> {
    const outcome = await this.#outcome(mutant);
    return { input: mutant.kind, outcome, stage: this.#stage };
  }

  async #outcome(mutant: StockMutant): Promise<Outcome> {
    try {
      return await this.#go(mutant);
    } catch (error) {
      const stage = this.#stage;
      if (error instanceof DlakitError) return this.#refused(error.problem.code, error.stack ?? error.message);
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { kind: 'finding', stage, what: what.slice(0, 4000) };
    }
  }

  #refused(code: ErrorCode, what: string): Outcome {
    const stage = this.#stage;
    return refusals[stage].test(code) ? { kind: 'refused', stage, code } : { kind: 'finding', stage, what };
  }

  async #go(mutant: StockMutant): Promise<Outcome> {
    const { base } = mutant;
    const loadable =
      mutant.kind === 'file' ? this.#at('decode', () => decodeStockLoadable(mutant.bytes)) : mutant.loadable;
    // Reading does not run: what one of these refuses another one takes.
    if (this.#random.chance(0.2)) {
      this.#tolerate('print', () => printStockLoadable(loadable));
      this.#tolerate('validate', () => validateStockLoadable(loadable, base.target));
      this.#tolerate('lift', () => liftLoadable(loadable, base.target));
    }
    const kind: EngineKind = this.#random.chance(0.85) ? 'kernels' : 'reference';
    const lab = await labOf(base.target, kind);
    this.#stage = 'load';
    const ending = lab.run(loadable, this.#inputs(), 1);
    this.#stage = ending.stage;
    if (this.#random.chance(0.25)) {
      const again = lab.run(loadable, this.#inputs(), 2);
      requireSame(ending, again, 'what lies in the buffers of others makes a difference');
    }
    if (this.#random.chance(0.1)) {
      const other = await labOf(base.target, kind === 'kernels' ? 'reference' : 'kernels');
      const otherEnding = other.run(loadable, this.#inputs(), 1);
      // Kernels need memory of their own.
      const isFull = [ending.code, otherEnding.code].includes('device/memory');
      if (!isFull) requireSame(ending, otherEnding, 'the kernels and the reference differ');
    }
    if (this.#random.chance(0.05)) checkUsable(lab, base, () => randomOf(1, 1));
    return ending.code === 'none' ? { kind: 'passed' } : this.#refused(ending.code, ending.message);
  }

  #inputs(): Random {
    return randomOf(this.#seed + 1, this.#index);
  }

  #at<T>(stage: Stage, work: () => T): T {
    this.#stage = stage;
    return work();
  }

  #tolerate(stage: Stage, work: () => unknown): void {
    try {
      this.#at(stage, work);
    } catch (error) {
      if (!(error instanceof DlakitError && refusals[stage].test(error.problem.code))) throw error;
    }
  }
}

function requireSame(a: Ending, b: Ending, what: string): void {
  if (a.code === b.code && sameOutputs(a.outputs, b.outputs)) return;
  throw new Inconsistency(`${what}: ${a.message || a.code}, ${b.message || b.code}`);
}
