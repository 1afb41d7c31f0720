import { describe, expect, it } from 'vitest';
import type { Graph, Node, ValueType } from '../../graph/graph.ts';
import { float32Tensor, float32Values, int64Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { writeModel } from '../../onnx/write.ts';
import { nodeOnnxRuntime } from './onnxruntime.ts';

const node = (op: string, inputs: string[], outputs: string[], attributes: Node['attributes'] = {}): Node => ({
  name: op,
  op,
  domain: '',
  inputs,
  outputs,
  attributes,
  origin: [op],
});

const graph = (nodes: Node[], inputs: Record<string, Tensor>, output: string, dtype: Tensor['dtype']): Graph => ({
  name: 'test',
  opsets: { '': 17 },
  inputs: Object.keys(inputs),
  outputs: [output],
  nodes,
  constants: new Map(),
  values: new Map<string, ValueType>([
    ...Object.entries(inputs).map(([name, { dtype: type, shape }]) => [name, { dtype: type, shape }] as const),
    [output, { dtype }] as const,
  ]),
});

describe('onnxruntime-node', () => {
  it('takes and gives every type a network uses', async () => {
    const runtime = await nodeOnnxRuntime();
    expect(runtime.name).toMatch(/^onnxruntime-node \d+\.\d+/);
    const tensors: Tensor[] = [
      float32Tensor([2], [1.5, -2]),
      int64Tensor([2], [2 ** 40, -1]),
      { dtype: 'uint8', shape: [3], bytes: Uint8Array.of(0, 128, 255) },
      { dtype: 'int8', shape: [3], bytes: Uint8Array.of(0, 128, 255) },
      { dtype: 'int32', shape: [1], bytes: new Uint8Array(Int32Array.of(-5).buffer) },
      { dtype: 'bool', shape: [2], bytes: Uint8Array.of(1, 0) },
      { dtype: 'float16', shape: [2], bytes: Uint8Array.of(0, 0x3c, 0, 0xc0) },
      { dtype: 'float64', shape: [1], bytes: new Uint8Array(Float64Array.of(0.1).buffer) },
    ];
    for (const x of tensors) {
      const model = writeModel(graph([node('Identity', ['x'], ['y'])], { x }, 'y', x.dtype));
      const session = await runtime.createSession(model);
      const { y } = await session.run({ x });
      await session.close();
      expect(y!.dtype).toBe(x.dtype);
      expect(y!.shape).toEqual(x.shape);
      expect(numbers(y!)).toEqual(numbers(x));
    }
  });

  it('takes views that are not aligned, and shared memory', async () => {
    const runtime = await nodeOnnxRuntime();
    const plain = float32Tensor([2], [3, 4]);
    const odd = new Uint8Array(9);
    odd.set(plain.bytes, 1);
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    shared.set(plain.bytes);
    const session = await runtime.createSession(
      writeModel(graph([node('Neg', ['x'], ['y'])], { x: plain }, 'y', 'float32')),
    );
    for (const bytes of [odd.subarray(1), shared]) {
      const { y } = await session.run({ x: { ...plain, bytes } });
      expect([...float32Values(y!)]).toEqual([-3, -4]);
    }
    await session.close();
  });

  it('pads ConvInteger with the zero point, on which the golden graphs rely', async () => {
    const runtime = await nodeOnnxRuntime();
    const inputs = {
      x: { dtype: 'uint8', shape: [1, 1, 1, 1], bytes: Uint8Array.of(130) },
      w: { dtype: 'uint8', shape: [1, 1, 3, 3], bytes: new Uint8Array(9).fill(131) },
      z: { dtype: 'uint8', shape: [], bytes: Uint8Array.of(128) },
    } satisfies Record<string, Tensor>;
    const conv = node('ConvInteger', ['x', 'w', 'z', 'z'], ['y'], { pads: { kind: 'ints', value: [2, 2, 2, 2] } });
    const session = await runtime.createSession(writeModel(graph([conv], inputs, 'y', 'int32')), { optimise: false });
    const { y } = await session.run(inputs);
    await session.close();
    expect(numbers(y!)).toEqual(new Array(9).fill(2 * 3));
  });

  it('says what it does not accept', async () => {
    const runtime = await nodeOnnxRuntime();
    await expect(runtime.createSession(Uint8Array.of(1, 2, 3))).rejects.toThrow(
      /onnxruntime-node .* does not accept the model.*\[run\/host-failed\]$/,
    );
    const x = float32Tensor([2], [1, 2]);
    const session = await runtime.createSession(writeModel(graph([node('Neg', ['x'], ['y'])], { x }, 'y', 'float32')));
    await expect(session.run({})).rejects.toThrow('[run/host-failed]');
    await expect(session.run({ x: { dtype: 'string', shape: [1], bytes: new Uint8Array() } })).rejects.toThrow(
      '[run/input]',
    );
    await session.close();
  });
});
