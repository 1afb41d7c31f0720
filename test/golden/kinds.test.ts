import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/base/hashing.ts';
import { Random } from '../../src/base/random.ts';
import { elementCount, float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { calibrate, compile, prepare } from '../../src/index.ts';
import { resolve } from '../../src/onnx/resolve.ts';

import type { CompiledNetwork } from '../../src/program/program.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { compareWithGolden } from './golden.ts';
import { OnnxBuilder } from './onnx-builder.ts';

const noise = (count: number, seed: number): Float32Array => new Random(seed).symmetric(count, 1);

type Build = (
  b: OnnxBuilder,
  x: string,
  conv: (x: string, k: number, c: number, size: number, how?: object) => string,
) => string;

/** One network for each kind of layer, all on a 2×8×12×10 input. */
const kinds: Readonly<Record<string, Build>> = {
  'strided convolution': (_, x, conv) => conv(conv(x, 40, 8, 3, { strides: [2, 1], pads: [1, 0, 0, 1] }), 33, 40, 1),
  'dilated convolution': (_, x, conv) => conv(x, 16, 8, 3, { dilations: [2, 3], pads: [2, 2, 1, 2] }),
  'grouped convolution': (_, x, conv) => conv(x, 24, 4, 3, { group: 2, pads: [1, 1, 1, 1] }),
  'depthwise convolution': (_, x, conv) => conv(x, 8, 1, 3, { group: 8, pads: [1, 1, 1, 1] }),
  deconvolution: (b, x, conv) => {
    const w = b.floats([8, 6, 3, 3], noise(432, 5));
    const y = b.node('ConvTranspose', [conv(x, 8, 8, 1), w], { strides: [2, 2], kernel_shape: [3, 3] });
    return conv(y, 8, 6, 1);
  },
  // The kernel is smaller than the stride: SAME neither pads nor stretches, and some cells get the bias alone.
  'deconvolution, auto_pad': (b, x, conv) => {
    const w = b.floats([8, 6, 1, 1], noise(48, 6));
    const y = b.node('ConvTranspose', [conv(x, 8, 8, 1), w], { strides: [3, 3], auto_pad: 'SAME_UPPER' });
    return conv(y, 8, 6, 1);
  },
  'padding by auto_pad': (b, x, conv) => {
    const y = conv(x, 8, 8, 3, { strides: [2, 3], auto_pad: 'SAME_LOWER' });
    return b.node('MaxPool', [y], { kernel_shape: [2, 3], strides: [1, 2], auto_pad: 'SAME_UPPER' });
  },
  'Relu and Clip': (b, x, conv) => {
    const y = b.node('Relu', [conv(x, 8, 8, 1)]);
    return b.node('Clip', [conv(y, 8, 8, 1), b.float(0), b.float(6)]);
  },
  LeakyRelu: (b, x, conv) => conv(b.node('PRelu', [conv(x, 8, 8, 1), b.floats([8, 1, 1], noise(8, 9))]), 8, 8, 1),
  tables: (b, x, conv) => b.node('Tanh', [b.node('Sigmoid', [conv(x, 8, 8, 1)])]),
  'residual addition': (b, x, conv) => {
    const y = conv(x, 8, 8, 1);
    return b.node('Relu', [b.node('Add', [conv(y, 8, 8, 3, { pads: [1, 1, 1, 1] }), y])]);
  },
  'element-wise': (b, x, conv) => {
    const [p, q] = [conv(x, 8, 8, 1), conv(x, 8, 8, 3, { pads: [1, 1, 1, 1] })];
    return b.node('Sub', [b.node('Mul', [p, q]), b.node('Max', [p, b.node('Min', [p, q])])]);
  },
  'max pooling': (b, x, conv) =>
    b.node('MaxPool', [conv(x, 8, 8, 1)], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  'max pooling, ceil': (b, x, conv) =>
    b.node('MaxPool', [conv(x, 8, 8, 1)], { kernel_shape: [3, 2], strides: [2, 3], ceil_mode: 1 }),
  'average pooling': (b, x, conv) =>
    b.node('AveragePool', [conv(x, 8, 8, 1)], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  'average pooling with padding': (b, x, conv) => {
    const how = { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], count_include_pad: 1 };
    return b.node('AveragePool', [conv(x, 8, 8, 1)], how);
  },
  'global pooling': (b, x, conv) => conv(b.node('GlobalAveragePool', [conv(x, 40, 8, 1)]), 10, 40, 1),
  'nearest resize': (b, x, conv) => {
    const how = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    return b.node('Resize', [conv(x, 8, 8, 1), '', b.floats([4], [1, 1, 2, 3])], how);
  },
  'linear resize': (b, x, conv) => {
    const how = { mode: 'linear', coordinate_transformation_mode: 'half_pixel' };
    return b.node('Resize', [conv(x, 8, 8, 1), '', b.floats([4], [1, 1, 2, 2])], how);
  },
  concatenation: (b, x, conv) => {
    const parts = [conv(x, 32, 8, 1), conv(x, 32, 8, 1), conv(x, 5, 8, 1), conv(x, 7, 8, 1)];
    return conv(b.node('Concat', parts, { axis: 1 }), 8, 76, 1);
  },
};

async function compiled(
  build: Build,
  shape: readonly number[] = [2, 8, 12, 10],
): Promise<{ network: CompiledNetwork; inputs: Record<string, Tensor> }> {
  const b = new OnnxBuilder();
  let seed = 1;
  const x = b.input('x', 'float32', shape);
  const conv = (from: string, k: number, c: number, size: number, how: object = {}): string => {
    const w = b.floats([k, c, size, size], noise(k * c * size * size, seed++));
    return b.node('Conv', [from, w, b.floats([k], noise(k, seed++))], { kernel_shape: [size, size], ...how });
  };
  const y = build(b, x, conv);
  b.output(y, 'float32', []);
  const graph = b.graph('kind');
  const open = { ...graph, values: new Map([...graph.values].filter(([name]) => name !== y)) };
  const prepared = prepare(resolve(open, { shapes: new Map() }));
  const inputs = { x: float32Tensor(shape, noise(elementCount(shape), 77)) };
  const runtime = await nodeOnnxRuntime();
  const { scales } = await calibrate(prepared, [inputs], { runtime, method: 'min-max' });
  return { network: compile(prepared, { scales }).network, inputs };
}

/** Of [N, C] tensors, which preparing leaves alone where the DLA takes them: on a 2×40 input. */
const flatKinds: Readonly<Record<string, Build>> = {
  'fully connected layers': (b, x) => {
    const y = b.node('Gemm', [x, b.floats([48, 40], noise(1920, 3)), b.floats([48], noise(48, 4))], { transB: 1 });
    const z = b.node('MatMul', [b.node('Relu', [y]), b.floats([48, 40], noise(1920, 5))]);
    return b.node('Gemm', [z, b.floats([1000, 40], noise(40000, 6)), b.floats([1, 1000], noise(1000, 7))], {
      transB: 1,
    });
  },
};

describe('every kind of layer equals onnxruntime', () => {
  const all = [
    ...Object.entries(kinds).map(([name, build]) => ({ name, build, shape: [2, 8, 12, 10] })),
    ...Object.entries(flatKinds).map(([name, build]) => ({ name, build, shape: [2, 40] })),
  ];
  for (const { name, build, shape } of all) {
    it(name, async () => {
      const { network, inputs } = await compiled(build, shape);
      expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
      const runtime = await nodeOnnxRuntime();
      for (const engines of ['reference', 'wasm'] as const) {
        const device = await openDevice({ target: 'orin', engines });
        const { difference, elements } = await compareWithGolden(network, inputs, { device, runtime });
        device.close();
        expect(difference).toBeUndefined();
        expect(elements).toBeGreaterThan(1920);
      }
    });
  }
});

describe('the oracle', () => {
  it('sees a single weight that differs', async () => {
    const { network, inputs } = await compiled(kinds['residual addition']!);
    const [segment] = network.plan.segments;
    if (segment?.kind !== 'dla') throw new Error('no DLA segment');
    const { program } = segment;
    const weights = program.surfaces.find(({ format, id }) => format === 'kcrs' && id > 0)!;
    const { blob } = program.constants.find(({ surface }) => surface === weights.id)!;
    const runtime = await nodeOnnxRuntime();
    const device = await openDevice({ target: 'orin', engines: 'reference' });
    // The device gets weights of which one is off by 64; the golden graph is made of the right ones.
    const changed = network.blobs.get(blob)!.slice();
    changed[3] = (changed[3]! + 64) & 255;
    const key = sha256Hex(changed);
    const constants = program.constants.map((ref) => (ref.surface === weights.id ? { ...ref, blob: key } : ref));
    const broken: CompiledNetwork = {
      plan: { ...network.plan, segments: [{ ...segment, program: { ...program, constants } }] },
      blobs: new Map([...network.blobs, [key, changed]]),
    };
    const { difference } = await compareWithGolden(network, inputs, { device, runtime, run: broken });
    device.close();
    expect(difference).toMatchObject({ kind: 'value' });
    expect(difference!.layer).toBe(
      program.layers.find((l) => l.kind === 'conv' && l.conv.weights === weights.id)!.name,
    );
  });
});
