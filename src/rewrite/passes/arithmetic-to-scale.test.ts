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
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,3,4,4]
      centred [1,3,4,4] = Sub(x, mean (3,1,1))
      scaled [1,3,4,4] = Div(centred, std (1,3,1,1))
      turned [1,3,4,4] = Sub(const1 (), scaled)
      y [1,3,4,4] = Mul(const2 (), turned)
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,3,4,4]
      centred [1,3,4,4] = Add(x, mean:negated (3,1,1))
      scaled [1,3,4,4] = Mul(centred, std:reciprocal (1,3,1,1))
      turned:negated [1,3,4,4] = Mul(scaled, Sub2:minus_one ()) from Sub2
      turned [1,3,4,4] = Add(turned:negated, const1 ())
      y [1,3,4,4] = Mul(turned, const2 ())
      out y"
    `);
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
