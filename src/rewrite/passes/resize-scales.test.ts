import { describe, expect, it } from 'vitest';
import { rewrite } from '../rewrite.ts';
import { Network } from '../testing/network.ts';
import { printGraph } from '../testing/print-graph.ts';
import { rewriteSame } from '../testing/same-results.ts';

describe('resize-scales', () => {
  it('writes factors', async () => {
    const n = new Network();
    const x = n.input('x', [1, 2, 3, 4]);
    const resize = (sizes: readonly number[], attributes: Record<string, string>, output: string) =>
      n.op('Resize', [x, '', '', n.ints(sizes)], attributes, output);
    const graph = n.graph(
      resize(
        [1, 2, 6, 8],
        { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
        'nearest',
      ),
      resize([1, 2, 9, 8], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }, 'linear'),
    );
    const { graph: after } = await rewriteSame(graph, ['resize-scales'], 0);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,2,3,4]
      nearest [1,2,6,8] = Resize(x, _, _, const1 (4)) mode="nearest" coordinate_transformation_mode="asymmetric" nearest_mode="floor"
      linear [1,2,9,8] = Resize(x, _, _, const2 (4)) mode="linear" coordinate_transformation_mode="half_pixel"
      out nearest, linear"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in x [1,2,3,4]
      nearest [1,2,6,8] = Resize(x, _, Resize1:scales (4)) mode="nearest" coordinate_transformation_mode="asymmetric" nearest_mode="floor"
      linear [1,2,9,8] = Resize(x, _, Resize2:scales (4)) mode="linear" coordinate_transformation_mode="half_pixel"
      out nearest, linear"
    `);
  });

  it('leaves factors that are not whole', () => {
    const n = new Network();
    const graph = n.graph(
      n.op('Resize', [n.input('x', [1, 2, 3, 4]), '', '', n.ints([1, 2, 5, 8])], { mode: 'nearest' }),
    );
    expect(rewrite(graph, { passes: ['resize-scales'] }).graph).toBe(graph);
  });
});
