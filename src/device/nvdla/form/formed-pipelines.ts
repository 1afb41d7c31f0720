/**
 * A cache of pipelines by the registers that they were formed from. A pipeline depends on nothing but the configuration and
 * the registers, and every run of a network sets up the same ones. So a pipeline is formed once, and caches that are keyed
 * by its identity (packed weights, checks) find it again.
 */

import type { NvdlaTarget } from '../../../targets/target.ts';
import type { Launch } from '../../launch.ts';
import { mostSetupWords, type RegisterFile } from '../registers/register-file.ts';
import type { BlockName } from '../registers/register-map.ts';

interface Formed {
  readonly setup: Uint32Array;
  readonly pipeline: Launch;
  /** The pipeline that followed this one last time, tried first: a network runs its layers in the same order again. */
  next: Formed | undefined;
}

/** Pipelines that are kept; a network has some hundreds. */
const mostFormed = 4096;

const words = new Uint32Array(mostSetupWords);

const formedFor = new WeakMap<NvdlaTarget, FormedPipelines>();

/** The cache of a configuration, which its devices share. */
export function formedPipelines(target: NvdlaTarget): FormedPipelines {
  const formed = formedFor.get(target) ?? new FormedPipelines();
  formedFor.set(target, formed);
  return formed;
}

export class FormedPipelines {
  readonly #formed = new Map<number, Formed[]>();
  #count = 0;
  #last: Formed | undefined;

  /** The pipeline of the groups whose turn it is; `form` makes it where no earlier one had these registers. */
  get(registers: RegisterFile, blocks: readonly BlockName[], form: () => Launch): Launch {
    const expected = this.#last?.next;
    const formed =
      expected && registers.isSetUp(blocks, expected.setup) ? expected : this.#find(registers, blocks, form);
    if (this.#last) this.#last.next = formed;
    this.#last = formed;
    return formed.pipeline;
  }

  #find(registers: RegisterFile, blocks: readonly BlockName[], form: () => Launch): Formed {
    const length = registers.setup(blocks, words);
    const hash = hashOf(length);
    const known = this.#formed.get(hash)?.find(({ setup }) => equals(setup, length));
    if (known) return known;
    const formed: Formed = { setup: words.slice(0, length), pipeline: form(), next: undefined };
    if (this.#count >= mostFormed) {
      this.#formed.clear();
      this.#count = 0;
    }
    this.#count++;
    this.#formed.set(hash, [...(this.#formed.get(hash) ?? []), formed]);
    return formed;
  }
}

function hashOf(length: number): number {
  let hash = 0;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + words[i]!) | 0;
  return hash;
}

function equals(setup: Uint32Array, length: number): boolean {
  if (setup.length !== length) return false;
  for (let i = 0; i < length; i++) if (setup[i] !== words[i]) return false;
  return true;
}
