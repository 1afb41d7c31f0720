/**
 * ResNet-18 and ResNet-50 v1.5 (the stride in the 3×3 convolution), batch norm kept, weights seeded. Their topology is what their
 * times depend on. The network that NVIDIA's published throughput belongs to is the TensorFlow one with 1001 classes
 * (docs/hardware/estimate-model.md#networks), which is the default here: 4.089 GMAC and 25.5 million weights an image. With 1000
 * classes it is timm's `resnet50`: 25.557 million parameters.
 */

import type { Graph } from '../graph/graph.ts';
import { type ConvNormOptions, GraphBuilder, type NetworkOptions } from './graph-builder.ts';

/** Scale of a residual branch's last batch norm: sixteen branches add up without growing much. */
const branchGain = 0.4;

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]; 1001 classes unless given. */
export function resnet50(options: NetworkOptions = {}): Graph {
  return resnet('resnet50-v1.5', [3, 4, 6, 3], bottleneck, options);
}

/** Input `image` [batch, 3, 224, 224], output `logits` [batch, classes]; 1001 classes unless given. */
export function resnet18(options: NetworkOptions = {}): Graph {
  return resnet('resnet18', [2, 2, 2, 2], basic, options);
}

/**
 * The ResNet-18 of CIFAR-10 that systems with an open NVDLA are timed with: stages of 16, 32 and 64 channels with three, three and two
 * blocks (gem5-NVDLA's register trace `resnet18-cifar10`). Input `image` [1, 3, 32, 32], output `logits` [1, 10].
 */
export function resnet18Cifar(seed = 1): Graph {
  const builder = new GraphBuilder('resnet18-cifar', { seed });
  let x = normed(builder, builder.input('image', [1, 3, 32, 32]), 16, 3, 'stem', { activation: 'relu' });
  for (const [stage, depth] of [3, 3, 2].entries()) {
    for (let index = 0; index < depth; index++) {
      x = basic(builder, x, 16 << stage, index === 0 && stage > 0 ? 2 : 1, `stage${stage + 1}.${index}`);
    }
  }
  return builder.classifier(x, 10);
}

type Block = (builder: GraphBuilder, x: string, width: number, stride: number, name: string) => string;

function resnet(name: string, depths: readonly number[], block: Block, options: NetworkOptions): Graph {
  const { batch = 1, seed = 1, classes = 1001 } = options;
  const builder = new GraphBuilder(name, { seed });
  const image = builder.input('image', [batch, 3, 224, 224]);
  let x = normed(builder, image, 64, 7, 'stem', { stride: 2, activation: 'relu' });
  x = builder.maxPool(x, { kernel: 3, stride: 2, padding: 1, name: 'stem.pool' });
  for (const [stage, depth] of depths.entries()) {
    for (let index = 0; index < depth; index++) {
      const stride = index === 0 && stage > 0 ? 2 : 1;
      x = block(builder, x, 64 * 2 ** stage, stride, `stage${stage + 1}.${index}`);
    }
  }
  return builder.classifier(x, classes);
}

/** Convolution and batch norm, padded so that height and width stay where the stride is 1. */
const normed = (
  builder: GraphBuilder,
  x: string,
  channels: number,
  kernel: number,
  name: string,
  options: Pick<ConvNormOptions, 'stride' | 'activation' | 'gain'>,
): string => builder.convNorm(x, { channels, kernel, padding: (kernel - 1) / 2, name, ...options });

function shortcut(builder: GraphBuilder, x: string, channels: number, stride: number, name: string): string {
  return builder.shape(x)[1] === channels && stride === 1
    ? x
    : normed(builder, x, channels, 1, `${name}.shortcut`, { stride });
}

const bottleneck: Block = (builder, x, width, stride, name) => {
  const identity = shortcut(builder, x, 4 * width, stride, name);
  let y = normed(builder, x, width, 1, `${name}.1`, { activation: 'relu' });
  y = normed(builder, y, width, 3, `${name}.2`, { stride, activation: 'relu' });
  y = normed(builder, y, 4 * width, 1, `${name}.3`, { gain: branchGain });
  return builder.relu(builder.add(y, identity, `${name}.add`), `${name}.relu`);
};

const basic: Block = (builder, x, width, stride, name) => {
  const identity = shortcut(builder, x, width, stride, name);
  let y = normed(builder, x, width, 3, `${name}.1`, { stride, activation: 'relu' });
  y = normed(builder, y, width, 3, `${name}.2`, { gain: branchGain });
  return builder.relu(builder.add(y, identity, `${name}.add`), `${name}.relu`);
};
