/**
 * LeNet as Caffe has it (examples/mnist/lenet.prototxt): the network of the open NVDLA's published timings. Seeded weights, no
 * softmax.
 */

import type { Graph } from '../graph/graph.ts';
import { GraphBuilder } from './graph-builder.ts';

/** Input `image` [1, 1, 28, 28], output `ip2:out` [1, 10]. */
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
