import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('reconstruct-neg', () => {
  it('becomes Mul', async () => {
    const n = new Network();
    const graph = n.graph(n.op('Neg', [n.input('x', [1, 4, 5, 5])], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, ['reconstruct-neg'], 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y [1,4,5,5] = Neg(x)
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y [1,4,5,5] = Mul(x, Neg1:minus_one ())
      out y"
    `);
  });
});
