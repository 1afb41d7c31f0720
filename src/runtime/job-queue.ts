/**
 * The queue of a device's tasks. Several may be in flight; the device launches one layer of each in turn, so that a short
 * task does not wait for a long one. A task that needs the device's registers for itself has it until it is complete, so
 * such tasks run in the order in which they were submitted. A task that fails or is cancelled leaves the others as they are.
 */

import { fail } from '../base/errors.ts';
import type { Firmware, Launched } from './program-scheduler.ts';
import { turnTaker } from './yield.ts';

export interface SubmitOptions<L = Launched> {
  readonly signal?: AbortSignal | undefined;
  /** Called after every launch, before the device goes on. */
  readonly onLaunch?: ((launched: L) => void) | undefined;
}

export interface Task {
  readonly id: number;
  /** Resolves when the task is complete. Rejects with `cancelled`, `device/stalled`, `device/fault`, … */
  readonly done: Promise<void>;
}

interface Queued {
  readonly exclusive: boolean;
  readonly signal: AbortSignal | undefined;
  /** Goes on with the task; says whether anything is left. */
  readonly turn: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class JobQueue {
  #queue: Queued[] = [];
  #running = false;
  #closed = false;
  #tasks = 0;

  submit<L>(firmware: Firmware<L>, { signal, onLaunch }: SubmitOptions<L> = {}): Task {
    if (this.#closed) throw new Error('the device is closed');
    const turn = (): boolean => {
      const launched = firmware.step();
      if (launched === undefined) return false;
      onLaunch?.(launched);
      return true;
    };
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ exclusive: firmware.exclusive ?? false, signal, turn, resolve, reject });
    });
    if (!this.#running) {
      this.#running = true;
      // Not before whoever submits now is through: tasks submitted together start together.
      queueMicrotask(() => void this.#work());
    }
    return { id: this.#tasks++, done };
  }

  /** Cancels what is in the queue. */
  close(): void {
    this.#closed = true;
  }

  async #work(): Promise<void> {
    const takeTurn = turnTaker();
    for (let task = this.#queue.shift(); task !== undefined; task = this.#queue.shift()) {
      try {
        if (this.#closed) fail('cancelled', 'the device was closed');
        if (task.signal?.aborted) fail('cancelled', 'the run was cancelled');
        if (!task.turn()) task.resolve();
        else if (task.exclusive) this.#queue.unshift(task);
        else this.#queue.push(task);
      } catch (error) {
        task.reject(error);
      }
      const turn = takeTurn();
      if (turn) await turn;
    }
    this.#running = false;
  }
}
