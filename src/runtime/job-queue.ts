/**
 * The queue of a device's tasks. Several may be in flight; the device launches one layer of each in turn, so that a short
 * task does not wait for a long one. A task that needs the device's registers for itself has it until it is complete, so
 * such tasks run in the order in which they were submitted. A task that fails or is cancelled leaves the others as they are.
 * Between launches the queue gives the event loop a turn, so that Ctrl-C, timers and other work come through.
 */

import { fail } from '../base/errors.ts';

/** What a task has the device do: asked again and again for its next launch. */
export interface Job<L> {
  /** The task has the device to itself until it is complete. */
  readonly exclusive?: boolean;
  /** Launches one layer; undefined when the task is complete. @throws device/stalled, device/fault, device/unsupported */
  step(): L | undefined;
}

export interface SubmitOptions<L> {
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
  /** Launches the task's next layer; false when the task is complete. */
  readonly turn: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class JobQueue {
  #queue: Queued[] = [];
  #running = false;
  #closed = false;
  #tasks = 0;

  submit<L>(job: Job<L>, { signal, onLaunch }: SubmitOptions<L> = {}): Task {
    if (this.#closed) throw new Error('the device is closed');
    const turn = (): boolean => {
      const launched = job.step();
      if (launched === undefined) return false;
      onLaunch?.(launched);
      return true;
    };
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ exclusive: job.exclusive ?? false, signal, turn, resolve, reject });
    });
    if (!this.#running) {
      this.#running = true;
      // The caller may submit more tasks in this turn: they start together.
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

/** Resolves in a later turn of the event loop, without the delay that browsers add to timers. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Milliseconds of work between two turns. */
const longestTurn = 8;

/** Gives the event loop a turn when it has had none for {@link longestTurn}. */
function turnTaker(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < longestTurn) return undefined;
    return nextTurn().then(() => {
      last = performance.now();
    });
  };
}
