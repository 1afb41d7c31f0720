import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['fold-batch-norm'];

describe('fold-batch-norm', () => {
  it('folds into Conv, ConvTranspose and Gemm', async () => {
    const n = new Network();
    const x = n.input('x', [2, 4, 5, 5]);
    const conv = n.batchNorm(n.op('Conv', [x, n.weights([6, 4, 3, 3])]), 6);
    const up = n.batchNorm(
      n.op('ConvTranspose', [conv, n.weights([6, 2, 2, 2]), n.weights([4])], { group: 2, strides: [2, 2] }),
      4,
    );
    const flat = n.op('Flatten', [up]);
    const gemm = n.op('Gemm', [flat, n.weights([5, 144]), n.weights([5])], { transB: 1, beta: 0.5 });
    const graph = n.graph(n.batchNorm(gemm, 5));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [2,4,5,5]
      Conv1_out [2,6,3,3] = Conv(x, W1 (6,4,3,3))
      BatchNormalization1_out [2,6,3,3] = BatchNormalization(Conv1_out, W2 (6), W3 (6), W4 (6), W5 (6))
      ConvTranspose1_out [2,4,6,6] = ConvTranspose(BatchNormalization1_out, W6 (6,2,2,2), W7 (4)) group=2 strides=[2,2]
      BatchNormalization2_out [2,4,6,6] = BatchNormalization(ConvTranspose1_out, W8 (4), W9 (4), W10 (4), W11 (4))
      Flatten1_out [2,144] = Flatten(BatchNormalization2_out)
      Gemm1_out [2,5] = Gemm(Flatten1_out, W12 (5,144), W13 (5)) transB=1 beta=0.5
      BatchNormalization3_out [2,5] = BatchNormalization(Gemm1_out, W14 (5), W15 (5), W16 (5), W17 (5))
      out BatchNormalization3_out"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [2,4,5,5]
      BatchNormalization1_out [2,6,3,3] = Conv(x, W1:folded (6,4,3,3), Conv1:bias:folded (6)) from Conv1+BatchNormalization1
      BatchNormalization2_out [2,4,6,6] = ConvTranspose(BatchNormalization1_out, W6:folded (6,2,2,2), W7:folded (4)) group=2 strides=[2,2] from ConvTranspose1+BatchNormalization2
      Flatten1_out [2,144] = Flatten(BatchNormalization2_out)
      BatchNormalization3_out [2,5] = Gemm(Flatten1_out, W12:folded (5,144), W13:folded (5)) transB=1 from Gemm1+BatchNormalization3
      out BatchNormalization3_out"
    `);
  });

  it('keeps the results over groups, biases and layouts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          groups: fc.constantFrom(1, 2, 4),
          perGroup: fc.integer({ min: 1, max: 3 }),
          bias: fc.boolean(),
          transposed: fc.boolean(),
          seed: fc.nat(1000),
        }),
        async ({ groups, perGroup, bias, transposed, seed }) => {
          const n = new Network({ seed });
          const x = n.input('x', [2, 4, 5, 5]);
          const outputs = groups * perGroup;
          const shape = transposed ? [4, perGroup, 3, 2] : [outputs, 4 / groups, 3, 2];
          const inputs = [x, n.weights(shape), ...(bias ? [n.weights([outputs])] : [])];
          const conv = n.op(transposed ? 'ConvTranspose' : 'Conv', inputs, { group: groups });
          const { graph } = await rewriteSame(n.graph(n.batchNorm(conv, outputs)), passes);
          expect(graph.nodes.length).toBe(1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('folds into Gemm in each of its forms', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          transB: fc.constantFrom(0, 1),
          alpha: fc.constantFrom(1, 0.5),
          beta: fc.constantFrom(1, -2),
          bias: fc.constantFrom('none', 'scalar', 'vector', 'row'),
        }),
        async ({ transB, alpha, beta, bias }) => {
          const n = new Network();
          const x = n.input('x', [3, 4]);
          const shape = { scalar: [1], vector: [5], row: [1, 5], none: [] }[bias];
          const inputs = [x, n.weights(transB ? [5, 4] : [4, 5]), ...(bias === 'none' ? [] : [n.weights(shape)])];
          const { graph } = await rewriteSame(
            n.graph(n.batchNorm(n.op('Gemm', inputs, { transB, alpha, beta }), 5)),
            passes,
          );
          expect(graph.nodes.length).toBe(1);
        },
      ),
      { numRuns: 32 },
    );
  });

  it('leaves a convolution whose result others read, and training mode', () => {
    const n = new Network();
    const x = n.input('x', [2, 4, 5, 5]);
    const conv = n.op('Conv', [x, n.weights([6, 4, 3, 3])]);
    const graph = n.graph(n.batchNorm(conv, 6), n.op('Relu', [conv]));
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });
});
