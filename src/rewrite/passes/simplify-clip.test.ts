import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { difference, rewriteSame } from '../testing/same-results.ts';

const passes = ['simplify-clip'];

describe('simplify-clip', () => {
  it('makes one node of a chain', async () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 4, 4]);
    const capped = n.op('Min', [n.op('Relu', [x]), n.scalar(2.5)]);
    const graph = n.graph(
      n.op('Clip', [capped, n.scalar(-1), n.scalar(6)], {}, 'y'),
      n.op('Max', [n.scalar(0), x], {}, 'z'),
    );
    const { graph: after } = await rewriteSame(graph, passes, 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      Relu1_out [1,2,4,4] = Relu(x)
      Min1_out [1,2,4,4] = Min(Relu1_out, const1 ())
      y [1,2,4,4] = Clip(Min1_out, const2 (), const3 ())
      z [1,2,4,4] = Max(const4 (), x)
      out y, z"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      y [1,2,4,4] = Clip(x, Clip1:min (), Clip1:max ()) from Relu1+Min1+Clip1
      z [1,2,4,4] = Relu(x)
      out y, z"
    `);
  });

  it('uses attributes before opset 11', async () => {
    const n = new Network({ opset: 9 });
    const x = n.input('x', [1, 2, 4, 4]);
    const graph = n.graph(n.op('Clip', [n.op('Relu', [x])], { min: -1, max: 1.5 }, 'y'));
    const { graph: after } = await rewriteSame(graph, passes, 0);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,4,4]
      y [1,2,4,4] = Clip(x) min=0 max=1.5 from Relu1+Clip1
      out y"
    `);
  });

  it('keeps the results of any chain', async () => {
    const bound = fc.integer({ min: -12, max: 12 }).map((value) => value / 4);
    const step = fc.oneof(
      fc.record({ op: fc.constant('Relu'), a: bound, b: bound }),
      fc.record({ op: fc.constantFrom('Clip', 'Min', 'Max', 'min only', 'max only'), a: bound, b: bound }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const n = new Network();
        let data = n.input('x', [1, 2, 4, 4]);
        for (const { op, a, b } of steps) {
          const [low, high] = [n.scalar(Math.min(a, b)), n.scalar(Math.max(a, b))];
          if (op === 'Relu') data = n.op('Relu', [data]);
          else if (op === 'Clip') data = n.op('Clip', [data, low, high]);
          else if (op === 'min only') data = n.op('Clip', [data, low]);
          else if (op === 'max only') data = n.op('Clip', [data, '', high]);
          else data = n.op(op, [low, data]);
        }
        const graph = n.graph(data);
        const { graph: after } = rewrite(graph, { passes });
        expect(await difference(graph, after)).toBe(0);
        expect(after.nodes.length).toBe(1);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves a Relu that others read', () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 4, 4]);
    const relu = n.op('Relu', [x]);
    const graph = n.graph(n.op('Clip', [relu, n.scalar(0), n.scalar(6)]), n.op('Tanh', [relu]));
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });
});
