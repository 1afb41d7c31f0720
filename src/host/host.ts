/**
 * The platform, as far as dlakit needs one: an onnxruntime, decoded images, decompression. Rooms above never import a
 * host: callers pass them the functions that they need. `host/node` and `host/browser` implement it.
 */

import type { ThreadSpawner } from '../device/engines/wasm/thread-pool.ts';
import type { DecodeImage } from '../evaluate/image.ts';
import type { OnnxRuntime } from '../onnx/session.ts';

export interface Host {
  readonly name: 'node' | 'browser';
  /** Loads onnxruntime at the first call. @throws run/host-missing with advice when it is not installed */
  onnxRuntime(): Promise<OnnxRuntime>;
  /** @throws evaluate/image */
  readonly decodeImage: DecodeImage;
  /** @throws evaluate/data-set */
  gunzip(data: Uint8Array, limit?: number): Promise<Uint8Array>;
  /** How many processors threads may use. */
  readonly processors: number;
  /** Starts the threads of the kernels. */
  readonly spawn: ThreadSpawner;
}
