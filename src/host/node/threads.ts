/** Kernel threads on Node: worker_threads. They do not keep the process alive. */

import { Worker } from 'node:worker_threads';
import type { ThreadSpawner } from '../../device/engines/wasm/thread-pool.ts';

export const nodeThreads: ThreadSpawner = {
  spawn(source, data, onError) {
    const worker = new Worker(`(${source})(require('node:worker_threads').workerData);`, {
      eval: true,
      workerData: data,
    });
    worker.unref();
    worker.on('error', onError);
    return { terminate: () => void worker.terminate() };
  },
};
