/** Classifying many images with many compiled networks: a pool of processes, each with a device of its own. */

import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { ClassifyJob, ClassifyReply } from './classify-worker.ts';

/** Images of one job: few enough that all processes end together. */
const jobSize = 250;

interface Waiting {
  readonly job: ClassifyJob;
  readonly resolve: (classes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class Classifier {
  readonly #idle: ChildProcess[] = [];
  readonly #processes: ChildProcess[];
  readonly #queue: Waiting[] = [];
  #jobs = 0;

  constructor(processes: number, worker: URL = new URL('./classify-worker.ts', import.meta.url)) {
    const execArgv = worker.pathname.endsWith('.ts') ? ['--import', 'tsx'] : [];
    this.#processes = Array.from({ length: processes }, () => fork(worker, { serialization: 'advanced', execArgv }));
    this.#idle.push(...this.#processes);
  }

  /** @returns the class of each of the first images of the test set */
  async classes(loadable: Uint8Array, recipe: string, images: number): Promise<Uint8Array> {
    const key = createHash('sha256').update(loadable).digest('hex');
    const parts: Promise<Uint8Array>[] = [];
    for (let from = 0; from < images; from += jobSize) {
      const job = { id: this.#jobs++, loadable, key, recipe, from, to: Math.min(from + jobSize, images) };
      parts.push(new Promise((resolve, reject) => this.#queue.push({ job, resolve, reject })));
    }
    this.#assign();
    const classes = new Uint8Array(images);
    for (const [index, part] of (await Promise.all(parts)).entries()) classes.set(part, index * jobSize);
    return classes;
  }

  close(): void {
    for (const child of this.#processes) child.kill();
  }

  #assign(): void {
    while (this.#idle.length > 0 && this.#queue.length > 0) this.#give(this.#idle.pop()!, this.#queue.shift()!);
  }

  #give(child: ChildProcess, { job, resolve, reject }: Waiting): void {
    const done = (settle: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      settle();
    };
    const onMessage = (reply: ClassifyReply): void =>
      done(() => {
        this.#idle.push(child);
        if ('error' in reply) reject(new Error(reply.error));
        else resolve(reply.classes);
        this.#assign();
      });
    const onExit = (code: number | null): void => done(() => reject(new Error(`a process ended with ${code}`)));
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(job);
  }
}
