/**
 * What a launch came down to: bytes laid into scratch memory and jobs run, one after the other. Networks launch the same
 * pipelines again and again; as long as nothing has moved or changed that the bytes and jobs were made from, laying and
 * running them again is the launch, and nothing has to be worked out anew.
 *
 * That holds while the bus reaches the same windows, scratch memory has not moved, and the windows that weights and
 * tables were packed from are of the same version.
 */

import type { Bus, Window } from '../../bus.ts';
import type { Scratch } from './scratch.ts';

interface Step {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Present for a job: the bytes are its fields. */
  readonly job?: { readonly units: number; readonly scratchSize: number; readonly effort: number };
}

export class Recording {
  readonly steps: Step[] = [];
  readonly #bus: Bus;
  readonly #scratch: Scratch;
  readonly #reach: readonly Window[];
  readonly #sources: { readonly window: Window; readonly version: number }[] = [];
  readonly #written: Window[] = [];
  /** How often scratch memory had moved before the launch; a launch that made it move is recorded again. */
  readonly #moves: number;

  constructor(bus: Bus, scratch: Scratch) {
    this.#bus = bus;
    this.#scratch = scratch;
    this.#reach = bus.reach;
    this.#moves = scratch.moves;
  }

  /** The launch depends on what this window holds now. */
  reads(window: Window): void {
    this.#sources.push({ window, version: window.version });
  }

  /** The launch writes to this window. */
  writes(window: Window): void {
    this.#written.push(window);
  }

  get isCurrent(): boolean {
    if (this.#reach !== this.#bus.reach || this.#moves !== this.#scratch.moves) return false;
    for (const { window, version } of this.#sources) if (window.version !== version) return false;
    return true;
  }

  /** Says that what the launch writes has changed. */
  touch(): void {
    for (const window of this.#written) window.version++;
  }
}
