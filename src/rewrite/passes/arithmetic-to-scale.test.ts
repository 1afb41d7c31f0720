import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['arithmetic-to-scale'];

describe('arithmetic-to-scale', () => {
  it('leaves only Mul and Add with the constant second', async () => {
    const n = new Network();
    const x = n.input('x', [1, 3, 4, 4]);
    const mean = n.op('Sub', [x, n.weights([3, 1, 1], -1, 1, 'mean')], {}, 'centred');
    const scaled = n.op('Div', [mean, n.weights([1, 3, 1, 1], 0.5, 2, 'std')], {}, 'scaled');
    const turned = n.op('Sub', [n.scalar(4), scaled], {}, 'turned');
    const graph = n.graph(n.op('Mul', [n.scalar(3), turned], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot();
    expect(printGraph(after)).toMatchInlineSnapshot();
  });

  it('leaves division by zero, by data and by what has no reciprocal', () => {
    const n = new Network();
    const x = n.input('x', [1, 3, 4, 4]);
    const graph = n.graph(
      n.op('Div', [x, n.scalar(0)]),
      n.op('Div', [n.scalar(1), x]),
      n.op('Div', [x, n.scalar(1e38)]),
      n.op('Sub', [x, x]),
    );
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });
});
