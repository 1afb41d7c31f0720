/**
 * ConvTranspose with padding → ConvTranspose without, and a Slice that cuts the border off: padding of a deconvolution
 * is nothing but cropping its output. Output padding beyond what the kernel covers grows the kernel by zeros.
 */

import type { Node } from '../../graph/graph.ts';
import { type Deconvolution, deconvolutionOf } from '../../graph/operators/deconvolution.ts';
import { float32Tensor, float32Values, int64Tensor, type Tensor } from '../../graph/tensor.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { convWeights, imageShape, ints, isOp } from '../pattern.ts';

export const cropDeconvolution: Pass = {
  name: 'crop-deconvolution',
  doc: 'ConvTranspose with padding → ConvTranspose with padding 0 and a Slice that crops its border.',
  since: 'The DLA takes deconvolutions with padding 0 only (docs/hardware/orin.md#deconvolution).',
  kind: 'reconstruct',
  match(node, view) {
    if (!isOp(node, 'ConvTranspose')) return undefined;
    const conv = convWeights(view, node);
    const input = imageShape(view, node.inputs[0]!);
    const output = imageShape(view, node.outputs[0]!);
    if (!conv || !input || !output) return undefined;
    const layer = deconvolutionOf(node, view);
    if (!layer || [...layer.pads, ...layer.outputPadding].every((pad) => pad === 0)) return undefined;
    return crop(node, layer, conv.weights, [input.h, input.w], output, view);
  },
};

function crop(
  node: Node,
  { kernel, strides, dilations, pads, reach }: Deconvolution,
  weights: Tensor,
  inputSize: readonly [number, number],
  output: { readonly n: number | string; readonly c: number; readonly h: number; readonly w: number },
  view: View,
): Edit | undefined {
  const wanted = [output.h, output.w];
  const missing = reach.map((size, axis) => Math.max(0, pads[axis]! + wanted[axis]! - size));
  const grown = kernel.map((size, axis) => size + Math.ceil(missing[axis]! / dilations[axis]!));
  const covered = inputSize.map(
    (size, axis) => (size - 1) * strides[axis]! + (grown[axis]! - 1) * dilations[axis]! + 1,
  );
  const [result] = node.outputs as [string];
  const border = view.fresh(result, 'uncropped');
  const grow = grown.some((size, axis) => size !== kernel[axis]);
  const weightsName = grow ? view.fresh(node.inputs[1]!, 'grown') : node.inputs[1]!;
  const { pads: _, output_padding: __, output_shape: ___, auto_pad: ____, ...attributes } = node.attributes;
  const deconvolution = {
    name: node.name,
    op: 'ConvTranspose',
    inputs: [node.inputs[0]!, weightsName, ...node.inputs.slice(2)],
    attributes: { ...attributes, kernel_shape: ints(grown) },
  };
  const constants: [string, Tensor][] = grow ? [[weightsName, growKernel(weights, grown)]] : [];
  const cropped = covered.some((size, axis) => size !== wanted[axis]);
  if (!cropped) return { remove: [node], insert: [{ ...deconvolution, outputs: [result] }], constants };
  const starts = pads.slice(0, 2);
  const ends = starts.map((start, axis) => start + wanted[axis]!);
  const slice = { name: view.fresh(node.name, 'crop'), op: 'Slice', outputs: [result] };
  const values = [[border, { dtype: 'float32', shape: [output.n, output.c, covered[0]!, covered[1]!] }]] as const;
  const insert = [{ ...deconvolution, outputs: [border] }];
  if (view.opset < 10) {
    const attributes = { axes: ints([2, 3]), starts: ints(starts), ends: ints(ends) };
    return { remove: [node], insert: [...insert, { ...slice, inputs: [border], attributes }], constants, values };
  }
  const [startsName, endsName, axesName] = ['starts', 'ends', 'axes'].map((part) => view.fresh(slice.name, part)) as [
    string,
    string,
    string,
  ];
  return {
    remove: [node],
    insert: [...insert, { ...slice, inputs: [border, startsName, endsName, axesName] }],
    constants: [
      ...constants,
      [startsName, int64Tensor([2], starts)],
      [endsName, int64Tensor([2], ends)],
      [axesName, int64Tensor([2], [2, 3])],
    ],
    values,
  };
}

/** Zeros below and to the right of every kernel. */
function growKernel(weights: Tensor, [height, width]: readonly number[]): Tensor {
  const [inputs, outputs, rows, columns] = weights.shape as [number, number, number, number];
  const source = float32Values(weights);
  const result = new Float32Array(inputs * outputs * height! * width!);
  for (let plane = 0; plane < inputs * outputs; plane++) {
    for (let row = 0; row < rows; row++) {
      const from = (plane * rows + row) * columns;
      result.set(source.subarray(from, from + columns), (plane * height! + row) * width!);
    }
  }
  const grown = float32Tensor([inputs, outputs, height!, width!], result);
  // Scales that vary within a kernel are of no use to whoever quantizes one channel at a time.
  return weights.scales?.shape.slice(2).every((dim) => dim === 1) ? { ...grown, scales: weights.scales } : grown;
}
