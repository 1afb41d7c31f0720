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
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [N,4,1,1]
      Sigmoid1_out [N,4,1,1] = Sigmoid(x)
      Flatten1_out [N,4] = Flatten(Sigmoid1_out)
      Add1_out [N,4] = Add(Flatten1_out, W1 (4))
      Mul1_out [N,4] = Mul(Add1_out, const1 ())
      y [N,4] = Relu(Mul1_out)
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [N,4,1,1]
      Sigmoid1_out [N,4,1,1] = Sigmoid(x)
      Add1_out [N,4,1,1] = Add(Sigmoid1_out, Add1:constant (1,4,1,1))
      Mul1_out [N,4,1,1] = Mul(Add1_out, const1 ())
      y:4d [N,4,1,1] = Relu(Mul1_out)
      y [N,4] = Flatten(y:4d)
      out y"
    `);
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
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [N,4,3,3]
      Relu1_out [N,4,3,3] = Relu(x)
      Flatten1_out [N,36] = Flatten(Relu1_out)
      Gemm1_out [N,8] = Gemm(Flatten1_out, W1 (36,8), W2 (8))
      hidden [N,8] = Relu(Gemm1_out)
      MatMul1_out [N,5] = MatMul(hidden, W3 (8,5))
      logits [N,5] = Add(MatMul1_out, W4 (5))
      y [N,5] = Softmax(logits) axis=1
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [N,4,3,3]
      Relu1_out [N,4,3,3] = Relu(x)
      Gemm1_out [N,8,1,1] = Conv(Relu1_out, W1:kernel (8,4,3,3), W2:vector (8)) kernel_shape=[3,3]
      hidden [N,8,1,1] = Relu(Gemm1_out)
      logits:4d [N,5,1,1] = Conv(hidden, W3:kernel:folded (5,8,1,1), MatMul1:bias:folded (5)) kernel_shape=[1,1] from MatMul1+Add1
      logits [N,5] = Flatten(logits:4d) axis=1 from MatMul1
      y [N,5] = Softmax(logits) axis=1
      out y"
    `);
  });

  it('stays before a constant for each element of a map', () => {
    const n = new Network();
    const flat = n.op('Flatten', [n.input('x', [2, 4, 3, 3])]);
    const graph = n.graph(n.op('Add', [flat, n.weights([36])]));
    expect(rewrite(graph, { passes: ['sink-flatten'] }).graph).toBe(graph);
  });
});
