/** onnxruntime-node as an OnnxRuntime of float32 tensors, for tests. */

import * as ort from 'onnxruntime-node';
import { float32Tensor, float32Values } from '../../graph/tensor.ts';
import type { OnnxRuntime } from '../../onnx/session.ts';

export const ortRuntime: OnnxRuntime = {
  name: 'onnxruntime-node',
  async createSession(model, { optimise = true, threads = 1 } = {}) {
    const session = await ort.InferenceSession.create(model, {
      graphOptimizationLevel: optimise ? 'all' : 'disabled',
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
    });
    return {
      async run(feeds) {
        const inputs = Object.entries(feeds).map(
          ([name, tensor]) => [name, new ort.Tensor('float32', float32Values(tensor), tensor.shape)] as const,
        );
        const results = await session.run(Object.fromEntries(inputs));
        return Object.fromEntries(
          Object.entries(results).map(([name, { data, dims }]) => [name, float32Tensor(dims, data as Float32Array)]),
        );
      },
      close: () => session.release(),
    };
  },
};
