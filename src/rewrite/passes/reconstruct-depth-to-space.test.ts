import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['reconstruct-depth-to-space'];

describe('reconstruct-depth-to-space', () => {
  it('becomes copying kernels', async () => {
    const n = new Network();
    const deep = n.op('SpaceToDepth', [n.input('x', [1, 2, 6, 4])], { blocksize: 2 }, 'deep');
    const graph = n.graph(n.op('DepthToSpace', [deep], { blocksize: 2 }, 'y'));
    const { graph: after } = await rewriteSame(graph, passes, 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,6,4]
      deep [1,8,3,2] = SpaceToDepth(x) blocksize=2
      y [1,2,6,4] = DepthToSpace(deep) blocksize=2
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,6,4]
      deep [1,8,3,2] = Conv(x, SpaceToDepth1:weights (8,2,2,2)) kernel_shape=[2,2] strides=[2,2]
      y [1,2,6,4] = ConvTranspose(deep, DepthToSpace1:weights (8,2,2,2)) kernel_shape=[2,2] strides=[2,2]
      out y"
    `);
  });

  it('copies exactly, whatever the block and the mode', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('DCR', 'CRD', 'space'),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        async (mode, block, outputs) => {
          const n = new Network();
          const x = n.input('x', [2, mode === 'space' ? outputs : outputs * block * block, 6, 6]);
          const attributes = { blocksize: block, ...(mode !== 'space' && { mode }) };
          await rewriteSame(
            n.graph(n.op(mode === 'space' ? 'SpaceToDepth' : 'DepthToSpace', [x], attributes)),
            passes,
            0,
          );
        },
      ),
      { numRuns: 30 },
    );
  });
});
