/**
 * Networks of the kinds that lose most in INT8, with seeded weights: depthwise convolutions whose channels are of very different size,
 * as training leaves them and as random weights do not. The batch norm after a depthwise convolution spreads its channels over a
 * factor of 64, and the projection behind it sums them up.
 */

import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { efficientnetLite0 } from '../../src/models/inverted-residuals.ts';

const spread = 3;

/** The factor of each channel of the norms behind depthwise convolutions, and its inverse in the weights of what reads them. */
function uneven(graph: Graph, seed: number): Graph {
  const random = new Random(seed);
  const constants = new Map(graph.constants);
  const norms = graph.nodes.filter(({ op, name }) => op === 'BatchNormalization' && name.endsWith('depthwise.bn'));
  for (const { inputs } of norms) {
    const channels = constants.get(inputs[1]!)!.shape[0]!;
    const factors = Float32Array.from({ length: channels }, () => 2 ** random.between(-spread, spread));
    for (const name of inputs.slice(1, 3)) {
      const values = float32Values(constants.get(name)!);
      constants.set(
        name,
        float32Tensor(
          [channels],
          values.map((value, channel) => value * factors[channel]!),
        ),
      );
    }
  }
  return { ...graph, constants };
}

/** Input `image` [1, 3, 224, 224], output `logits` [1, 1000]. */
export const unevenLite0 = (): Graph => uneven(efficientnetLite0({ seed: 11 }), 12);

/** Kernel, stride, widened channels, channels, squeeze-and-excite, HardSwish rather than Relu. */
type Block = readonly [number, number, number, number, boolean, boolean];

const small: readonly Block[] = [
  [3, 2, 16, 16, true, false],
  [3, 2, 72, 24, false, false],
  [3, 1, 88, 24, false, false],
  [5, 2, 96, 40, true, true],
  [5, 1, 240, 40, true, true],
  [5, 1, 120, 48, true, true],
  [5, 2, 288, 96, true, true],
  [5, 1, 576, 96, true, true],
];

/** As MobileNetV3-Small, two of its repeated blocks left out. Input `image` [1, 3, 160, 160], output `logits` [1, 100]. */
export function mobilenetV3(): Graph {
  const b = new GraphBuilder('mobilenet_v3', { seed: 21 });
  const active = (x: string, hard: boolean): string => (hard ? b.node('HardSwish', [x], [b.shape(x)])[0]! : b.relu(x));
  let x = b.input('image', [1, 3, 160, 160]);
  x = active(b.convNorm(x, { channels: 16, kernel: 3, stride: 2, padding: 1, name: 'stem' }), true);
  for (const [index, [kernel, stride, wide, channels, gated, hard]] of small.entries()) {
    const name = `blocks.${index}`;
    const adds = stride === 1 && b.shape(x)[1] === channels;
    let y = active(b.convNorm(x, { channels: wide, kernel: 1, name: `${name}.expand` }), hard);
    const padding = (kernel - 1) / 2;
    y = b.convNorm(y, { channels: wide, kernel, stride, padding, groups: wide, name: `${name}.depthwise` });
    y = active(y, hard);
    if (gated) {
      const squeezed = b.relu(
        b.conv(b.globalAveragePool(y), { channels: wide / 4, kernel: 1, name: `${name}.squeeze` }),
      );
      const gate = b.unary('HardSigmoid', b.conv(squeezed, { channels: wide, kernel: 1, name: `${name}.excite` }));
      y = b.binary('Mul', y, gate);
    }
    y = b.convNorm(y, { channels, kernel: 1, ...(adds && { gain: 0.4 }), name: `${name}.project` });
    x = adds ? b.add(y, x) : y;
  }
  x = active(b.convNorm(x, { channels: 576, kernel: 1, name: 'head' }), true);
  return uneven(b.classifier(x, 100), 22);
}

/** Seeded pictures of a few waves each, in [−2, 2]: neighbours are alike, as in photographs. */
export function waves(count: number, size: number, seed: number): readonly Tensor[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const values = new Float32Array(3 * size * size);
    for (let wave = 0; wave < 8; wave++) {
      const [u, v, phase] = [random.between(-12, 12), random.between(-12, 12), random.between(0, 6.28)];
      for (let channel = 0; channel < 3; channel++) {
        const height = random.between(-1, 1) / 2;
        for (let y = 0; y < size; y++) {
          for (let x = 0; x < size; x++) {
            values[(channel * size + y) * size + x]! += height * Math.cos((u * x + v * y) / size + phase);
          }
        }
      }
    }
    return float32Tensor([1, 3, size, size], values);
  });
}
