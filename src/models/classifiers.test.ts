import { describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { elementCount, float32Tensor, float32Values } from '../graph/tensor.ts';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import { check, compile, type PreparedNetwork, prepare } from '../index.ts';
import { writeModel } from '../onnx/write.ts';
import { inceptionV3 } from './inception.ts';
import { efficientnetLite0, mobilenetV2 } from './inverted-residuals.ts';
import { resnet50 } from './resnet.ts';

const parameters = (graph: Graph): number =>
  [...graph.constants]
    .filter(([name]) => /\.(weight|bias)$/.test(name))
    .reduce((sum, [, { shape }]) => sum + elementCount(shape), 0);

const image = (size: number): number[] => Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i * 0.37));

// Parameters are those of timm (MobileNetV2: torchvision) to the last one. They publish 4.1, 0.4, 0.3 and 5.7 GMAC; the 0.407 of
// EfficientNet-Lite0's own README count more than the multiply-accumulates of convolutions.
describe.each([
  { build: resnet50, size: 224, count: 25_557_032, gmac: 4.089, launches: { conv: 54, pdp: 1 } },
  { build: efficientnetLite0, size: 224, count: 4_652_008, gmac: 0.385, launches: { conv: 50, pdp: 1 } },
  { build: mobilenetV2, size: 224, count: 3_504_872, gmac: 0.301, launches: { conv: 53, pdp: 1 } },
  { build: inceptionV3, size: 299, count: 23_834_568, gmac: 5.713, launches: { conv: 95, pdp: 14 } },
])('$build.name', ({ build, size, count, gmac, launches }) => {
  const graph = build({ classes: 1000 });
  const network: PreparedNetwork = prepare(graph);

  it('has the published size', () => {
    expect(parameters(graph)).toBe(count);
    expect(check(graph).macs.total / 1e9).toBeCloseTo(gmac, 3);
    expect(graph.values.get(graph.inputs[0]!)!.shape).toEqual([1, 3, size, size]);
  });

  it('is one loadable, emulated whole', () => {
    const { network: compiled, notEmulated } = compile(network);
    expect(notEmulated.size).toBe(0);
    const [segment, ...others] = compiled.plan.segments;
    expect(others).toEqual([]);
    const kinds: Record<string, number> = {};
    if (segment?.kind === 'dla') for (const { kind } of segment.program.layers) kinds[kind] = (kinds[kind] ?? 0) + 1;
    expect(kinds).toEqual(launches);
  });

  it('is loaded and run by onnxruntime, before and after preparing', async () => {
    const runtime = await nodeOnnxRuntime();
    const results = await Promise.all(
      [graph, network.graph].map(async (model) => {
        const session = await runtime.createSession(writeModel(model), { threads: 1 });
        const { logits } = await session.run({ image: float32Tensor([1, 3, size, size], image(size)) });
        await session.close();
        return logits!;
      }),
    );
    expect(results[0]!.shape).toEqual([1, 1000]);
    const [before, after] = results.map(float32Values);
    const largest = Math.max(...before!.map(Math.abs));
    expect(largest).toBeGreaterThan(0.1);
    for (const [index, value] of before!.entries())
      expect(Math.abs(value - after![index]!)).toBeLessThan(1e-4 * largest);
  });
});
