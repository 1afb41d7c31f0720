import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { difference, rewriteSame } from '../testing/same-results.ts';

const passes = ['merge-scales'];

describe('merge-scales', () => {
  it('leaves one Mul and one Add', async () => {
    const n = new Network();
    let data = n.input('x', [1, 3, 4, 4]);
    data = n.op('Add', [data, n.weights([3, 1, 1])]);
    data = n.op('Mul', [data, n.scalar(2)]);
    data = n.op('Mul', [data, n.weights([1, 3, 1, 1])]);
    const graph = n.graph(n.op('Add', [data, n.scalar(1)], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,3,4,4]
      Add1_out [1,3,4,4] = Add(x, W1 (3,1,1))
      Mul1_out [1,3,4,4] = Mul(Add1_out, const1 ())
      Mul2_out [1,3,4,4] = Mul(Mul1_out, W2 (1,3,1,1))
      y [1,3,4,4] = Add(Mul2_out, const2 ())
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,3,4,4]
      Mul2_out:scaled [1,3,4,4] = Mul(x, Mul2:merged2 (1,3,1,1)) from Add1+Mul1+Mul2
      y [1,3,4,4] = Add(Mul2_out:scaled, Add2:merged (1,3,1,1)) from Add1+Mul1+Mul2+Add2
      out y"
    `);
  });

  it('keeps the results of any chain, in at most two nodes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ op: fc.constantFrom('Mul', 'Add'), channels: fc.boolean(), first: fc.boolean() }), {
          minLength: 2,
          maxLength: 6,
        }),
        fc.nat(1000),
        async (steps, seed) => {
          const n = new Network({ seed });
          let data = n.input('x', [2, 3, 4]);
          for (const { op, channels, first } of steps) {
            const constant = n.weights(channels ? [3, 1] : [], 0.5, 2);
            data = n.op(op, first ? [constant, data] : [data, constant]);
          }
          const graph = n.graph(data);
          const { graph: after } = rewrite(graph, { passes });
          expect(await difference(graph, after)).toBeLessThan(1e-5);
          expect(after.nodes.length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('leaves constants that are not per channel', () => {
    const n = new Network();
    const x = n.input('x', [1, 3, 4, 4]);
    const graph = n.graph(n.op('Mul', [n.op('Mul', [x, n.weights([4])]), n.weights([4, 1])]));
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });
});
