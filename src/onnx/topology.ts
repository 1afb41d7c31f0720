/**
 * Order among nodes. Files should be sorted but some are not; what is sorted keeps its order.
 */

import { fail } from '../base/errors.ts';
import { type Node, readsOf } from '../graph/graph.ts';

/**
 * The nodes, each after those that it depends on.
 *
 * @throws onnx/cycle
 */
export function sortNodes(nodes: readonly Node[]): readonly Node[] {
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const sorted: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  for (const root of nodes) {
    if (state.has(root)) continue;
    const path: { readonly node: Node; readonly reads: Iterator<string> }[] = [];
    const open = (node: Node): void => {
      state.set(node, 'open');
      path.push({ node, reads: readsOf(node)[Symbol.iterator]() });
    };
    open(root);
    while (path.length > 0) {
      const top = path.at(-1)!;
      const next = top.reads.next();
      if (next.done) {
        state.set(top.node, 'done');
        sorted.push(top.node);
        path.pop();
        continue;
      }
      const dependency = producer.get(next.value);
      if (dependency === undefined) continue;
      const seen = state.get(dependency);
      if (seen === 'open')
        failCycle(
          path.map(({ node }) => node),
          dependency,
        );
      if (seen === undefined) open(dependency);
    }
  }
  return sorted;
}

function failCycle(path: readonly Node[], start: Node): never {
  // The path leads from a reader to what it reads; the message follows the data.
  const readers = path.slice(path.indexOf(start) + 1).map(({ name }) => name);
  const names = [start.name, ...readers.reverse()];
  const shown = names.length > 8 ? [...names.slice(0, 7), `${names.length - 7} more`] : names;
  const place = { node: start.name };
  const detail = { expected: 'a graph without cycles', actual: [...shown, names[0]].join(' → ') };
  fail('onnx/cycle', 'the nodes depend on one another in a circle', place, detail);
}
