/**
 * Threads that help with jobs. The launching thread offers a job in the mailbox, takes part, withdraws it and waits for
 * the helpers that are still at their last unit; helpers that have not woken by then are not waited for. How a thread
 * starts is the platform's business: it hands in a {@link ThreadSpawner} (host/node/index.ts, host/browser/index.ts).
 */

import type { Bus } from '../../bus.ts';
import * as layout from './job.ts';

export interface Thread {
  terminate(): void;
}

export interface ThreadSpawner {
  /**
   * Starts a thread.
   * @param source JavaScript text of a function expression, called with `data` in the new thread; it uses no imports
   * @param data what structured cloning can pass, shared memory and WebAssembly modules included
   * @param onError told of an error that ended the thread
   */
  spawn(source: string, data: unknown, onError: (error: unknown) => void): Thread;
}

/** What a helper runs. It returns when the pool closes; should it die at work, it says so where the launch waits. */
const helperSource = `({ module, memory, box, thread, failed }) => {
  try {
    new WebAssembly.Instance(module, { env: { memory } }).exports.help(box, thread);
  } catch (error) {
    Atomics.store(new Int32Array(memory.buffer), failed, 1);
    throw error;
  }
}`;

const startLimit = 20_000;

export class ThreadPool {
  readonly #bus: Bus;
  readonly #box: number;
  readonly #threads: Thread[] = [];
  readonly helpers: number;

  private constructor(bus: Bus, helpers: number) {
    this.#bus = bus;
    this.helpers = helpers;
    this.#box = bus.allocate(layout.boxBytes);
  }

  /** Starts helpers and waits until all are up. @throws Error when one fails to start */
  static async start(
    bus: Bus,
    module: WebAssembly.Module,
    helpers: number,
    spawner: ThreadSpawner,
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(bus, helpers);
    let failure: { readonly error: unknown } | undefined;
    const onError = (error: unknown): void => {
      failure ??= { error };
    };
    for (let thread = 1; thread <= helpers; thread++) {
      const data = { module, memory: bus.memory, box: pool.#box, thread, failed: pool.#word(layout.boxFailed) };
      pool.#threads.push(spawner.spawn(helperSource, data, onError));
    }
    for (let waited = 0; Atomics.load(pool.#words, pool.#word(layout.boxUp)) < helpers; waited++) {
      if (failure || waited > startLimit) {
        pool.close();
        throw new Error('a kernel thread did not start', { cause: failure?.error });
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return pool;
  }

  /** Fetched anew: memory may have grown. */
  get #words(): Int32Array {
    return new Int32Array(this.#bus.memory.buffer);
  }

  #word(field: number): number {
    return (this.#box + field) >>> 2;
  }

  /** Runs `work`, the launching thread's share of a job, while helpers work on it too; returns when all is done. */
  share(job: number, work: () => void): void {
    const words = this.#words;
    Atomics.store(words, this.#word(layout.boxJob), job);
    this.#wake(words);
    try {
      work();
    } finally {
      Atomics.store(words, this.#word(layout.boxJob), 0);
      this.#join(words);
    }
  }

  #wake(words: Int32Array): void {
    Atomics.add(words, this.#word(layout.boxTicket), 1);
    Atomics.notify(words, this.#word(layout.boxTicket));
  }

  #join(words: Int32Array): void {
    const active = this.#word(layout.boxActive);
    for (let i = 0; i < 2000; i++) if (Atomics.load(words, active) === 0) return;
    for (let count = Atomics.load(words, active); count !== 0; count = Atomics.load(words, active)) {
      if (Atomics.load(words, this.#word(layout.boxFailed))) throw new Error('a kernel thread failed');
      try {
        Atomics.wait(words, active, count, 10);
      } catch {
        // A page's main thread may not sleep; it goes on looking.
      }
    }
  }

  close(): void {
    const words = this.#words;
    Atomics.store(words, this.#word(layout.boxStop), 1);
    this.#wake(words);
    // The helpers leave by themselves; ending the threads frees the platform's handles. The mailbox stays allocated: a
    // helper on its way out may still look at it.
    for (const thread of this.#threads) thread.terminate();
    this.#threads.length = 0;
  }
}
