/**
 * The interface of a runtime that executes ONNX in floating point (onnxruntime): for calibration, for reference
 * results, and for host segments. host/ implements it; nothing here imports it, and checking, compiling and estimating
 * never need it.
 */

import type { Tensor } from '../graph/tensor.ts';

export interface OnnxSession {
  /** Runs once. Feeds and results are named as the model names them; the memory of the results is the caller's own. */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

export interface OnnxRuntime {
  /** For example `onnxruntime-node 1.30.0`. */
  readonly name: string;
  /**
   * `optimise: false` switches every graph optimisation off, so that the graph is executed as it is written, and keeps no memory between
   * runs.
   */
  createSession(
    model: Uint8Array,
    options?: { readonly optimise?: boolean; readonly threads?: number },
  ): Promise<OnnxSession>;
}
