/** LeNet and AlexNet as Caffe has them, without their softmax. Weights are seeded. */

import type { Graph } from '../graph/graph.ts';
import { float, GraphBuilder, int } from './graph-builder.ts';

/**
 * examples/mnist/lenet.prototxt: the network of the open NVDLA's published timings. Input `image` [1, 1, 28, 28], output `ip2:out`
 * [1, 10].
 */
export function lenet(seed = 1): Graph {
  const builder = new GraphBuilder('lenet', { seed });
  let x = builder.input('image', [1, 1, 28, 28]);
  x = builder.conv(x, { channels: 20, kernel: 5, name: 'conv1' });
  x = builder.maxPool(x, { kernel: 2, stride: 2, name: 'pool1' });
  x = builder.conv(x, { channels: 50, kernel: 5, name: 'conv2' });
  x = builder.maxPool(x, { kernel: 2, stride: 2, name: 'pool2' });
  x = builder.relu(builder.gemm(builder.flatten(x, 'flatten'), 500, 'ip1'), 'relu1');
  builder.output(builder.gemm(x, 10, 'ip2'));
  return builder.build();
}

/**
 * models/bvlc_alexnet: two groups, normalization across channels. Input `image` [1, 3, 227, 227], output `fc8:out` [1, 1000].
 */
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

/** Both of AlexNet's normalizations: five channels, α = 10⁻⁴, β = ¾. */
const localNorm = (builder: GraphBuilder, x: string, name: string): string =>
  builder.node(
    'LRN',
    [x],
    [builder.shape(x)],
    { size: int(5), alpha: float(1e-4), beta: float(0.75), bias: float(1) },
    name,
  )[0]!;
