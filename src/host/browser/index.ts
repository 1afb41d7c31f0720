/** The browser's side of dlakit: onnxruntime-web, images, threads. Works in a page and in a worker. */

import { gunzip } from '../../evaluate/gunzip.ts';
import type { Host } from '../host.ts';
import { decodeImage } from './images.ts';
import { type BrowserOnnxRuntimeOptions, browserOnnxRuntime } from './onnxruntime.ts';
import { browserThreads } from './threads.ts';

export type { Host } from '../host.ts';
export { decodeImage } from './images.ts';
export { type BrowserOnnxRuntimeOptions, browserOnnxRuntime } from './onnxruntime.ts';
export { browserThreads } from './threads.ts';

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
