/**
 * What may go to FP16 together: blocks of nodes between which nothing is worth a conversion. The point-wise operators that follow one
 * another between two convolutions are one block, and each convolution is one. A convolution in FP16 has a sixteenth of the
 * multipliers; a block of point-wise operators takes little more time than in INT8, since the convolution before it writes float16
 * and the last of it int8 (compile/element-types.ts).
 */

import { UnionFind } from '../../base/union-find.ts';
import { consumers, type Graph, type Node } from '../../graph/graph.ts';

export interface HalfBlock {
  /** Names, in the order of the graph. */
  readonly nodes: readonly string[];
  /** Float values that they read and give. */
  readonly values: readonly string[];
}

const multiplying = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

/** @param onDla names of the nodes that the DLA runs */
export function halfBlocks(graph: Graph, onDla: ReadonlySet<string>): readonly HalfBlock[] {
  const readers = consumers(graph);
  const nodes = graph.nodes.filter(({ name }) => onDla.has(name));
  const positions = new Map(nodes.map((node, position) => [node, position]));
  const sets = new UnionFind(nodes.length);
  for (const node of nodes) {
    if (multiplying.has(node.op)) continue;
    for (const output of node.outputs) {
      const [reader, ...others] = readers.get(output) ?? [];
      const position = reader && positions.get(reader);
      if (position === undefined || others.length > 0 || graph.outputs.includes(output)) continue;
      if (!multiplying.has(reader!.op)) sets.join(positions.get(node)!, position);
    }
  }
  const blocks = new Map<number, Node[]>();
  for (const [node, position] of positions) {
    const root = sets.find(position);
    const block = blocks.get(root);
    if (block) block.push(node);
    else blocks.set(root, [node]);
  }
  return [...blocks.values()].map((block) => {
    const touched = block.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
    const values = [...new Set(touched)].filter((value) => value !== '' && !graph.constants.has(value));
    return { nodes: block.map(({ name }) => name), values };
  });
}
