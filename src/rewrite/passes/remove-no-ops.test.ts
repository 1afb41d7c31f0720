import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

const passes = ['remove-no-ops'];

describe('remove-no-ops', () => {
  it('takes out everything that hands its input on', async () => {
    const n = new Network();
    const x = n.input('x', [2, 4, 6, 6]);
    const a = n.op('Relu', [x], {}, 'a');
    const identity = n.op('Identity', [a]);
    const dropped = n.op('Dropout', [identity]);
    const scaled = n.op('Mul', [dropped, n.scalar(1)]);
    const shifted = n.op('Add', [
      scaled,
      n.constant({ dtype: 'float32', shape: [4, 1, 1], bytes: new Uint8Array(16) }),
    ]);
    const reshaped = n.op('Reshape', [shifted, n.ints([2, 4, 6, 6])]);
    const turned = n.op('Transpose', [reshaped], { perm: [0, 1, 2, 3] });
    const padded = n.op('Pad', [turned, n.ints([0, 0, 0, 0, 0, 0, 0, 0])]);
    const pooled = n.op('MaxPool', [padded], { kernel_shape: [1, 1] });
    const joined = n.op('Concat', [pooled], { axis: 1 });
    const graph = n.graph(n.op('Sigmoid', [joined], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, passes, 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [2,4,6,6]
      a [2,4,6,6] = Relu(x)
      Identity1_out [2,4,6,6] = Identity(a)
      Dropout1_out [2,4,6,6] = Dropout(Identity1_out)
      Mul1_out [2,4,6,6] = Mul(Dropout1_out, const1 ())
      Add1_out [2,4,6,6] = Add(Mul1_out, const2 (4,1,1))
      Reshape1_out [2,4,6,6] = Reshape(Add1_out, const3 (4))
      Transpose1_out [2,4,6,6] = Transpose(Reshape1_out) perm=[0,1,2,3]
      Pad1_out [2,4,6,6] = Pad(Transpose1_out, const4 (8))
      MaxPool1_out [2,4,6,6] = MaxPool(Pad1_out) kernel_shape=[1,1]
      Concat1_out [2,4,6,6] = Concat(MaxPool1_out) axis=1
      y [2,4,6,6] = Sigmoid(Concat1_out)
      out y"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [2,4,6,6]
      a [2,4,6,6] = Relu(x)
      y [2,4,6,6] = Sigmoid(a)
      out y"
    `);
  });

  it('keeps the name of a network output', async () => {
    const n = new Network();
    const x = n.input('x', [1, 3]);
    const graph = n.graph(n.op('Identity', [n.op('Relu', [x], {}, 'hidden')], {}, 'y'));
    const { graph: after } = await rewriteSame(graph, passes, 0);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,3]
      y [1,3] = Relu(x)
      out y"
    `);
  });

  it('keeps an Identity between an input and an output, or between two outputs', () => {
    const n = new Network();
    const x = n.input('x', [1, 3]);
    const y = n.op('Relu', [x], {}, 'y');
    const graph = n.graph(n.op('Identity', [x], {}, 'same'), y, n.op('Identity', [y], {}, 'twin'));
    expect(rewrite(graph, { passes }).graph).toBe(graph);
  });

  it('keeps what changes something', () => {
    const n = new Network();
    const x = n.input('x', [1, 3, 4, 4]);
    const wide = n.op('Add', [
      n.op('Add', [x, n.weights([3, 1, 1])]),
      n.constant({ dtype: 'float32', shape: [2, 1, 1, 1], bytes: new Uint8Array(8) }),
    ]);
    const flat = n.op('Reshape', [wide, n.ints([2, 3, 16])]);
    const graph = n.graph(n.op('Transpose', [flat], { perm: [0, 2, 1] }));
    expect(rewrite(graph, { passes }).applied).toEqual([]);
  });
});
