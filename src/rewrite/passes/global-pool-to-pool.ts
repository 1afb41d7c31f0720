/**
 * Pooling over the whole map → pooling with windows that the DLA has (1–8 in each dimension,
 * docs/hardware/orin.md#pooling).
 *
 * A map of at most 8×8 takes one pooling. A larger one whose sides are products of numbers up to 8 takes a chain of
 * poolings with window = stride, which is exact because each mean is over equally many cells (16×16 → 4×4 → 4×4). An
 * average whose sides have a larger prime factor, up to 32×32, becomes a depthwise convolution with the weight 1/(H·W):
 * its int8 weights are all 127, so that quantizing them loses nothing. What is larger still is left alone.
 */

import type { Node, ValueType } from '../../graph/graph.ts';
import { reductionOf } from '../../graph/operators/reduction.ts';
import { float32Tensor } from '../../graph/tensor.ts';
import { largestKernel, windowsOver } from '../../support/rules/pooling.ts';
import type { Edit, NewNode, Pass, View } from '../pass.ts';
import { imageShape, int, ints, isOp } from '../pattern.ts';

export const globalPoolToPool: Pass = {
  name: 'global-pool-to-pool',
  doc: 'GlobalAveragePool, GlobalMaxPool, ReduceMean and ReduceMax over height and width → AveragePool, MaxPool, a chain of them, or a depthwise Conv.',
  since:
    'TensorRT refuses GlobalAveragePool and ReduceMean on the DLA (docs/hardware/dla-software.md#operators); pooling windows go up to 8×8 (docs/hardware/orin.md#pooling).',
  kind: 'normalize',
  match(node, view) {
    const mode = isOp(node, 'GlobalAveragePool', 'ReduceMean')
      ? 'AveragePool'
      : isOp(node, 'GlobalMaxPool', 'ReduceMax')
        ? 'MaxPool'
        : undefined;
    const data = node.inputs[0]!;
    const image = imageShape(view, data);
    const type = view.type(data);
    if (!mode || !image || type?.dtype !== 'float32') return undefined;
    const { axes, keepDims } = reductionOf(node, view, 4);
    if (axes === 'run-time' || axes.join() !== '2,3') return undefined;
    const steps = windowsOver(image.h, image.w);
    const convolve = !steps && mode === 'AveragePool' && image.h <= largestKernel && image.w <= largestKernel;
    if (!steps && !convolve) return undefined;
    const output = node.outputs[0]!;
    const pooled = keepDims ? output : view.freshShape(output);
    const edit = steps
      ? poolingChain(node, mode, steps, pooled, view)
      : depthwiseMean(node, image.c, image.h, image.w, pooled, view);
    if (keepDims) return edit;
    return {
      ...edit,
      insert: [
        ...edit.insert!,
        {
          name: view.fresh(node.name, 'flatten'),
          op: 'Flatten',
          inputs: [pooled],
          outputs: [output],
          attributes: { axis: int(1) },
        },
      ],
      values: [...(edit.values ?? []), [pooled, { dtype: 'float32', shape: [image.n, image.c, 1, 1] }]],
    };
  },
};

function poolingChain(
  node: Node,
  op: string,
  steps: readonly (readonly [number, number])[],
  output: string,
  view: View,
): Edit {
  const type = view.type(node.inputs[0]!)!;
  const [n, c] = type.shape as [string | number, number];
  let { h, w } = imageShape(view, node.inputs[0]!)!;
  let data = node.inputs[0]!;
  const insert: NewNode[] = [];
  const values: [string, ValueType][] = [];
  steps.forEach((step, index) => {
    const last = index === steps.length - 1;
    const result = last ? output : view.fresh(node.outputs[0]!, `pool${index + 1}`);
    h /= step[0];
    w /= step[1];
    insert.push({
      name: last ? node.name : view.fresh(node.name, `pool${index + 1}`),
      op,
      inputs: [data],
      outputs: [result],
      attributes: { kernel_shape: ints(step), strides: ints(last ? [1, 1] : step) },
    });
    if (!last) values.push([result, { dtype: type.dtype, shape: [n, c, h, w] }]);
    data = result;
  });
  return { remove: [node], insert, values };
}

function depthwiseMean(node: Node, channels: number, height: number, width: number, output: string, view: View): Edit {
  const weights = view.fresh(node.name, 'weights');
  return {
    remove: [node],
    insert: [
      {
        name: node.name,
        op: 'Conv',
        inputs: [node.inputs[0]!, weights],
        outputs: [output],
        attributes: { group: int(channels), kernel_shape: ints([height, width]) },
      },
    ],
    constants: [
      [
        weights,
        float32Tensor(
          [channels, 1, height, width],
          new Float32Array(channels * height * width).fill(1 / (height * width)),
        ),
      ],
    ],
  };
}
