import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['fold-scale'];

describe('fold-scale', () => {
  it('disappears into the convolution', async () => {
    const n = new Network();
    const x = n.input('x', [1, 4, 5, 5]);
    const conv = n.op('Conv', [x, n.weights([6, 4, 3, 3], -1, 1, 'W')]);
    const graph = n.graph(n.op('Add', [n.op('Mul', [conv, n.weights([6, 1, 1])]), n.scalar(0.5)], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      Conv1_out [1,6,3,3] = Conv(x, W (6,4,3,3))
      Mul1_out [1,6,3,3] = Mul(Conv1_out, W1 (6,1,1))
      y [1,6,3,3] = Add(Mul1_out, const1 ())
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y [1,6,3,3] = Conv(x, W:folded2 (6,4,3,3), Conv1:bias:folded2 (6)) from Conv1+Mul1+Add1
      out y"
    `);
  });

  it('keeps the results over groups and layouts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          groups: fc.constantFrom(1, 2, 4),
          op: fc.constantFrom('Mul', 'Add'),
          channels: fc.boolean(),
          bias: fc.boolean(),
          transposed: fc.boolean(),
        }),
        async ({ groups, op, channels, bias, transposed }) => {
          const n = new Network();
          const x = n.input('x', [2, 4, 5, 5]);
          const inputs = [
            x,
            n.weights(transposed ? [4, 8 / groups, 2, 3] : [8, 4 / groups, 2, 3]),
            ...(bias ? [n.weights([8])] : []),
          ];
          const conv = n.op(transposed ? 'ConvTranspose' : 'Conv', inputs, { group: groups });
          const { graph } = await rewriteSame(n.graph(n.op(op, [n.weights(channels ? [8, 1, 1] : []), conv])), passes);
          expect(graph.nodes.length).toBe(1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('leaves constants that vary over the map or widen it', () => {
    const n = new Network();
    const conv = () => n.op('Conv', [n.input(`x${n.scalar(0)}`, [1, 4, 5, 5]), n.weights([1, 4, 3, 3])]);
    const graph = n.graph(n.op('Mul', [conv(), n.weights([3, 3])]), n.op('Add', [conv(), n.weights([4, 1, 1])]));
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });
});
