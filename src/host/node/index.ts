/** Node's side of dlakit: files, images, threads, onnxruntime-node. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ThreadSpawner } from '../../device/engines/wasm/thread-pool.ts';
import { gunzip } from '../../evaluate/idx.ts';
import type { Host } from '../host.ts';
import { decodeImage } from './images.ts';
import { nodeOnnxRuntime } from './onnxruntime.ts';

export type { Host } from '../host.ts';
export { type FileToWrite, listFolder, readBytes, readText, writeFile, writeFiles } from './files.ts';
export { decodeImage, readImageFolder } from './images.ts';
export { nodeOnnxRuntime } from './onnxruntime.ts';

/** Kernel threads as worker_threads. They do not keep the process alive. */
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

export const nodeHost: Host = {
  name: 'node',
  onnxRuntime: nodeOnnxRuntime,
  decodeImage,
  gunzip,
  processors: availableParallelism(),
  spawn: nodeThreads,
};
