/**
 * What to do about an operator that no rule lets onto the DLA: the ways out that are known, as sentences. Where a rewrite
 * pass does away with a refusal, rewrite/offers.ts finds it by trying.
 */

import type { Node } from '../graph/graph.ts';
import { blocksOf } from '../graph/operators/movement.ts';
import { reductionOf } from '../graph/operators/reduction.ts';
import { operator } from './operators.ts';
import type { RuleContext } from './rule.ts';
import { globalAverageFix } from './rules/pooling.ts';
import { productBehind } from './rules/shuffle.ts';
import type { Fix } from './verdict.ts';

export function fixFor(node: Node, context: RuleContext): Fix | undefined {
  const known = Object.hasOwn(byOperator, node.op) ? byOperator[node.op] : undefined;
  if (known) return known(node, context);
  const recipe = operator(node.op)?.recipe;
  return recipe === undefined
    ? undefined
    : {
        advice: `Reconstruct it from native operators: recipe "${recipe}" in NVIDIA/Deep-Learning-Accelerator-SW, operators/op_reconstruction.`,
      };
}

const fixed = (advice: string) => (): Fix => ({ advice });

/** Flatten and its kin: harmless in front of a product or at the end, costly in the middle. */
function flattening(node: Node, context: RuleContext): Fix {
  const output = node.outputs[0] ?? '';
  const readers = context.consumers(output);
  const product = productBehind(node, context);
  if (product) {
    return {
      advice: `Make the ${product.op} behind it a convolution over the whole map; the ${node.op} disappears.`,
    };
  }
  if (readers.length === 0 || context.graph.outputs.includes(output)) {
    return { advice: `End the network before this ${node.op}: it moves no data, the host can rename the dimensions.` };
  }
  return {
    advice: `Keep four dimensions throughout, so that no ${node.op} is needed, or move it to the end.`,
  };
}

function spatialMean(node: Node, context: RuleContext): Fix {
  const shape = context.shape(node.inputs[0]);
  const axes = shape?.length === 4 ? reductionOf(node, context, 4).axes : 'run-time';
  if (axes !== 'run-time' && axes.join() === '2,3') return globalAverageFix(shape);
  return { advice: 'A mean over channels is a 1×1 convolution with weights 1/C; one over H and W is an AveragePool.' };
}

const dynamic =
  'Its scale is found while the network runs, and the DLA wants scales that are known before: quantize statically (Q/DQ with constant scales), or start from the floating-point network and calibrate.';

const byOperator: Readonly<Record<string, (node: Node, context: RuleContext) => Fix | undefined>> = {
  GlobalAveragePool: (node, context) => globalAverageFix(context.shape(node.inputs[0])),
  ReduceMean: spatialMean,
  GlobalMaxPool: fixed('Use a MaxPool, or several in a row, whose windows (at most 8×8) cover the map.'),
  ReduceMax: fixed('Over H and W, use MaxPool in steps of at most 8×8.'),
  ReduceSum: fixed('Over channels, use a 1×1 convolution with weights of 1; over H and W, an AveragePool times H·W.'),
  HardSigmoid: fixed('Write it as Mul, Add and Clip to 0…1.'),
  HardSwish: fixed('Write it as Add 3, Clip to 0…6, Mul with its input and Mul by 1/6.'),
  Mish: fixed('Train with Relu or SiLU (Sigmoid and Mul) instead.'),
  Elu: fixed('Train with Relu or LeakyRelu instead.'),
  Selu: fixed('Train with Relu or LeakyRelu instead.'),
  Softplus: fixed('Train with Relu instead.'),
  Erf: fixed('GELU: use its Sigmoid form, x · Sigmoid(1.702 · x).'),
  Gelu: fixed('Use its Sigmoid form, x · Sigmoid(1.702 · x).'),
  Flatten: flattening,
  Squeeze: flattening,
  Unsqueeze: flattening,
  Pad: (node, context) => {
    const readers = context.consumers(node.outputs[0] ?? '');
    const reader = readers.find(({ op }) => ['Conv', 'MaxPool', 'AveragePool'].includes(op));
    return reader
      ? {
          advice: `Let ${reader.name} (${reader.op}) pad: convolution and pooling do it for free.`,
        }
      : { advice: 'Let the next convolution pad, or concatenate zeros that a convolution makes.' };
  },
  Div: (node, context) =>
    context.constant(node.inputs[1])
      ? { advice: 'Multiply by the reciprocal of the constant.' }
      : { advice: 'Division of two run-time tensors needs TensorRT 8.6.12; divide by constants, which become a Mul.' },
  Pow: (node, context) =>
    context.constant(node.inputs[1]) ? { advice: 'For a square, use Mul of the tensor with itself.' } : undefined,
  Einsum: fixed('With a constant operand, use a 1×1 convolution.'),
  InstanceNormalization: fixed(
    'Train with BatchNormalization: its statistics are constants and fold into the convolution.',
  ),
  GroupNormalization: fixed(
    'Train with BatchNormalization: its statistics are constants and fold into the convolution.',
  ),
  LayerNormalization: fixed(
    'Train with BatchNormalization: its statistics are constants and fold into the convolution.',
  ),
  DynamicQuantizeLinear: fixed(dynamic),
  ConvInteger: fixed(dynamic),
  MatMulInteger: fixed(dynamic),
  Neg: fixed('Multiply by −1.'),
  Reciprocal: fixed('Fold it into a constant, or divide outside the network.'),
  ArgMax: fixed('End the network before it and take the maximum on the host.'),
  TopK: fixed('End the network before it; it is post-processing.'),
  NonMaxSuppression: fixed('End the network before it; it is post-processing.'),
  Mean: (node) => ({ advice: `Use Add and a Mul by 1/${Math.max(1, node.inputs.length)}.` }),
  DepthToSpace: (node) => ({
    advice: `Use a ConvTranspose with stride ${blocksOf(node).size} and weights of 0 and 1 (recipe "DepthToSpace" in NVIDIA/Deep-Learning-Accelerator-SW).`,
  }),
  SpaceToDepth: (node) => ({
    advice: `Use a convolution with stride ${blocksOf(node).size} and weights of 0 and 1 (recipe "SpaceToDepth" in NVIDIA/Deep-Learning-Accelerator-SW).`,
  }),
};
