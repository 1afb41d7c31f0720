/**
 * Engines that compute elsewhere and later, as a GPU or another process does: they have memory of their own, to which they copy what
 * was written on the bus, and they work off their queue in later turns of the event loop, an operation each. What they compute never
 * comes to the bus: who wants a surface has to read it.
 */

import type { Pipeline } from '../../program/layer.ts';
import { Bus, type Window } from '../bus.ts';
import { referenceEngines } from '../engines/reference/engines.ts';
import type { Cube } from '../launch.ts';
import { type LaunchResult, launch } from '../launch.ts';
import type { QueuedEngines } from '../state.ts';

export interface WatchedEngines extends QueuedEngines {
  /** Most operations that ever waited at once. */
  readonly longest: number;
}

/** @param delay milliseconds that an operation takes to begin */
export function queuedEngines(bus: Bus, delay = 0): WatchedEngines {
  const own = new Bus();
  const state = { engines: referenceEngines() };
  /** Windows that were copied, their copies, and the version that they had. */
  const copies = new Map<Window, { readonly copy: Window; version: number }>();
  const queue: { readonly run: () => void; readonly reject: (error: unknown) => void }[] = [];
  let longest = 0;
  let working = false;

  const work = async (): Promise<void> => {
    working = true;
    for (let next = queue.shift(); next; next = queue.shift()) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      next.run();
    }
    working = false;
  };
  const enqueue = <T>(operation: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(operation());
        } catch (error) {
          reject(error);
        }
      };
      queue.push({ run, reject });
      longest = Math.max(longest, queue.length);
      if (!working) void work();
    });
  /** Takes now what was written on the bus, and has it put into the own memory in its turn. */
  const upload = (): void => {
    const changes: (() => void)[] = [];
    for (const [window, { copy }] of copies) {
      if (window.mapped) continue;
      copies.delete(window);
      changes.push(() => own.unmap(copy));
    }
    for (const window of bus.reach) {
      const known = copies.get(window);
      if (known?.version === window.version) continue;
      const bytes = bus.read(window.base, window.size);
      if (known) known.version = window.version;
      else copies.set(window, { copy: own.map(window.base, window.size), version: window.version });
      changes.push(() => own.write(window.base, bytes));
    }
    if (changes.length === 0) return;
    const all = enqueue(() => {
      for (const change of changes) change();
    });
    all.catch(() => {});
  };

  return {
    kind: 'queued',
    name: 'queued',
    get longest() {
      return longest;
    },
    dispatch(pipeline: Pipeline<Cube>): Promise<LaunchResult> {
      upload();
      return enqueue(() => launch(pipeline, own, state));
    },
    read({ address, size }: Cube): Promise<Uint8Array> {
      upload();
      return enqueue(() => own.read(address, size));
    },
    close() {
      for (const { reject } of queue.splice(0)) reject(new Error('the engines were closed'));
    },
  };
}
