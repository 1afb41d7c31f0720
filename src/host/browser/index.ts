/** The browser's side of dlakit: onnxruntime-web, images, threads. Works in a page and in a worker. */

import { fail } from '../../base/errors.ts';
import type { ThreadSpawner } from '../../device/engines/wasm/thread-pool.ts';
import { gunzip } from '../../evaluate/idx.ts';
import { type Image, largestSide } from '../../evaluate/image.ts';
import type { Host } from '../host.ts';
import { type BrowserOnnxRuntimeOptions, browserOnnxRuntime } from './onnxruntime.ts';

export type { Host } from '../host.ts';
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

/**
 * Decodes what the browser's own decoders know to RGB, turned as its EXIF says, transparency laid over black; with `alpha` to RGBA. A
 * canvas keeps colours multiplied by their opacity, so that those of half transparent pixels are less exact than in Node.
 * @throws evaluate/image
 */
export async function decodeImage(data: Uint8Array, file: string, alpha = false): Promise<Image> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([new Uint8Array(data)]), { colorSpaceConversion: 'none' });
  } catch {
    return fail('evaluate/image', 'the image cannot be decoded', { file });
  }
  try {
    const { width, height } = bitmap;
    if (Math.max(width, height) > largestSide) {
      const actual = `${width}×${height}`;
      fail('evaluate/image', 'the image is too large', { file }, { expected: `sides up to ${largestSide}`, actual });
    }
    const context = new OffscreenCanvas(width, height).getContext('2d');
    if (!context) return fail('evaluate/image', 'the browser gives no canvas of this size', { file });
    if (!alpha) {
      context.fillStyle = '#000';
      context.fillRect(0, 0, width, height);
    }
    context.drawImage(bitmap, 0, 0);
    const { data: rgba } = context.getImageData(0, 0, width, height);
    if (alpha) return { width, height, channels: 4, pixels: new Uint8Array(rgba.buffer) };
    const pixels = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < pixels.length; from += 4) {
      pixels[to++] = rgba[from]!;
      pixels[to++] = rgba[from + 1]!;
      pixels[to++] = rgba[from + 2]!;
    }
    return { width, height, channels: 3, pixels };
  } finally {
    bitmap.close();
  }
}
