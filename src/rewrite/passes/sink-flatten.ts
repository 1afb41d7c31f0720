/**
 * Moves a flattening of [N, C, H, W] to [N, C·H·W] behind the element-wise nodes that read it, towards the fully
 * connected layer that absorbs it or the end of the network.
 */

import type { Node } from '../../graph/graph.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { channelOperation, channelTensor, imageShape, isOp, isReshape } from '../pattern.ts';

const elementwise = [
  'Relu',
  'LeakyRelu',
  'Clip',
  'Sigmoid',
  'Tanh',
  'HardSigmoid',
  'HardSwish',
  'Elu',
  'Selu',
  'Softplus',
  'Softsign',
  'Abs',
  'Neg',
  'Exp',
  'Log',
  'Sqrt',
  'Erf',
  'Ceil',
  'Floor',
  'Round',
];

export const sinkFlatten: Pass = {
  name: 'sink-flatten',
  doc: 'Moves a Flatten behind the activations and per-channel constants that follow it.',
  since:
    'A two-dimensional tensor costs a shuffle that the DLA cannot run (docs/hardware/dla-software.md#build-log, "less than 4 dimensions").',
  kind: 'normalize',
  match(node, view) {
    const data = channelOperation(view, node)?.data ?? (isOp(node, ...elementwise) ? node.inputs[0]! : undefined);
    if (data === undefined || view.soleReader(data) !== node) return undefined;
    const flatten = view.producer(data);
    if (!isReshape(flatten) || view.shape(data)?.length !== 2) return undefined;
    const image = imageShape(view, flatten.inputs[0]!);
    return image && view.shape(data)?.[1] === image.c * image.h * image.w ? sink(flatten, node, view) : undefined;
  },
};

function sink(flatten: Node, node: Node, view: View): Edit | undefined {
  const data = flatten.outputs[0]!;
  const image = flatten.inputs[0]!;
  const { n, c, h, w } = imageShape(view, image)!;
  const operation = channelOperation(view, node);
  const perElement = operation !== undefined && operation.values.length > 1;
  if (perElement && h * w !== 1) return undefined;
  const output = node.outputs[0]!;
  const result = view.freshShape(output);
  const constant = perElement ? view.fresh(node.name, 'constant') : '';
  const inputs = perElement ? [image, constant] : node.inputs.map((input) => (input === data ? image : input));
  return {
    remove: [flatten, node],
    insert: [
      { name: node.name, op: node.op, inputs, outputs: [result], attributes: node.attributes, origin: node.origin },
      { ...flatten, inputs: [result, ...flatten.inputs.slice(1)], outputs: [output] },
    ],
    constants: perElement ? [[constant, channelTensor(operation.values, 4)]] : [],
    values: [[result, { dtype: view.type(output)?.dtype ?? 'float32', shape: [n, c, h, w] }]],
  };
}
