/**
 * A fully connected layer → a convolution. Gemm and MatMul of a [N, K] activation with a constant matrix become a Conv
 * whose kernel covers the whole map: 1×1 on [N, K, 1, 1], or H×W where the activation was flattened from [N, C, H, W].
 * The flattening before it is absorbed; after it a Flatten restores [N, M], for whoever still needs two dimensions.
 */

import type { Node, ValueType } from '../../graph/graph.ts';
import { gemmOf } from '../../graph/operators/point.ts';
import { float32Tensor, float32Values, int64Tensor, type Tensor } from '../../graph/tensor.ts';
import { multipliedScales, reshaped, transposedScales } from '../../graph/weight-scales.ts';
import type { NewNode, Pass, View } from '../pass.ts';
import { floatConstant, imageShape, int, ints, isOp, isReshape } from '../pattern.ts';

export const gemmToConv: Pass = {
  name: 'gemm-to-conv',
  doc: 'Gemm and MatMul with a constant second operand → Conv over the whole map; the Flatten, Reshape or Squeeze before it disappears.',
  since:
    'The DLA runs fully connected layers in its convolution core and takes no two-dimensional tensors (docs/hardware/orin.md#convolution; TensorRT 10 dropped the layer).',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Gemm', 'MatMul')) return undefined;
    const [data = '', matrixName] = node.inputs;
    const [output] = node.outputs as [string];
    const shape = view.shape(data);
    if (shape?.length !== 2 || view.constant(data) || view.type(data)?.dtype !== 'float32') return undefined;
    const layer = fullyConnected(node, (name) => view.constant(name));
    if (!layer) return undefined;
    const { transposeData, weights, bias } = layer;
    const [kernels, depth] = weights.shape as [number, number];

    const insert: NewNode[] = [];
    const values: [string, ValueType][] = [];
    const constants: [string, Tensor][] = [];
    let rows = data;
    if (transposeData) {
      rows = view.fresh(data, 'transposed');
      const attributes = { perm: ints([1, 0]) };
      insert.push({
        name: view.fresh(node.name, 'transpose'),
        op: 'Transpose',
        inputs: [data],
        outputs: [rows],
        attributes,
      });
      values.push([rows, { dtype: 'float32', shape: [shape[1]!, shape[0]!] }]);
    }
    const batch = shape[transposeData ? 1 : 0]!;
    let image = transposeData ? undefined : flattenedImage(data, depth, view);
    if (!image) {
      const reshaped = view.freshShape(rows);
      const target = view.fresh(node.name, 'shape');
      constants.push([target, int64Tensor([4], [0, depth, 1, 1])]);
      insert.push({
        name: view.fresh(node.name, 'reshape'),
        op: 'Reshape',
        inputs: [rows, target],
        outputs: [reshaped],
      });
      values.push([reshaped, { dtype: 'float32', shape: [batch, depth, 1, 1] }]);
      image = { data: reshaped, c: depth, h: 1, w: 1 };
    }
    const result = view.freshShape(output);
    const weightsName = view.fresh(matrixName!, 'kernel');
    constants.push([weightsName, reshaped(weights, [kernels, image.c, image.h, image.w])]);
    const inputs = [image.data, weightsName];
    if (bias) {
      const biasName = view.fresh(node.inputs[2]!, 'vector');
      constants.push([biasName, float32Tensor([kernels], bias)]);
      inputs.push(biasName);
    }
    values.push([result, { dtype: 'float32', shape: [batch, kernels, 1, 1] }]);
    insert.push(
      {
        name: node.name,
        op: 'Conv',
        inputs,
        outputs: [result],
        attributes: { kernel_shape: ints([image.h, image.w]) },
      },
      {
        name: view.fresh(node.name, 'flatten'),
        op: 'Flatten',
        inputs: [result],
        outputs: [output],
        attributes: { axis: int(1) },
      },
    );
    return { remove: [node], insert, constants, values };
  },
};

/** The [N, C, H, W] value that was flattened to [N, C·H·W]. */
function flattenedImage(flat: string, depth: number, view: View) {
  const flatten = view.producer(flat);
  if (!isReshape(flatten)) return undefined;
  const data = flatten.inputs[0]!;
  const image = imageShape(view, data);
  return image && image.c * image.h * image.w === depth ? { data, c: image.c, h: image.h, w: image.w } : undefined;
}

export interface FullyConnected {
  /** The activation is [K, N] instead of [N, K]. */
  readonly transposeData: boolean;
  /** [kernels, depth], alpha multiplied in. */
  readonly weights: Tensor;
  /** One value for each kernel, beta multiplied in. */
  readonly bias?: Float32Array;
}

/** A Gemm or MatMul with float32 constants as a fully connected layer; undefined when its bias varies along the batch. */
export function fullyConnected(node: Node, constant: (name: string) => Tensor | undefined): FullyConnected | undefined {
  const matrix = floatConstant({ constant }, node.inputs[1]);
  if (matrix?.shape.length !== 2) return undefined;
  const { alpha, beta, transA, transB } = gemmOf(node);
  const weights = kernelMajor(matrix, transB, alpha);
  const bias = biasVector(node.inputs[2], beta, weights.shape[0]!, constant);
  return bias === null ? undefined : { transposeData: transA, weights, ...(bias && { bias }) };
}

/** The matrix as [kernels, depth], times alpha. */
function kernelMajor(matrix: Tensor, transposed: boolean, alpha: number): Tensor {
  const [rows, columns] = matrix.shape as [number, number];
  if (transposed && alpha === 1) return matrix;
  const source = float32Values(matrix);
  const scales = matrix.scales && multipliedScales(matrix.scales, matrix.shape, 0, () => alpha);
  if (transposed) {
    const product = float32Tensor(
      matrix.shape,
      source.map((value) => value * alpha),
    );
    return scales ? { ...product, scales } : product;
  }
  const result = new Float32Array(source.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = source[row * columns + column]! * alpha;
    }
  }
  const turned = float32Tensor([columns, rows], result);
  return scales ? { ...turned, scales: transposedScales(scales, [1, 0]) } : turned;
}

/** β·C as one value for each kernel; undefined without C; null when C varies along the batch or is not constant. */
function biasVector(
  name: string | undefined,
  beta: number,
  kernels: number,
  constant: (name: string) => Tensor | undefined,
): Float32Array | undefined | null {
  if (!name) return undefined;
  const tensor = floatConstant({ constant }, name);
  const size = tensor?.shape.at(-1) ?? 1;
  if (!tensor || (size !== 1 && size !== kernels) || !tensor.shape.slice(0, -1).every((dim) => dim === 1)) return null;
  const values = float32Values(tensor);
  return Float32Array.from({ length: kernels }, (_, kernel) => values[size === 1 ? 0 : kernel]! * beta);
}
