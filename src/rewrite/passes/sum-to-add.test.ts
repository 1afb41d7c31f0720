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
    expect(printGraph(graph)).toMatchInlineSnapshot();
    expect(printGraph(after)).toMatchInlineSnapshot();
  });

  it('leaves operands that are broadcast', () => {
    const n = new Network();
    const graph = n.graph(n.op('Sum', [n.input('a', [1, 2, 3, 3]), n.input('b', [1, 2, 1, 1])]));
    expect(rewrite(graph, { passes: ['sum-to-add'] }).graph).toBe(graph);
  });
});
