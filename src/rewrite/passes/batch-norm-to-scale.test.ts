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
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [2,4,5,5], flat [2,3]
      BatchNormalization1_out [2,4,5,5] = BatchNormalization(x, W1 (4), W2 (4), W3 (4), W4 (4))
      y [2,4,5,5] = Relu(BatchNormalization1_out)
      BatchNormalization2_out [2,3] = BatchNormalization(flat, W5 (3), W6 (3), W7 (3), W8 (3))
      out y, BatchNormalization2_out"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [2,4,5,5], flat [2,3]
      BatchNormalization1_out:scaled [2,4,5,5] = Mul(x, BatchNormalization1:scale (1,4,1,1)) from BatchNormalization1
      BatchNormalization1_out [2,4,5,5] = Add(BatchNormalization1_out:scaled, BatchNormalization1:shift (1,4,1,1))
      y [2,4,5,5] = Relu(BatchNormalization1_out)
      BatchNormalization2_out:scaled [2,3] = Mul(flat, BatchNormalization2:scale (1,3)) from BatchNormalization2
      BatchNormalization2_out [2,3] = Add(BatchNormalization2_out:scaled, BatchNormalization2:shift (1,3))
      out y, BatchNormalization2_out"
    `);
  });
});
