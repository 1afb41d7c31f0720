import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('sink-flatten', () => {
  it('moves behind activations and constants to the end', async () => {
    const n = new Network();
    const x = n.input('x', ['N', 4, 1, 1]);
    const flat = n.op('Flatten', [n.op('Sigmoid', [x])]);
    const biased = n.op('Add', [flat, n.weights([4])]);
    const graph = n.graph(n.op('Relu', [n.op('Mul', [biased, n.scalar(2)])], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, ['sink-flatten']);
    expect(printGraph(graph)).toMatchInlineSnapshot();
    expect(printGraph(after)).toMatchInlineSnapshot();
  });

  it('meets the next fully connected layer: a whole head becomes convolutions', async () => {
    const n = new Network();
    const x = n.input('x', ['N', 4, 3, 3]);
    let data = n.op('Flatten', [n.op('Relu', [x])]);
    data = n.op('Relu', [n.op('Gemm', [data, n.weights([36, 8]), n.weights([8])])], {}, 'hidden');
    data = n.op('Add', [n.op('MatMul', [data, n.weights([8, 5])]), n.weights([5])], {}, 'logits');
    const graph = n.graph(n.op('Softmax', [data], { axis: 1 }, 'y'));
    const { graph: after } = await rewriteSame(graph, [
      'sink-flatten',
      'gemm-to-conv',
      'merge-reshapes',
      'fold-scale',
      'remove-dead',
    ]);
    expect(printGraph(graph)).toMatchInlineSnapshot();
    expect(printGraph(after)).toMatchInlineSnapshot();
  });

  it('stays before a constant for each element of a map', () => {
    const n = new Network();
    const flat = n.op('Flatten', [n.input('x', [2, 4, 3, 3])]);
    const graph = n.graph(n.op('Add', [flat, n.weights([36])]));
    expect(rewrite(graph, { passes: ['sink-flatten'] }).graph).toBe(graph);
  });
});
