/**
 * ResNet-18 and ResNet-50 v1.5 (the stride in the 3×3 convolution), batch norm kept, weights seeded. Their topology is what their
 * times depend on. The network that NVIDIA's published throughput belongs to is the TensorFlow one with 1001 classes
 * (docs/hardware/estimate-model.md#networks), which is the default here: 4.089 GMAC and 25.5 million weights an image.
 */

import type { Graph } from '../graph/graph.ts';
import { GraphBuilder } from './graph-builder.ts';

export interface ResNetOptions {
  /** 1 unless given. */
  readonly batch?: number;
  /** Of the weights; 1 unless given. */
  readonly seed?: number;
  /** 1001 unless given. */
  readonly classes?: number;
}

/** Scale of a residual branch's last batch norm: sixteen branches add up without growing much. */
const branchGain = 0.4;

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]. */
export function resnet50(options: ResNetOptions = {}): Graph {
  return resnet('resnet50-v1.5', [3, 4, 6, 3], bottleneck, options);
}

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]. */
export function resnet18(options: ResNetOptions = {}): Graph {
  return resnet('resnet18', [2, 2, 2, 2], basic, options);
}

/**
 * The ResNet-18 of CIFAR-10 that systems with an open NVDLA are timed with: stages of 16, 32 and 64 channels with three, three and two
 * blocks (gem5-NVDLA's register trace `resnet18-cifar10`). Input `image` [1, 3, 32, 32], output `logits` [1, 10].
 */
export function resnet18Cifar(seed = 1): Graph {
  const builder = new GraphBuilder('resnet18-cifar', { seed });
  let x = normed(builder, builder.input('image', [1, 3, 32, 32]), 16, 3, 1, 'stem', true);
  for (const [stage, depth] of [3, 3, 2].entries()) {
    for (let index = 0; index < depth; index++) {
      x = basic(builder, x, 16 << stage, index === 0 && stage > 0 ? 2 : 1, `stage${stage + 1}.${index}`);
    }
  }
  const dense = builder.gemm(builder.flatten(builder.globalAveragePool(x, 'pool'), 'flatten'), 10, 'dense');
  builder.output(dense);
  return renamed(builder.build(), dense, 'logits');
}

type Block = (builder: GraphBuilder, x: string, width: number, stride: number, name: string) => string;

function resnet(name: string, depths: readonly number[], block: Block, options: ResNetOptions): Graph {
  const { batch = 1, seed = 1, classes = 1001 } = options;
  const builder = new GraphBuilder(name, { seed });
  const image = builder.input('image', [batch, 3, 224, 224]);
  let x = normed(builder, image, 64, 7, 2, 'stem', true);
  x = builder.maxPool(x, { kernel: 3, stride: 2, padding: 1, name: 'stem.pool' });
  for (const [stage, depth] of depths.entries()) {
    for (let index = 0; index < depth; index++) {
      const stride = index === 0 && stage > 0 ? 2 : 1;
      x = block(builder, x, 64 * 2 ** stage, stride, `stage${stage + 1}.${index}`);
    }
  }
  const features = builder.flatten(builder.globalAveragePool(x, 'pool'), 'flatten');
  const dense = builder.gemm(features, classes, 'dense');
  builder.output(dense);
  return renamed(builder.build(), dense, 'logits');
}

function normed(
  builder: GraphBuilder,
  x: string,
  channels: number,
  kernel: number,
  stride: number,
  name: string,
  active: boolean,
  gain = 1,
): string {
  const padding = (kernel - 1) / 2;
  const conv = builder.conv(x, { channels, kernel, stride, padding, bias: false, name: `${name}.conv` });
  const norm = builder.batchNorm(conv, { gain, name: `${name}.bn` });
  return active ? builder.relu(norm, `${name}.relu`) : norm;
}

function shortcut(builder: GraphBuilder, x: string, channels: number, stride: number, name: string): string {
  return builder.shape(x)[1] === channels && stride === 1
    ? x
    : normed(builder, x, channels, 1, stride, `${name}.shortcut`, false);
}

const bottleneck: Block = (builder, x, width, stride, name) => {
  const identity = shortcut(builder, x, 4 * width, stride, name);
  let y = normed(builder, x, width, 1, 1, `${name}.1`, true);
  y = normed(builder, y, width, 3, stride, `${name}.2`, true);
  y = normed(builder, y, 4 * width, 1, 1, `${name}.3`, false, branchGain);
  return builder.relu(builder.add(y, identity, `${name}.add`), `${name}.relu`);
};

const basic: Block = (builder, x, width, stride, name) => {
  const identity = shortcut(builder, x, width, stride, name);
  let y = normed(builder, x, width, 3, stride, `${name}.1`, true);
  y = normed(builder, y, width, 3, 1, `${name}.2`, false, branchGain);
  return builder.relu(builder.add(y, identity, `${name}.add`), `${name}.relu`);
};

/** The graph with one value under another name. */
function renamed(graph: Graph, from: string, to: string): Graph {
  const rename = (name: string) => (name === from ? to : name);
  return {
    ...graph,
    outputs: graph.outputs.map(rename),
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
    values: new Map([...graph.values].map(([name, type]) => [rename(name), type])),
  };
}
