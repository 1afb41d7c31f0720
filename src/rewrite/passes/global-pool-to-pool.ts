/**
 * Pooling over the whole map → pooling with windows that the DLA has (1–8 in each dimension,
 * docs/hardware/orin.md#pooling).
 *
 * A map of at most 8×8 takes one pooling. A larger one whose sides are products of numbers up to 8 takes a chain of
 * poolings with window = stride, which is exact because each mean is over equally many cells (16×16 → 4×4 → 4×4). An
 * average whose sides have a larger prime factor, up to 32×32, becomes a depthwise convolution with the weight 1/(H·W):
 * its int8 weights are all 127, so that quantizing them loses nothing. What is larger still is left alone.
 *
 * A pooling gives integers of the scale that it reads (docs/hardware/orin.md#int8-ranges). An average for which the model states
 * another scale than for the map is a depthwise convolution as well, whatever its window: a convolution has a scale for its result.
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
    const output = node.outputs[0]!;
    const steps = windowsOver(image.h, image.w);
    const convolves = mode === 'AveragePool' && image.h <= largestKernel && image.w <= largestKernel;
    const convolve = convolves && (!steps || changesScale(data, output, view));
    if (!steps && !convolve) return undefined;
    const pooled = keepDims ? output : view.freshShape(output);
    const edit = convolve
      ? depthwiseMean(node, { channels: image.c, kernel: [image.h, image.w], output: pooled }, view)
      : poolingChain(node, mode, steps!, pooled, view);
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

/** Whether the model states two scales for a value and the average of it. */
export function changesScale(from: string, to: string, view: View): boolean {
  const [before, after] = [view.scale(from), view.scale(to)];
  return before !== undefined && after !== undefined && before !== after;
}

interface Mean {
  readonly channels: number;
  readonly kernel: readonly [height: number, width: number];
  readonly output: string;
  /** Strides, pads and the like. */
  readonly attributes?: Node['attributes'];
}

/** A mean over windows as a depthwise convolution. */
export function depthwiseMean(node: Node, { channels, kernel, output, attributes = {} }: Mean, view: View): Edit {
  const [height, width] = kernel;
  const weights = view.fresh(node.name, 'weights');
  return {
    remove: [node],
    insert: [
      {
        name: node.name,
        op: 'Conv',
        inputs: [node.inputs[0]!, weights],
        outputs: [output],
        attributes: { ...attributes, group: int(channels), kernel_shape: ints(kernel) },
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
