/**
 * Precisions by the names of nodes, as trtexec's --layerPrecisions has them: `NAME:fp16,…`, with `*` for every node that is not named. A
 * name is that of a node of the network as given, which may have become others when it was prepared.
 */

import type { Precision } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { CheckResult } from '../support/verdict.ts';

/**
 * @param asked name → precision
 * @returns precisions by the names of the graph's nodes
 * @throws compile/precision for a name that no node has, or whose nodes do not run on the DLA
 */
export function layerPrecisions(
  { nodes }: Graph,
  asked: ReadonlyMap<string, Precision>,
  { verdicts }: CheckResult,
): ReadonlyMap<string, Precision> {
  const onDla = new Set(verdicts.filter(({ placement }) => placement === 'dla').map(({ node }) => node));
  const found = new Map<string, Precision>();
  const rest = asked.get('*');
  if (rest !== undefined) for (const { name } of nodes) if (onDla.has(name)) found.set(name, rest);
  for (const [name, precision] of asked) {
    if (name === '*') continue;
    const named = nodes.filter((node) => node.name === name || node.origin.includes(name));
    if (named.length === 0) {
      const known = nodes.flatMap((node) => node.origin);
      const detail = { expected: nearest(name, known).join(', ') };
      fail(
        'compile/precision',
        'a precision is asked for a node that the network does not have',
        { node: name },
        detail,
      );
    }
    const running = named.filter((node) => onDla.has(node.name));
    if (running.length === 0) {
      fail('compile/precision', 'a precision is asked for a node that does not run on the DLA', { node: name });
    }
    for (const node of running) found.set(node.name, precision);
  }
  return found;
}

/** The three names that agree with another for longest, from the front and from the back. */
function nearest(name: string, known: readonly string[]): readonly string[] {
  const agree = (other: string): number => {
    let front = 0;
    while (front < name.length && name[front] === other[front]) front++;
    let back = 0;
    while (back < name.length && name.at(-1 - back) === other.at(-1 - back)) back++;
    return front + back;
  };
  return [...new Set(known)].toSorted((a, b) => agree(b) - agree(a)).slice(0, 3);
}
