import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { difference, rewriteSame } from '../testing/same-results.ts';

const passes = ['merge-reshapes', 'remove-dead'];

describe('merge-reshapes', () => {
  it('cancels and merges', async () => {
    const n = new Network();
    const x = n.input('x', ['N', 6, 2, 2]);
    const flat = n.op('Flatten', [n.op('Relu', [x])]);
    const back = n.op('Reshape', [flat, n.ints([0, 6, 2, 2])]);
    const graph = n.graph(
      n.op('Tanh', [back], {}, 'y'),
      n.op('Reshape', [n.op('Reshape', [x, n.ints([0, 3, 8])]), n.ints([0, 12, 2])], {}, 'z'),
    );
    const { graph: after } = await rewriteSame(graph, passes, 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [N,6,2,2]
      Relu1_out [N,6,2,2] = Relu(x)
      Flatten1_out [N,24] = Flatten(Relu1_out)
      Reshape1_out [N,6,2,2] = Reshape(Flatten1_out, const1 (4))
      y [N,6,2,2] = Tanh(Reshape1_out)
      Reshape2_out [N,3,8] = Reshape(x, const2 (3))
      z [N,12,2] = Reshape(Reshape2_out, const3 (3))
      out y, z"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [N,6,2,2]
      Relu1_out [N,6,2,2] = Relu(x)
      y [N,6,2,2] = Tanh(Relu1_out)
      z [N,12,2] = Reshape(x, Reshape3:shape (3)) from Reshape2+Reshape3
      out y, z"
    `);
  });

  it('keeps the results of any chain', async () => {
    const shapes = [
      [2, 24],
      [2, 4, 6],
      [2, 4, 3, 2],
      [2, 1, 24],
      [6, 8],
      [2, 2, 2, 6],
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...shapes), { minLength: 2, maxLength: 5 }), async (chain) => {
        const n = new Network();
        let data = n.op('Relu', [n.input('x', [2, 4, 6])]);
        for (const shape of chain) data = n.op('Reshape', [data, n.ints(shape)]);
        const graph = n.graph(n.op('Abs', [data]));
        const { graph: after } = rewrite(graph, { passes });
        expect(await difference(graph, after)).toBe(0);
        expect(after.nodes.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 40 },
    );
  });
});
