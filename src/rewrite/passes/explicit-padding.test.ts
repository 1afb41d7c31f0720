import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['explicit-padding'];

describe('explicit-padding', () => {
  it('writes SAME_UPPER as numbers', async () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 7, 8]);
    const graph = n.graph(n.op('Conv', [x, n.weights([3, 2, 3, 4])], { auto_pad: 'SAME_UPPER', strides: [2, 1] }, 'y'));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,7,8]
      y [1,3,4,8] = Conv(x, W1 (3,2,3,4)) auto_pad="SAME_UPPER" strides=[2,1]
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,7,8]
      y [1,3,4,8] = Conv(x, W1 (3,2,3,4)) strides=[2,1] pads=[1,1,1,2]
      out y"
    `);
  });

  it('keeps the results of every mode, operator, size and stride', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('SAME_UPPER', 'SAME_LOWER', 'VALID'),
        fc.constantFrom('Conv', 'MaxPool', 'AveragePool'),
        fc.record({ h: fc.integer({ min: 5, max: 9 }), w: fc.integer({ min: 5, max: 9 }) }),
        fc.record({ h: fc.integer({ min: 1, max: 4 }), w: fc.integer({ min: 1, max: 4 }) }),
        fc.record({ h: fc.integer({ min: 1, max: 3 }), w: fc.integer({ min: 1, max: 3 }) }),
        async (mode, op, size, kernel, stride) => {
          fc.pre(stride.h <= kernel.h && stride.w <= kernel.w); // onnxruntime computes negative padding otherwise
          const n = new Network();
          const x = n.input('x', [1, 2, size.h, size.w]);
          const window = { auto_pad: mode, kernel_shape: [kernel.h, kernel.w], strides: [stride.h, stride.w] };
          const inputs = op === 'Conv' ? [x, n.weights([2, 2, kernel.h, kernel.w])] : [x];
          await rewriteSame(n.graph(n.op(op, inputs, window)), passes);
        },
      ),
      { numRuns: 60 },
    );
  });
});
