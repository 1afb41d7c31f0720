import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('sum-to-add', () => {
  it('adds two at a time', async () => {
    const n = new Network();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => n.input(name, [1, 2, 3, 3])) as [string, string, string];
    const graph = n.graph(n.op('Sum', [a, b, c], {}, 'y'), n.op('Sum', [a, c], {}, 'z'));
    const { graph: after } = await rewriteSame(graph, ['sum-to-add'], 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in a [1,2,3,3], b [1,2,3,3], c [1,2,3,3]
      y [1,2,3,3] = Sum(a, b, c)
      z [1,2,3,3] = Sum(a, c)
      out y, z"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in a [1,2,3,3], b [1,2,3,3], c [1,2,3,3]
      y:sum1 [1,2,3,3] = Add(a, b) from Sum1
      y [1,2,3,3] = Add(y:sum1, c)
      z [1,2,3,3] = Add(a, c)
      out y, z"
    `);
  });

  it('leaves operands that are broadcast', () => {
    const n = new Network();
    const graph = n.graph(n.op('Sum', [n.input('a', [1, 2, 3, 3]), n.input('b', [1, 2, 1, 1])]));
    expect(rewrite(graph, { passes: ['sum-to-add'] }).graph).toBe(graph);
  });
});
