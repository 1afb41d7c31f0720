import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowsOver } from '../../support/rules/pooling.ts';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { difference, rewriteSame } from '../testing/same-results.ts';

const passes = ['global-pool-to-pool'];

describe('global-pool-to-pool', () => {
  it('becomes one pooling, a chain, or a depthwise convolution', async () => {
    const n = new Network();
    const small = n.op('GlobalAveragePool', [n.input('small', ['N', 3, 7, 7])], {}, 'one');
    const even = n.op('GlobalMaxPool', [n.input('even', [2, 3, 16, 20])], {}, 'chain');
    const odd = n.op('ReduceMean', [n.input('odd', [2, 3, 13, 26])], { axes: [-1, 2], keepdims: 0 }, 'depthwise');
    const graph = n.graph(small, even, odd);
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in small [N,3,7,7], even [2,3,16,20], odd [2,3,13,26]
      one [N,3,1,1] = GlobalAveragePool(small)
      chain [2,3,1,1] = GlobalMaxPool(even)
      depthwise [2,3] = ReduceMean(odd) axes=[-1,2] keepdims=0
      out one, chain, depthwise"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in small [N,3,7,7], even [2,3,16,20], odd [2,3,13,26]
      one [N,3,1,1] = AveragePool(small) kernel_shape=[7,7] strides=[1,1]
      chain:pool1 [2,3,4,4] = MaxPool(even) kernel_shape=[4,5] strides=[4,5] from GlobalMaxPool1
      chain [2,3,1,1] = MaxPool(chain:pool1) kernel_shape=[4,4] strides=[1,1]
      depthwise:4d [2,3,1,1] = Conv(odd, ReduceMean1:weights (3,1,13,26)) group=3 kernel_shape=[13,26]
      depthwise [2,3] = Flatten(depthwise:4d) axis=1 from ReduceMean1
      out one, chain, depthwise"
    `);
  });

  it('finds windows of a map of any size at once', () => {
    expect(windowsOver(2 ** 30, 1)).toEqual(Array(10).fill([8, 1]));
    expect(windowsOver(2 ** 29 * 7, 2 ** 31 - 1)).toBeUndefined();
    expect(windowsOver(2 ** 13 * 3 ** 5 * 7 ** 3, 1)).toHaveLength(11);
  });

  it('keeps the results of every size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GlobalAveragePool', 'GlobalMaxPool', 'ReduceMean', 'ReduceMax'),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        async (op, h, w) => {
          const n = new Network();
          const attributes = op.startsWith('Reduce') ? { axes: [2, 3] } : {};
          const graph = n.graph(n.op(op, [n.input('x', [2, 3, h, w])], attributes));
          const { graph: after } = rewrite(graph, { passes });
          expect(await difference(graph, after)).toBeLessThan(1e-5);
          for (const node of after.nodes) {
            const window = node.attributes.kernel_shape;
            if (window?.kind !== 'ints') continue;
            for (const size of window.value) expect(size).toBeLessThanOrEqual(node.op === 'Conv' ? 32 : 8);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('finds windows whose product is the map', () => {
    for (let size = 1; size <= 200; size++) {
      const found = windowsOver(size, 8);
      if (found) expect(found.reduce((product, [height]) => product * height, 1)).toBe(size);
    }
    expect(windowsOver(16, 16)).toEqual([[4, 4]].concat([[4, 4]]));
    expect(windowsOver(49, 5)).toEqual([
      [7, 5],
      [7, 1],
    ]);
    expect(windowsOver(11, 8)).toBeUndefined();
  });

  it('leaves other axes', () => {
    const n = new Network();
    const graph = n.graph(n.op('ReduceMean', [n.input('x', [2, 3, 4, 4])], { axes: [1] }));
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });
});
