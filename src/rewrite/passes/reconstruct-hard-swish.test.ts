import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('reconstruct-hard-swish', () => {
  it('becomes Add, Clip, Mul, Mul', async () => {
    const n = new Network();
    const graph = n.graph(n.op('HardSwish', [n.input('x', [1, 4, 5, 5])], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, ['reconstruct-hard-swish']);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y [1,4,5,5] = HardSwish(x)
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y:shifted [1,4,5,5] = Add(x, HardSwish1:three ()) from HardSwish1
      y:gate [1,4,5,5] = Clip(y:shifted, HardSwish1:clip:min (), HardSwish1:clip:max ()) from HardSwish1
      y:product [1,4,5,5] = Mul(x, y:gate) from HardSwish1
      y [1,4,5,5] = Mul(y:product, HardSwish1:sixth ())
      out y"
    `);
  });
});
