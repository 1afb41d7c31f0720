/** Models that are sound, and what makes them unsound. */

import type { Graph, Node } from '../../src/graph/graph.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';

/** One convolution: image 1×3×8×8 → 1×4×8×8. */
export function convolution(shape: readonly (number | string)[] = [1, 3, 8, 8]): Graph {
  const b = new GraphBuilder('convolution', { seed: 1 });
  const x = b.input('image', [1, 3, 8, 8]);
  b.output(b.relu(b.conv(x, { channels: 4, kernel: 3, padding: 1, name: 'conv' }), 'relu'));
  const graph = b.build();
  const values = new Map([...graph.values].filter(([name]) => graph.constants.has(name)));
  for (const name of graph.outputs) values.set(name, { dtype: 'float32' });
  return { ...graph, values: values.set('image', { dtype: 'float32', shape }) };
}

export const model = (graph: Graph): Uint8Array => writeModel(graph);

const changed = (graph: Graph, at: string, change: Partial<Node>): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => (node.name === at ? { ...node, ...change } : node)),
});

/** The convolution reads what the Relu behind it makes. */
export const cyclic = (): Graph => {
  const graph = convolution();
  return changed(graph, 'conv', { inputs: ['relu:out', ...graph.nodes[0]!.inputs.slice(1)] });
};

export const foreignDomain = (): Graph => changed(convolution(), 'relu', { op: 'SiLU', domain: 'com.example' });

export const withWeights = (shape: readonly number[], bytes?: number): Graph => {
  const graph = convolution();
  const weights = { dtype: 'float32', shape, bytes: new Uint8Array(bytes ?? 432) } as const;
  return { ...graph, constants: new Map(graph.constants).set('conv.weight', weights) };
};

/** If in If in If …, as no network ever is. */
export function nested(levels: number): Graph {
  const condition = { dtype: 'bool', shape: [], bytes: Uint8Array.of(1) } as const;
  let graph: Graph = {
    name: 'innermost',
    opsets: { '': 17 },
    inputs: [],
    outputs: ['deep'],
    nodes: [],
    constants: new Map([['deep', float32Tensor([], [1])]]),
    values: new Map(),
  };
  for (let level = 0; level < levels; level++) {
    const branch = { kind: 'graph', value: graph } as const;
    const name = `if_${level}`;
    graph = {
      ...graph,
      name,
      outputs: [name],
      nodes: [
        {
          name,
          op: 'If',
          domain: '',
          inputs: ['yes'],
          outputs: [name],
          attributes: { then_branch: branch, else_branch: { kind: 'graph', value: convolution() } },
          origin: [name],
        },
      ],
      constants: new Map([['yes', condition]]),
      values: new Map(),
    };
  }
  return graph;
}
