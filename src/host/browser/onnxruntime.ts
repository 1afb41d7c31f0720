/**
 * onnxruntime-web, imported when it is first needed. dlakit fetches nothing: where the page's bundler or import map does
 * not find the package, the caller passes the module; where its WebAssembly is not beside it, the caller passes the bytes.
 */

import { fail } from '../../base/errors.ts';
import type { OnnxRuntime } from '../../onnx/session.ts';
import { type OrtModule, onnxRuntimeOf } from '../onnxruntime.ts';

export interface BrowserOnnxRuntimeOptions {
  /** Imports onnxruntime-web; `import('onnxruntime-web/wasm')` by default. */
  readonly load?: () => Promise<unknown>;
  /** The bytes of `ort-wasm-simd-threaded.wasm`. */
  readonly wasmBinary?: ArrayBuffer | Uint8Array;
  /** Folder of onnxruntime-web's `.mjs` and `.wasm` files. */
  readonly wasmPaths?: string;
  /** 1 by default; more need a cross-origin isolated page. */
  readonly threads?: number;
}

interface OrtWeb extends OrtModule {
  readonly env: {
    readonly versions: { readonly web?: string };
    readonly wasm: { wasmBinary?: ArrayBuffer | Uint8Array; wasmPaths?: string; numThreads?: number };
  };
}

const isOrtWeb = (module: unknown): module is OrtWeb =>
  typeof module === 'object' &&
  module !== null &&
  'InferenceSession' in module &&
  'Tensor' in module &&
  'env' in module;

/** @throws run/host-missing when the package cannot be imported */
export async function browserOnnxRuntime(options: BrowserOnnxRuntimeOptions = {}): Promise<OnnxRuntime> {
  const { load, wasmBinary, wasmPaths, threads = 1 } = options;
  let module: unknown;
  try {
    // Bundlers accept that the package is absent only where the import is awaited inside a try.
    module = load ? await load() : await import('onnxruntime-web/wasm');
  } catch (error) {
    fail(
      'run/host-missing',
      'onnxruntime-web cannot be imported; add it to the page (npm install onnxruntime-web)',
      {},
      { actual: error instanceof Error ? error.message.split('\n')[0]! : String(error) },
    );
  }
  if (!isOrtWeb(module)) fail('run/host-missing', 'what was imported is not onnxruntime-web');
  const { wasm, versions } = module.env;
  if (wasmBinary) wasm.wasmBinary = wasmBinary;
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  wasm.numThreads = threads;
  return onnxRuntimeOf(module, `onnxruntime-web ${versions.web ?? ''}`.trimEnd(), 'wasm');
}
