import { describe, expect, it } from 'vitest';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('reconstruct-hard-sigmoid', () => {
  it('becomes Mul, Add, Clip', async () => {
    const n = new Network();
    const x = n.input('x', [1, 4, 5, 5]);
    const graph = n.graph(n.op('HardSigmoid', [x], { alpha: 0.25 }, 'y'));
    const { graph: after } = await rewriteSame(graph, ['reconstruct-hard-sigmoid']);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y [1,4,5,5] = HardSigmoid(x) alpha=0.25
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,4,5,5]
      y:scaled [1,4,5,5] = Mul(x, HardSigmoid1:alpha ()) from HardSigmoid1
      y:shifted [1,4,5,5] = Add(y:scaled, HardSigmoid1:beta ()) from HardSigmoid1
      y [1,4,5,5] = Clip(y:shifted, HardSigmoid1:min (), HardSigmoid1:max ())
      out y"
    `);
  });

  it('leaves a Clip when a convolution comes before', async () => {
    const n = new Network();
    const conv = n.op('Conv', [n.input('x', [1, 4, 5, 5]), n.weights([2, 4, 1, 1])]);
    const { graph } = await rewriteSame(n.graph(n.op('HardSigmoid', [conv])), [
      'reconstruct-hard-sigmoid',
      'fold-scale',
    ]);
    expect(graph.nodes.map((node) => node.op)).toEqual(['Conv', 'Clip']);
  });
});
