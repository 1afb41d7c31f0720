/** onnxruntime-node, imported when it is first needed: checking, compiling and estimating do without. */

import { fail } from '../../base/errors.ts';
import type { OnnxRuntime } from '../../onnx/session.ts';
import { type OrtModule, onnxRuntimeOf } from '../onnxruntime.ts';

let loaded: Promise<OnnxRuntime> | undefined;

/** @throws run/host-missing when the package is not installed or cannot be loaded */
export function nodeOnnxRuntime(): Promise<OnnxRuntime> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<OnnxRuntime> {
  try {
    const module = await import('onnxruntime-node');
    const version = module.env.versions.node;
    const ort = module as unknown as OrtModule;
    return onnxRuntimeOf(ort, version === undefined ? 'onnxruntime-node' : `onnxruntime-node ${version}`, 'cpu');
  } catch (error) {
    loaded = undefined;
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    return fail(
      'run/host-missing',
      `onnxruntime-node ${missing ? 'is not installed' : 'cannot be loaded'}; install it with: npm install onnxruntime-node`,
      {},
      missing ? {} : { actual: error instanceof Error ? error.message.split('\n')[0]! : String(error) },
    );
  }
}
