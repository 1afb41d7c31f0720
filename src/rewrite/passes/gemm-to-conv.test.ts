import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['gemm-to-conv', 'remove-dead'];

describe('gemm-to-conv', () => {
  it('covers the map that was flattened, and restores two dimensions at the end', async () => {
    const n = new Network();
    const x = n.input('image', ['N', 4, 3, 5]);
    const hidden = n.op('MatMul', [n.op('Flatten', [x]), n.weights([60, 8], -1, 1, 'first')], {}, 'hidden');
    const graph = n.graph(
      n.op('Gemm', [hidden, n.weights([6, 8], -1, 1, 'second'), n.weights([6])], { transB: 1 }, 'logits'),
    );
    const { graph: after } = await rewriteSame(graph, [...passes, 'merge-reshapes']);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in image [N,4,3,5]
      Flatten1_out [N,60] = Flatten(image)
      hidden [N,8] = MatMul(Flatten1_out, first (60,8))
      logits [N,6] = Gemm(hidden, second (6,8), W1 (6)) transB=1
      out logits"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in image [N,4,3,5]
      hidden [N,8,1,1] = Conv(image, first:kernel (8,4,3,5)) kernel_shape=[3,5]
      logits:4d [N,6,1,1] = Conv(hidden, second:kernel (6,8,1,1), W1:vector (6)) kernel_shape=[1,1]
      logits [N,6] = Flatten(logits:4d) axis=1 from Gemm1
      out logits"
    `);
  });

  it('keeps the results of every form of Gemm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          transA: fc.constantFrom(0, 1),
          transB: fc.constantFrom(0, 1),
          alpha: fc.constantFrom(1, 0.25),
          beta: fc.constantFrom(1, -2),
          bias: fc.constantFrom('none', 'scalar', 'vector', 'row'),
        }),
        async ({ transA, transB, alpha, beta, bias }) => {
          const n = new Network();
          const x = n.input('x', transA ? [7, 3] : [3, 7]);
          const shape = { scalar: [], vector: [5], row: [1, 5], none: [] }[bias];
          const inputs = [x, n.weights(transB ? [5, 7] : [7, 5]), ...(bias === 'none' ? [] : [n.weights(shape)])];
          const { graph } = await rewriteSame(
            n.graph(n.op('Gemm', inputs, { transA, transB, alpha, beta }, 'y')),
            passes,
          );
          expect(graph.nodes.map((node) => node.op)).toContain('Conv');
        },
      ),
      { numRuns: 40 },
    );
  });

  it('absorbs Reshape and Squeeze', async () => {
    for (const flatten of ['Reshape', 'Squeeze'] as const) {
      const n = new Network();
      const x = n.input('x', [2, 6, 1, 1]);
      const flat = flatten === 'Reshape' ? n.op('Reshape', [x, n.ints([-1, 6])]) : n.op('Squeeze', [x, n.ints([2, 3])]);
      const { graph } = await rewriteSame(n.graph(n.op('MatMul', [flat, n.weights([6, 4])])), passes);
      expect(graph.nodes.map((node) => node.op)).toEqual(['Conv', 'Flatten']);
    }
  });

  it('leaves a bias for each row, two dynamic operands, and more than two dimensions', () => {
    const n = new Network();
    const x = n.input('x', [3, 7]);
    const graph = n.graph(
      n.op('Gemm', [x, n.weights([7, 5]), n.weights([3, 1])]),
      n.op('MatMul', [x, n.op('Transpose', [x], { perm: [1, 0] })]),
      n.op('MatMul', [n.input('tokens', [2, 3, 7]), n.weights([7, 5])]),
    );
    expect(rewrite(graph, { passes }).applied).toEqual([]);
  });
});
