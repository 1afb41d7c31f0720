/** Contexts of a loaded Program: handed out one to a task, kept for the next run when it ends. */

import type { Context } from './loaded-program.ts';

/** Contexts that are kept for the next run. */
const mostIdle = 2;

export class ContextPool {
  readonly #make: () => Context;
  #idle: Context[] = [];
  #open = true;

  constructor(make: () => Context) {
    this.#make = make;
  }

  /** Memory for one task. @throws device/memory */
  acquire(): Context {
    if (!this.#open) throw new Error('the program was unloaded');
    return this.#idle.pop() ?? this.#make();
  }

  release(context: Context): void {
    if (this.#open && this.#idle.length < mostIdle) this.#idle.push(context);
    else context.close();
  }

  /** Closes what is idle; contexts that are out close when they come back. Returns whether it was open. */
  close(): boolean {
    const was = this.#open;
    this.#open = false;
    for (const context of this.#idle) context.close();
    this.#idle = [];
    return was;
  }
}
