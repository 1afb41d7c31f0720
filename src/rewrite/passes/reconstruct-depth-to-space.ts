/**
 * DepthToSpace and SpaceToDepth → a deconvolution or a convolution whose kernels are all zero but for a single one:
 * kernel size and stride are the block size, so that every output is a copy of exactly one input. The int8 weights are
 * 127 and 0; quantizing them loses nothing.
 */

import type { Node } from '../../graph/graph.ts';
import { blocksOf } from '../../graph/operators/movement.ts';
import { float32Tensor } from '../../graph/tensor.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { imageShape, ints, isOp } from '../pattern.ts';

export const reconstructDepthToSpace: Pass = {
  name: 'reconstruct-depth-to-space',
  doc: 'DepthToSpace → ConvTranspose, SpaceToDepth → Conv, with kernels that copy.',
  since: 'TensorRT has neither on the DLA (docs/hardware/dla-software.md#operators).',
  kind: 'reconstruct',
  match(node, view) {
    if (!isOp(node, 'DepthToSpace', 'SpaceToDepth')) return undefined;
    const data = node.inputs[0]!;
    const image = imageShape(view, data);
    const { size: block } = blocksOf(node);
    if (!image || view.type(data)?.dtype !== 'float32') return undefined;
    return isOp(node, 'SpaceToDepth')
      ? replace(
          node,
          'Conv',
          block,
          [image.c * block * block, image.c, block, block],
          spaceToDepth(image.c, block),
          view,
        )
      : replace(
          node,
          'ConvTranspose',
          block,
          [image.c, image.c / block ** 2, block, block],
          depthToSpace(node, image.c, block),
          view,
        );
  },
};

/** Where the ones are, as indices of the weights [outputs, channels, block, block]. */
function spaceToDepth(channels: number, block: number): readonly number[] {
  const ones: number[] = [];
  for (let cell = 0; cell < block * block; cell++) {
    for (let channel = 0; channel < channels; channel++) {
      ones.push(((cell * channels + channel) * channels + channel) * block * block + cell);
    }
  }
  return ones;
}

/** The same for [channels, outputs, block, block]; DCR puts the cell before the output channel, CRD behind it. */
function depthToSpace(node: Node, channels: number, block: number): readonly number[] {
  const cells = block * block;
  const outputs = channels / cells;
  const columnFirst = blocksOf(node).mode === 'CRD';
  return Array.from({ length: channels }, (_, channel) => {
    const cell = columnFirst ? channel % cells : Math.floor(channel / outputs);
    const output = columnFirst ? Math.floor(channel / cells) : channel % outputs;
    return (channel * outputs + output) * cells + cell;
  });
}

function replace(
  node: Node,
  op: string,
  block: number,
  shape: readonly number[],
  ones: readonly number[],
  view: View,
): Edit {
  const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  for (const index of ones) values[index] = 1;
  const weights = view.fresh(node.name, 'weights');
  return {
    remove: [node],
    insert: [
      {
        name: node.name,
        op,
        inputs: [node.inputs[0]!, weights],
        outputs: node.outputs,
        attributes: { kernel_shape: ints([block, block]), strides: ints([block, block]) },
      },
    ],
    constants: [[weights, float32Tensor(shape, values)]],
  };
}
