/** GoogLeNet as Caffe has it (models/bvlc_googlenet). Seeded weights, no softmax. */

import type { Graph } from '../graph/graph.ts';
import { localNorm } from './alexnet.ts';
import { GraphBuilder } from './graph-builder.ts';

/** Kernels of the four branches: 1×1; 3×3 and 5×5, each behind a reduction; the projection of the pool. */
type Inception = readonly [
  one: number,
  threeReduced: number,
  three: number,
  fiveReduced: number,
  five: number,
  projected: number,
];

const stages: readonly (readonly [name: string, Inception][])[] = [
  [
    ['3a', [64, 96, 128, 16, 32, 32]],
    ['3b', [128, 128, 192, 32, 96, 64]],
  ],
  [
    ['4a', [192, 96, 208, 16, 48, 64]],
    ['4b', [160, 112, 224, 24, 64, 64]],
    ['4c', [128, 128, 256, 24, 64, 64]],
    ['4d', [112, 144, 288, 32, 64, 64]],
    ['4e', [256, 160, 320, 32, 128, 128]],
  ],
  [
    ['5a', [256, 160, 320, 32, 128, 128]],
    ['5b', [384, 192, 384, 48, 128, 128]],
  ],
];

/** Input `image` [1, 3, 224, 224], output `loss3/classifier:out` [1, 1000]. */
export function googlenet(seed = 1): Graph {
  const builder = new GraphBuilder('googlenet', { seed });
  const pool = { kernel: 3, stride: 2, padding: [0, 0, 1, 1] } as const;
  let x = builder.input('image', [1, 3, 224, 224]);
  x = active(builder, x, 64, 7, 'conv1/7x7_s2', 2);
  x = localNorm(builder, builder.maxPool(x, { ...pool, name: 'pool1/3x3_s2' }), 'pool1/norm1');
  x = active(builder, x, 64, 1, 'conv2/3x3_reduce');
  x = localNorm(builder, active(builder, x, 192, 3, 'conv2/3x3'), 'conv2/norm2');
  for (const [index, stage] of stages.entries()) {
    x = builder.maxPool(x, { ...pool, name: `pool${index + 2}/3x3_s2` });
    for (const [name, kernels] of stage) x = inception(builder, x, kernels, `inception_${name}`);
  }
  x = builder.flatten(builder.globalAveragePool(x, 'pool5/7x7_s1'), 'flatten');
  builder.output(builder.gemm(x, 1000, 'loss3/classifier'));
  return builder.build();
}

function inception(builder: GraphBuilder, x: string, kernels: Inception, name: string): string {
  const [one, threeReduced, three, fiveReduced, five, projected] = kernels;
  const pooled = builder.maxPool(x, { kernel: 3, padding: 1, name: `${name}/pool` });
  return builder.concat([
    active(builder, x, one, 1, `${name}/1x1`),
    active(builder, active(builder, x, threeReduced, 1, `${name}/3x3_reduce`), three, 3, `${name}/3x3`),
    active(builder, active(builder, x, fiveReduced, 1, `${name}/5x5_reduce`), five, 5, `${name}/5x5`),
    active(builder, pooled, projected, 1, `${name}/pool_proj`),
  ]);
}

function active(builder: GraphBuilder, x: string, channels: number, kernel: number, name: string, stride = 1): string {
  const padding = (kernel - 1) / 2;
  return builder.relu(builder.conv(x, { channels, kernel, stride, padding, name }), `${name}/relu`);
}
