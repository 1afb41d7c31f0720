/** Kernel threads in browsers: dedicated workers. They need a cross-origin isolated page, for its shared memory. */

import type { ThreadSpawner } from '../../device/engines/wasm/thread-pool.ts';

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
