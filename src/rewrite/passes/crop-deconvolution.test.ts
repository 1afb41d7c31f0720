import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { difference, rewriteSame } from '../testing/same-results.ts';

const passes = ['crop-deconvolution'];

describe('crop-deconvolution', () => {
  it('crops the border off', async () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 4, 4]);
    const same = { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] };
    const graph = n.graph(n.op('ConvTranspose', [x, n.weights([2, 3, 3, 3])], same, 'y'));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      y [1,3,8,8] = ConvTranspose(x, W1 (2,3,3,3)) strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      y:uncropped [1,3,9,9] = ConvTranspose(x, W1 (2,3,3,3)) strides=[2,2] kernel_shape=[3,3]
      y [1,3,8,8] = Slice(y:uncropped, ConvTranspose1:crop:starts (2), ConvTranspose1:crop:ends (2), ConvTranspose1:crop:axes (2)) from ConvTranspose1
      out y"
    `);
  });

  it('keeps the results over kernels, strides, paddings and opsets', async () => {
    const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
    await fc.assert(
      fc.asyncProperty(
        pair(2, 4),
        pair(1, 3),
        fc.tuple(pair(0, 1), pair(0, 1)),
        pair(0, 2),
        fc.constantFrom(9, 11, 17),
        async (kernel, strides, [start, end], extra, opset) => {
          const n = new Network({ opset });
          const x = n.input('x', [2, 2, 4, 3]);
          const outputPadding = extra.map((size, axis) => Math.min(size, strides[axis]! - 1));
          const attributes = { strides, pads: [...start, ...end], output_padding: outputPadding };
          const graph = n.graph(n.op('ConvTranspose', [x, n.weights([2, 3, ...kernel]), n.weights([3])], attributes));
          const { graph: after, applied } = rewrite(graph, { passes });
          expect(await difference(graph, after)).toBeLessThan(1e-5);
          const padded = [...start, ...end, ...outputPadding].some((size) => size > 0);
          expect(applied.length).toBe(padded ? 1 : 0);
          expect(after.nodes[0]!.attributes.pads).toBe(padded ? undefined : after.nodes[0]!.attributes.pads);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('keeps the results where the output is asked for by auto_pad or by its size', async () => {
    const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        pair(1, 4),
        pair(1, 3),
        pair(1, 2),
        pair(-3, 2),
        fc.constantFrom('SAME_UPPER', 'SAME_LOWER', 'VALID', 'NOTSET'),
        fc.boolean(),
        async (kernel, strides, dilations, shift, autoPad, stated) => {
          const n = new Network({ opset: 17 });
          const size = [4, 3] as const;
          const x = n.input('x', [1, 2, ...size]);
          const reach = size.map(
            (dim, axis) => (dim - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1,
          );
          const output = reach.map((length, axis) => Math.max(1, length + Math.min(shift[axis]!, strides[axis]! - 1)));
          const attributes = { strides, dilations, auto_pad: autoPad, ...(stated && { output_shape: output }) };
          const graph = n.graph(n.op('ConvTranspose', [x, n.weights([2, 3, ...kernel]), n.weights([3])], attributes));
          const { graph: after, applied } = rewrite(graph, { passes });
          expect(await difference(graph, after)).toBeLessThan(1e-5);
          if (applied.length > 0) kinds.add(`${autoPad} ${stated}`);
        },
      ),
      { numRuns: 120 },
    );
    // Of the eight, VALID and NOTSET without a size have nothing to crop.
    expect(kinds.size).toBe(6);
  });
});
