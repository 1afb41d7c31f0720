/** Small networks around the sample Program: one DLA segment, and one with host segments on either side of it. */

import { float32Tensor, type Tensor } from '../../graph/tensor.ts';
import type { OnnxRuntime } from '../../onnx/session.ts';
import type { CompiledNetwork, HostSegment, PlanTensor } from '../../program/program.ts';
import { sampleProgram } from '../../program/testing/sample-program.ts';

export function sampleNetwork(): CompiledNetwork {
  const { program, blobs } = sampleProgram();
  const tensors = [...program.inputs, ...program.outputs].map((id): PlanTensor => {
    const { name, shape, scale } = program.surfaces[id]!;
    return { name, shape, dtype: 'float32', scale: scale! };
  });
  return {
    blobs,
    plan: {
      network: 'sample',
      target: 'orin',
      release: 'JetPack 6.0',
      batch: 1,
      ranges: 'calibrated',
      tensors,
      inputs: ['image'],
      outputs: ['both', 'picked'],
      segments: [{ kind: 'dla', name: '{ForeignNode[Conv_0...Sigmoid_6]}', program }],
    },
  };
}

/** `photo` → host → `image` → DLA → `picked` → host → `doubled`; host models are named by their blob's only byte. */
export function mixedNetwork(): CompiledNetwork {
  const { plan, blobs } = sampleNetwork();
  const host = (name: string, input: string, output: string, model: string): HostSegment => ({
    kind: 'host',
    name,
    nodes: [name],
    reason: 'refused',
    inputs: [input],
    outputs: [output],
    model,
  });
  return {
    blobs: new Map([...blobs, ['a', Uint8Array.of(0)], ['b', Uint8Array.of(1)]]),
    plan: {
      ...plan,
      tensors: [
        ...plan.tensors,
        { name: 'photo', shape: [1, 3, 8, 8], dtype: 'float32' },
        { name: 'doubled', shape: [1, 1024], dtype: 'float32' },
      ],
      inputs: ['photo'],
      outputs: ['doubled', 'both'],
      segments: [host('Sin', 'photo', 'image', 'a'), ...plan.segments, host('Double', 'picked', 'doubled', 'b')],
    },
  };
}

/** Doubles whatever it is given, and counts its sessions. */
export function doublingRuntime(): OnnxRuntime & { open: number } {
  const runtime = {
    name: 'doubling',
    open: 0,
    async createSession(model: Uint8Array) {
      runtime.open++;
      const output = model[0] === 0 ? 'image' : 'doubled';
      return {
        async run(feeds: Readonly<Record<string, Tensor>>) {
          const [tensor] = Object.values(feeds);
          const values = new Float32Array(tensor!.bytes.slice().buffer).map((value) => 2 * value);
          const shape = output === 'doubled' ? [1, values.length] : tensor!.shape;
          return { [output]: float32Tensor(shape, values) };
        },
        async close() {
          runtime.open--;
        },
      };
    },
  };
  return runtime;
}

export const sampleImage = (seed: number): Tensor =>
  float32Tensor(
    [1, 3, 8, 8],
    Float32Array.from({ length: 192 }, (_, i) => (((i * 37 + seed * 11) % 211) - 105) / 40),
  );
