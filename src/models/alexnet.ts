/** AlexNet as Caffe has it (models/bvlc_alexnet): two groups, normalization across channels. Seeded weights, no softmax. */

import type { Graph } from '../graph/graph.ts';
import { float, GraphBuilder, int } from './graph-builder.ts';

/** Input `image` [1, 3, 227, 227], output `fc8:out` [1, 1000]. */
export function alexnet(seed = 1): Graph {
  const builder = new GraphBuilder('alexnet', { seed });
  const pool = { kernel: 3, stride: 2 };
  let x = builder.input('image', [1, 3, 227, 227]);
  x = builder.relu(builder.conv(x, { channels: 96, kernel: 11, stride: 4, name: 'conv1' }), 'relu1');
  x = builder.maxPool(localNorm(builder, x, 'norm1'), { ...pool, name: 'pool1' });
  x = builder.relu(builder.conv(x, { channels: 256, kernel: 5, padding: 2, groups: 2, name: 'conv2' }), 'relu2');
  x = builder.maxPool(localNorm(builder, x, 'norm2'), { ...pool, name: 'pool2' });
  x = builder.relu(builder.conv(x, { channels: 384, kernel: 3, padding: 1, name: 'conv3' }), 'relu3');
  x = builder.relu(builder.conv(x, { channels: 384, kernel: 3, padding: 1, groups: 2, name: 'conv4' }), 'relu4');
  x = builder.relu(builder.conv(x, { channels: 256, kernel: 3, padding: 1, groups: 2, name: 'conv5' }), 'relu5');
  x = builder.flatten(builder.maxPool(x, { ...pool, name: 'pool5' }), 'flatten');
  x = builder.relu(builder.gemm(x, 4096, 'fc6'), 'relu6');
  x = builder.relu(builder.gemm(x, 4096, 'fc7'), 'relu7');
  builder.output(builder.gemm(x, 1000, 'fc8'));
  return builder.build();
}

/** Caffe's parameters of both networks: five channels, α = 10⁻⁴, β = ¾. */
const localNorm = (builder: GraphBuilder, x: string, name: string): string =>
  builder.node(
    'LRN',
    [x],
    [builder.shape(x)],
    { size: int(5), alpha: float(1e-4), beta: float(0.75), bias: float(1) },
    name,
  )[0]!;
