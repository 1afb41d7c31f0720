/** A quantized network is compared as it was given, whatever the types of its ends. */

import { expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import { board, compile, explicitNetwork, prepare, readNetwork, writeModel } from '../index.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { openDevice } from '../runtime/device.ts';
import { imageFeed } from './data-set.ts';
import { evaluate } from './evaluate.ts';

/** Scores of ten classes, so coarsely quantized that its real numbers decide otherwise. */
function classifier() {
  const b = new GraphBuilder('scores', { seed: 9 });
  const deep = b.unary('Relu', b.conv(b.input('x', [2, 3, 8, 8]), { channels: 16, kernel: 3, name: 'deep' }));
  b.output(b.flatten(b.conv(deep, { channels: 10, kernel: 6, name: 'scores' })));
  return b.build();
}

it('takes the classes of the network with its Q/DQ, and integers at its ends', async () => {
  const network = prepare(classifier());
  const values = [...network.graph.inputs, ...network.graph.nodes.flatMap(({ outputs }) => outputs)];
  const coarse = new Set(network.graph.outputs.concat(network.graph.nodes.slice(-2).flatMap(({ outputs }) => outputs)));
  const scales = new Map(values.map((value) => [value, coarse.has(value) ? 64 : 0.25]));
  const compilation = compile(network, { scales, release: 'JetPack 7.2.2' });
  const dataSet = {
    name: 'noise',
    size: 40,
    sample: async (index: number) => {
      const random = new Random(index);
      const colours = Uint8Array.from({ length: 12 }, () => random.next() * 256);
      const pixels = Uint8Array.from(
        { length: 192 },
        (_, at) => colours[(at % 24 < 12 ? 0 : 6) + (at < 96 ? 0 : 3) + (at % 3)]!,
      );
      return { image: { width: 8, height: 8, channels: 3, pixels }, label: index % 10, file: `${index}` } as const;
    },
  };
  const [device, runtime] = [await openDevice({ target: 'orin' }), await nodeOnnxRuntime()];
  try {
    for (const given of [
      readNetwork(writeModel(explicitNetwork(compilation))),
      readNetwork(board(compilation).model.bytes),
    ]) {
      const prepared = prepare(given);
      const preprocess = { mean: [0], std: [0.05], channelOrder: 'rgb' } as const;
      const { network: compiled } = compile(prepared, { preprocess });
      const input = compiled.plan.tensors.find(({ name }) => name === compiled.plan.inputs[0])!;
      const feed = imageFeed(dataSet, { ...input, preprocess });
      const options = { graph: prepared.graph, network: compiled, feed, device, runtime, calibration: 'its own' };
      const [asGiven, asFloats] = [await evaluate({ ...options, quantized: given }), await evaluate(options)];
      expect(asGiven.accuracy!.agreement).toBeGreaterThanOrEqual(0.95);
      expect(asFloats.accuracy!.agreement).toBeLessThan(asGiven.accuracy!.agreement);
    }
  } finally {
    await device.close();
  }
});
