import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { difference, rewriteSame } from '../testing/same-results.ts';

const passes = ['fold-pad'];

describe('fold-pad', () => {
  it('joins convolution, average and, after a Relu, maximum', async () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 6, 6]);
    const pad = (data: string, pads: readonly number[]) =>
      n.op('Pad', [data, n.ints([0, 0, ...pads.slice(0, 2), 0, 0, ...pads.slice(2)])]);
    const conv = n.op('Conv', [pad(x, [0, 0, 1, 1]), n.weights([2, 2, 3, 3])], { strides: [2, 2], pads: [1, 1, 0, 0] });
    const pooled = n.op('MaxPool', [pad(n.op('Relu', [conv]), [0, 1, 1, 0])], { kernel_shape: [2, 2] });
    const graph = n.graph(n.op('AveragePool', [pad(pooled, [1, 1, 1, 1])], { kernel_shape: [3, 3] }, 'y'));
    const { graph: after } = await rewriteSame(graph, passes);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,6,6]
      Pad1_out [1,2,7,7] = Pad(x, const1 (8))
      Conv1_out [1,2,3,3] = Conv(Pad1_out, W1 (2,2,3,3)) strides=[2,2] pads=[1,1,0,0]
      Relu1_out [1,2,3,3] = Relu(Conv1_out)
      Pad2_out [1,2,4,4] = Pad(Relu1_out, const2 (8))
      MaxPool1_out [1,2,3,3] = MaxPool(Pad2_out) kernel_shape=[2,2]
      Pad3_out [1,2,5,5] = Pad(MaxPool1_out, const3 (8))
      y [1,2,3,3] = AveragePool(Pad3_out) kernel_shape=[3,3]
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,6,6]
      Conv1_out [1,2,3,3] = Conv(x, W1 (2,2,3,3)) strides=[2,2] pads=[1,1,1,1] from Pad1+Conv1
      Relu1_out [1,2,3,3] = Relu(Conv1_out)
      MaxPool1_out [1,2,3,3] = MaxPool(Relu1_out) kernel_shape=[2,2] pads=[0,1,1,0] from Pad2+MaxPool1
      y [1,2,3,3] = AveragePool(MaxPool1_out) kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1 from Pad3+AveragePool1
      out y"
    `);
  });

  it('keeps the results wherever it folds', async () => {
    const side = fc.integer({ min: 0, max: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('Conv', 'MaxPool', 'AveragePool'),
        fc.tuple(side, side, side, side),
        fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 1)),
        fc.constantFrom(0, 1, Number.NEGATIVE_INFINITY),
        fc.boolean(),
        fc.constantFrom(0, 1),
        async (op, added, own, value, relu, counts) => {
          const n = new Network();
          const x = n.input('x', [1, 2, 6, 6]);
          const data = n.op('Pad', [
            relu ? n.op('Relu', [x]) : x,
            n.ints([0, 0, added[0], added[1], 0, 0, added[2], added[3]]),
            n.scalar(value),
          ]);
          const window = {
            kernel_shape: [3, 3],
            pads: [own[0], own[1], own[0], own[1]],
            ...(op === 'AveragePool' && { count_include_pad: counts }),
          };
          const graph = n.graph(n.op(op, op === 'Conv' ? [data, n.weights([2, 2, 3, 3])] : [data], window));
          const { graph: after, applied } = rewrite(graph, { passes });
          if (applied.length > 0) expect(await difference(graph, after)).toBeLessThan(1e-5);
          const fits = added.every((size, index) => size + own[index % 2]! < 3);
          if (fits && op === 'Conv' && value === 0) expect(applied.length).toBe(1);
          if (op === 'Conv' && value === 1) expect(applied).toEqual([]);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('reads the attributes of opset 9', async () => {
    const n = new Network({ opset: 9 });
    const x = n.input('x', [1, 2, 6, 6]);
    const data = n.op('Pad', [x], { pads: [0, 0, 1, 1, 0, 0, 1, 1] });
    await rewriteSame(n.graph(n.op('Conv', [data, n.weights([2, 2, 3, 3])])), passes);
  });
});
