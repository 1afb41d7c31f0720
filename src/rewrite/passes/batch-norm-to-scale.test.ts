import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('batch-norm-to-scale', () => {
  it('becomes Mul and Add', async () => {
    const n = new Network();
    const x = n.input('x', [2, 4, 5, 5]);
    const graph = n.graph(n.op('Relu', [n.batchNorm(x, 4)], {}, 'y'), n.batchNorm(n.input('flat', [2, 3]), 3));
    const { graph: after } = await rewriteSame(graph, ['batch-norm-to-scale']);
    expect(printGraph(graph)).toMatchInlineSnapshot();
    expect(printGraph(after)).toMatchInlineSnapshot();
  });
});
