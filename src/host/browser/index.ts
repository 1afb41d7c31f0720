/** The browser's side of dlakit: onnxruntime-web, images, threads. Works in a page and in a worker. */

import type { ThreadSpawner } from '../../device/engines/wasm/thread-pool.ts';
import { gunzip } from '../../evaluate/gunzip.ts';
import type { Host } from '../host.ts';
import { decodeImage } from './images.ts';
import { type BrowserOnnxRuntimeOptions, browserOnnxRuntime } from './onnxruntime.ts';

export type { Host } from '../host.ts';
export { decodeImage } from './images.ts';
export { type BrowserOnnxRuntimeOptions, browserOnnxRuntime } from './onnxruntime.ts';

/** Kernel threads as dedicated workers. They need a cross-origin isolated page, for its shared memory. */
export const browserThreads: ThreadSpawner = {
  spawn(source, data, onError) {
    const script = `onmessage = ({ data }) => { (${source})(data); };`;
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    const worker = new Worker(url);
    worker.onerror = (event) => onError(new Error(event.message));
    worker.postMessage(data);
    return {
      terminate: () => {
        URL.revokeObjectURL(url);
        worker.terminate();
      },
    };
  },
};

export function browserHost(options: BrowserOnnxRuntimeOptions = {}): Host {
  let runtime: ReturnType<typeof browserOnnxRuntime> | undefined;
  return {
    name: 'browser',
    onnxRuntime() {
      runtime ??= browserOnnxRuntime(options).catch((error: unknown) => {
        runtime = undefined;
        throw error;
      });
      return runtime;
    },
    decodeImage,
    gunzip,
    // Browsers allow shared memory only in isolated pages.
    processors: globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1,
    spawn: browserThreads,
  };
}
