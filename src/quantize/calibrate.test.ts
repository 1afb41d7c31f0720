import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float16Bits } from '../base/float16.ts';
import type { Graph } from '../graph/graph.ts';
import { float32Tensor, type Tensor } from '../graph/tensor.ts';
import { readModel } from '../onnx/read.ts';
import { resolve } from '../onnx/resolve.ts';
import type { OnnxRuntime } from '../onnx/session.ts';
import { rewrite } from '../rewrite/rewrite.ts';
import { Network } from '../rewrite/testing/network.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import { calibrate, calibrationOf, measure } from './calibrate.ts';
import { readCalibrationCache, writeCalibrationCache } from './calibration-cache.ts';
import { quantize } from './quantize.ts';
import { calibrationMethods } from './range-of.ts';
import { ortRuntime as runtime } from './testing/ort-runtime.ts';

function small() {
  const n = new Network();
  const scaled = n.op('Mul', [n.input('x', ['N', 4]), n.scalar(-3)], {}, 'scaled');
  return n.graph(n.op('Relu', [scaled], {}, 'y'));
}

const sample = (...rows: readonly (readonly number[])[]): Record<string, Tensor> => ({
  x: float32Tensor([rows.length, 4], rows.flat()),
});

describe('calibrate', () => {
  it('measures inputs, intermediates and outputs', async () => {
    const seen: number[] = [];
    const samples = [sample([1, -2, 0, 0.5]), sample([0, 0, 0, 0], [0.25, 4, 0, 0])];
    const calibration = await calibrate(small(), samples, {
      runtime,
      method: 'min-max',
      onProgress: (count) => seen.push(count),
    });
    expect(seen).toEqual([1, 3]);
    expect(calibration).toEqual({
      method: 'min-max',
      samples: 3,
      largest: new Map([
        ['x', 4],
        ['scaled', 12],
        ['y', 6],
      ]),
      scales: new Map(
        [
          ['x', 4 / 127],
          ['scaled', 12 / 127],
          ['y', 6 / 127],
        ].map(([name, scale]) => [name as string, Math.fround(scale as number)]),
      ),
    });
  });

  it('measures half precision by value', async () => {
    const half = (values: readonly number[]): Tensor => ({
      dtype: 'float16',
      shape: [1, values.length],
      bytes: new Uint8Array(Uint16Array.from(values, float16Bits).buffer),
    });
    const graph: Graph = {
      name: 'half',
      opsets: { '': 17 },
      inputs: ['x'],
      outputs: ['y'],
      nodes: [{ name: 'r', op: 'Relu', domain: '', inputs: ['x'], outputs: ['y'], attributes: {}, origin: ['r'] }],
      constants: new Map(),
      values: new Map(['x', 'y'].map((name) => [name, { dtype: 'float16', shape: [1, 4] }])),
    };
    const run = async () => ({ y: half([1, 0, 0, 0.75]) });
    const relu: OnnxRuntime = { name: 'relu', createSession: async () => ({ run, close: async () => {} }) };
    const { largest } = await calibrate(graph, [{ x: half([1, -2.5, 0, 0.75]) }], { runtime: relu });
    expect([...largest]).toEqual([
      ['x', 2.5],
      ['y', 1],
    ]);
  });

  it('gives the same histograms for the same rows in any order and any batches', async () => {
    const rows = fc.array(fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 4, maxLength: 4 }), {
      minLength: 1,
      maxLength: 12,
    });
    const graph = small();
    await fc.assert(
      fc.asyncProperty(
        rows.chain((all) =>
          fc.tuple(
            fc.constant(all),
            fc.shuffledSubarray(all, { minLength: all.length }),
            fc.integer({ min: 1, max: 5 }),
          ),
        ),
        async ([all, shuffled, size]) => {
          const batches = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
            sample(...shuffled.slice(index * size, (index + 1) * size)),
          );
          const [one, many] = [
            await measure(graph, [sample(...all)], { runtime }),
            await measure(graph, batches, { runtime }),
          ];
          expect(many.samples).toBe(one.samples);
          for (const [value, histogram] of one.histograms) {
            const other = many.histograms.get(value)!;
            expect(other.counts).toEqual(histogram.counts);
            expect([other.width, other.zeros, other.total, other.max]).toEqual([
              histogram.width,
              histogram.zeros,
              histogram.total,
              histogram.max,
            ]);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('refuses no samples, samples that do not fit, and values that are not finite', async () => {
    const attempt = (samples: Record<string, Tensor>[]) => calibrate(small(), samples, { runtime });
    await expect(attempt([])).rejects.toThrow(/calibrate\/no-samples/);
    await expect(attempt([{}])).rejects.toThrow(/value x: .*found nothing.*run\/input/);
    await expect(attempt([{ x: float32Tensor([1, 3], [1, 2, 3]) }])).rejects.toThrow(
      /expected float32 \[N, 4\], found float32 \[1, 3\]/,
    );
    await expect(attempt([sample([1, Number.NaN, 0, 0])])).rejects.toThrow(/value x: element 1 .*calibrate\/value/);
    await expect(attempt([sample([3e38, 0, 0, 0])])).rejects.toThrow(/value scaled: element 0 .*calibrate\/value/);
  });

  it('stops when it is cancelled, and closes the session', async () => {
    let closed = 0;
    const counting: OnnxRuntime = {
      name: 'counting',
      async createSession(model, options) {
        const session = await runtime.createSession(model, options);
        return {
          run: session.run,
          close: async () => {
            closed++;
            await session.close();
          },
        };
      },
    };
    const controller = new AbortController();
    let given = 0;
    async function* endless() {
      for (;;) {
        if (++given === 5) controller.abort();
        yield sample([1, 2, 3, 4]);
      }
    }
    await expect(calibrate(small(), endless(), { runtime: counting, signal: controller.signal })).rejects.toThrow(
      /\[cancelled\]/,
    );
    expect(given).toBe(5);
    expect(closed).toBe(1);
  });

  it('calibrates a network by every method, and its cache brings the same scales back', async () => {
    const model = readModel(readFileSync(new URL('../../models/fashion-resnet20.onnx', import.meta.url)));
    const { graph } = rewrite(resolve(model));
    const pixels = gunzipSync(
      readFileSync(new URL('../../data/fashion-mnist-calibration-images.idx3.gz', import.meta.url)),
    ).subarray(16);
    function* images() {
      for (let image = 0; image < 20; image++) {
        const values = Float32Array.from(
          pixels.subarray(image * 784, (image + 1) * 784),
          (pixel) => (pixel / 255 - 0.286) / 0.353,
        );
        yield { image: float32Tensor([1, 1, 28, 28], values) };
      }
    }
    const measurement = await measure(graph, images(), { runtime });
    for (const method of calibrationMethods) {
      const { scales, largest } = calibrationOf(measurement, method);
      expect([...scales.keys()]).toEqual(scaledValues(graph));
      for (const [value, scale] of scales) {
        expect(scale).toBeGreaterThan(0);
        expect(scale * 127).toBeLessThanOrEqual(largest.get(value)! * 1.000001);
        expect(scale * 127).toBeGreaterThan(largest.get(value)! * 0.3);
      }
      const cache = readCalibrationCache(writeCalibrationCache(scales));
      expect(cache.scales).toEqual(scales);
      expect(quantize(graph, cache.scales).quantized).toEqual(quantize(graph, scales).quantized);
    }
  });
});
