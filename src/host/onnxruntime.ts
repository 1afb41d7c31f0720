/**
 * onnxruntime-node and onnxruntime-web have one API (onnxruntime-common); this puts it behind {@link OnnxRuntime}. Only
 * the part that is used is described here, so that neither package is needed to read our types.
 */

import { typedArray, typedArrays } from '../base/data-type.ts';
import { DlakitError, fail } from '../base/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime, OnnxSession } from '../onnx/session.ts';

interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

interface OrtSession {
  readonly inputNames: readonly string[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

export interface OrtModule {
  readonly Tensor: new (type: string, data: ArrayBufferView, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OrtSession>;
  };
}

/** @param executionProvider onnxruntime's name of what executes: `cpu` or `wasm` */
export function onnxRuntimeOf(ort: OrtModule, name: string, executionProvider: string): OnnxRuntime {
  return {
    name,
    async createSession(model, { optimise = true, threads } = {}) {
      const session = await attempt(name, 'does not accept the model', () =>
        ort.InferenceSession.create(model, {
          executionProviders: [executionProvider],
          graphOptimizationLevel: optimise ? 'all' : 'disabled',
          ...(!optimise && { enableCpuMemArena: false, enableMemPattern: false }),
          // Errors only: onnxruntime's warnings (unused initializers, …) would not tell a user of dlakit anything.
          logSeverityLevel: 3,
          ...(threads !== undefined && { intraOpNumThreads: threads, interOpNumThreads: 1 }),
        }),
      );
      return onnxSession(ort, name, session);
    },
  };
}

function onnxSession(ort: OrtModule, name: string, session: OrtSession): OnnxSession {
  return {
    async run(feeds) {
      const converted: Record<string, OrtTensor> = {};
      for (const [input, tensor] of Object.entries(feeds)) converted[input] = toOrt(ort, input, tensor);
      const results = await attempt(name, 'cannot run the model', () => session.run(converted));
      return Object.fromEntries(Object.entries(results).map(([output, tensor]) => [output, fromOrt(output, tensor)]));
    },
    close: () => session.release(),
  };
}

/** Turns what onnxruntime throws, which is about the model or its inputs, into an error of ours. */
async function attempt<T>(name: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DlakitError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return fail('run/host-failed', `${name} ${what}: ${reason.split('\n')[0]!.slice(0, 400)}`);
  }
}

type Taken = Exclude<keyof typeof typedArrays, 'bfloat16'>;

/** onnxruntime's JavaScript API has tensors of our types but bfloat16 and strings. */
const isTaken = (dtype: string): dtype is Taken => dtype in typedArrays && dtype !== 'bfloat16';

function toOrt(ort: OrtModule, name: string, { dtype, shape, bytes }: Tensor): OrtTensor {
  if (!isTaken(dtype)) {
    return fail('run/input', 'onnxruntime takes no tensor of this type', { value: name }, { actual: dtype });
  }
  // onnxruntime takes no shared memory.
  const own = bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
  return new ort.Tensor(dtype, typedArray(dtype, own), shape);
}

function fromOrt(name: string, tensor: OrtTensor): Tensor {
  const { data, type } = tensor;
  if (!ArrayBuffer.isView(data) || !isTaken(type)) {
    return fail('run/host-failed', 'onnxruntime gave a tensor of an unknown type', { value: name }, { actual: type });
  }
  return {
    dtype: type,
    shape: [...tensor.dims],
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}
