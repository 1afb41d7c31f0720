/** Random convolutions and pools: windows over one, two and three spatial axes. */

import fc from 'fast-check';
import { elementCount, float32Tensor, type Tensor } from '../../../graph/tensor.ts';
import { graphOf, node, pattern } from '../graphs.ts';
import { autoPad, type Case, image, padding, pads, pair, single } from './draw.ts';

export const convolution: Case = fc
  .record({
    image,
    kernel: pair(1, 3),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pads,
    auto: autoPad,
    group: fc.constantFrom(1, 2, 4),
    bias: fc.boolean(),
  })
  .map(({ image: x, kernel, strides, dilations, pads: given, auto, group, bias }) =>
    graphOf(
      [
        node('Conv', bias ? ['x', 'w', 'b'] : ['x', 'w'], ['y'], {
          strides,
          dilations,
          group,
          ...padding(auto, given),
        }),
      ],
      {
        inputs: { x },
        constants: { w: pattern([8, 4 / group, ...kernel]), ...(bias && { b: pattern([8]) }) },
        outputs: ['y'],
      },
    ),
  );

export const transposed: Case = fc
  .record({
    image,
    kernel: pair(1, 4),
    strides: pair(1, 4),
    dilations: pair(1, 2),
    pads,
    auto: autoPad,
    group: fc.constantFrom(1, 2),
    extra: fc.option(pair(0, 2)),
    stated: fc.constantFrom('no', 'spatial'),
    shift: pair(-2, 3),
  })
  .map(({ image: x, kernel, strides, dilations, pads: given, auto, group, extra, stated, shift }) => {
    const reach = [0, 1].map(
      (axis) => (x[axis + 2]! - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1,
    );
    const sizes = reach.map((size, axis) => Math.max(1, size + shift[axis]!));
    return graphOf(
      [
        node('ConvTranspose', ['x', 'w'], ['y'], {
          strides,
          group,
          dilations,
          ...(extra && { output_padding: extra.map((each, axis) => Math.min(each, strides[axis]! - 1)) }),
          ...(stated === 'spatial' && { output_shape: sizes }),
          ...padding(auto, given),
        }),
      ],
      { inputs: { x }, constants: { w: pattern([4, 3, ...kernel]) }, outputs: ['y'] },
    );
  });

/** Windows over one and three spatial axes. */
export const otherRanks: Case = fc
  .record({
    op: fc.constantFrom('Conv', 'ConvTranspose', 'MaxPool', 'AveragePool'),
    spatial: fc.constantFrom([11], [7, 5, 6]),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    auto: autoPad,
    ceil: fc.boolean(),
    statesKernel: fc.boolean(),
  })
  .map(({ op, spatial, kernel, stride, auto, ceil, statesKernel }) => {
    const all = (value: number): number[] => spatial.map(() => value);
    const pools = op.endsWith('Pool');
    const attributes = {
      strides: all(stride),
      ...padding(auto, [...all(kernel - 1), ...all(0)]),
      ...((pools || statesKernel) && { kernel_shape: all(kernel) }),
      ...(pools && { ceil_mode: Number(ceil) }),
    };
    if (pools) return single(op, [1, 4, ...spatial], attributes);
    return graphOf([node(op, ['x', 'w'], ['y'], attributes)], {
      inputs: { x: [1, 4, ...spatial] },
      constants: { w: pattern([4, 4, ...all(kernel)]) },
      outputs: ['y'],
    });
  });

export const quantized: Case = fc
  .record({
    image,
    kernel: pair(1, 3),
    strides: pair(1, 3),
    auto: autoPad,
    pads,
    op: fc.constantFrom('QLinearConv', 'ConvInteger'),
  })
  .map(({ image: x, kernel, strides, auto, pads: given, op }) => {
    const bytes = (shape: readonly number[]): Tensor => ({
      dtype: 'uint8',
      shape,
      bytes: new Uint8Array(elementCount(shape)),
    });
    const attributes = { strides, ...padding(auto, given) };
    const scale = float32Tensor([], [0.5]);
    const inputs = op === 'ConvInteger' ? ['x', 'w'] : ['x', 's', 'z', 'w', 's', 'z', 's', 'z'];
    return graphOf([node(op, inputs, ['y'], attributes)], {
      inputs: { x: { dtype: 'uint8', shape: x } },
      constants: { w: bytes([3, 4, ...kernel]), ...(op === 'QLinearConv' && { s: scale, z: bytes([]) }) },
      outputs: ['y'],
    });
  });

export const pooling: Case = fc
  .record({
    op: fc.constantFrom('MaxPool', 'AveragePool', 'LpPool'),
    opset: fc.constantFrom(7, 10, 12, 19),
    image,
    kernel: pair(1, 3),
    strides: pair(1, 4),
    dilations: fc.option(pair(1, 3)),
    pads,
    auto: autoPad,
    ceil: fc.boolean(),
  })
  // onnxruntime gives an empty output where no window fits; we refuse the node.
  .filter(({ image: x, kernel, dilations }) =>
    kernel.every((size, axis) => (size - 1) * (dilations?.[axis] ?? 1) < x[axis + 2]!),
  )
  .map(({ op, opset, image: x, kernel, strides, dilations, pads: given, auto, ceil }) =>
    single(
      op,
      x,
      {
        kernel_shape: kernel,
        strides,
        // Which pool has what since which opset.
        ...(opset >= (op === 'LpPool' ? 18 : 10) && { ceil_mode: Number(ceil) }),
        // onnxruntime forgets the dilation where it pads SAME; the specification does not.
        ...(opset >= (op === 'MaxPool' ? 10 : 19) && dilations && !auto.startsWith('SAME') && { dilations }),
        ...padding(
          auto,
          given.map((pad, index) => Math.min(pad, kernel[index % 2]! - 1)),
        ),
      },
      opset,
    ),
  );
