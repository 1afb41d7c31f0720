/** A network with a planted fault: one channel of a tensor is far larger than the others, which leaves them few of its levels. */

import { Random } from '../../base/random.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32Tensor, type Tensor } from '../../graph/tensor.ts';
import { Network } from '../../rewrite/testing/network.ts';

const channels = 8;

/**
 * x [batch, 3, 16, 16] → spread → active → depthwise → y [batch, 4, 16, 16]. Channel 0 of `spread` is 200 times as large as the others,
 * and the depthwise kernels behind it make the channels alike again. `HardSwish` between them is a table on the DLA, which no factor
 * passes.
 */
export function outlierNetwork(activation: 'Relu' | 'HardSwish', batch = 1): Graph {
  const n = new Network({ seed: 3 });
  const x = n.input('x', [batch, 3, 16, 16]);
  const random = new Random(5);
  const uneven = (shape: readonly number[], of: (channel: number) => number): Tensor => {
    const perChannel = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: shape[0]! * perChannel }, (_, at) => {
      return random.between(-0.5, 0.5) * of(Math.floor(at / perChannel));
    });
    return float32Tensor(shape, values);
  };
  const stem = n.constant(uneven([channels, 3, 3, 3], (channel) => (channel === 0 ? 200 : 1)));
  const spread = n.op('Conv', [x, stem], { pads: [1, 1, 1, 1] }, 'spread');
  const active = n.op(activation, [spread], {}, 'active');
  const even = n.constant(uneven([channels, 1, 3, 3], (channel) => (channel === 0 ? 1 / 200 : 1)));
  const depthwise = n.op('Conv', [active, even], { group: channels, pads: [1, 1, 1, 1] }, 'depthwise');
  return n.graph(n.op('Conv', [depthwise, n.weights([4, channels, 1, 1])], {}, 'y'));
}
