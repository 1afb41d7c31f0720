import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('remove-dead', () => {
  it('takes out a chain that nobody reads, and the constants with it', async () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 4, 4]);
    n.op('Mul', [n.op('Relu', [x]), n.weights([2, 1, 1])]);
    const graph = n.graph(n.op('Sigmoid', [x], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, ['remove-dead'], 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      Relu1_out [1,2,4,4] = Relu(x)
      Mul1_out [1,2,4,4] = Mul(Relu1_out, W1 (2,1,1))
      y [1,2,4,4] = Sigmoid(x)
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      y [1,2,4,4] = Sigmoid(x)
      out y"
    `);
    expect(after.constants.size).toBe(0);
    expect([...after.values.keys()]).toEqual(['x', 'y']);
  });
});
