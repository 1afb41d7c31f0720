/** Names of a file of ranges that are of no tensor of the network: why, and what they may have meant. */

import type { Graph } from '../graph/graph.ts';

export interface UnmatchedName {
  readonly name: string;
  /**
   * `rewritten`: the model has it, and rewriting took it away. `fused`: TensorRT makes such names when it fuses layers, so that they
   * mean nothing to an ONNX network. `unknown`: neither.
   */
  readonly kind: 'rewritten' | 'fused' | 'unknown';
  /** Of an unknown name: tensors with names like it, the most alike first. */
  readonly nearest: readonly string[];
}

/** `(Unnamed Layer* 12) [Convolution]_output`, `conv1 + relu1`, `PWN(sigmoid)`, `{ForeignNode[a...b]}` */
const fusedForm = /\(Unnamed Layer\* \d+\)|\S \+ \S|^PWN\(|\{ForeignNode\[/;

/** How many unknown names are compared with all tensors. */
const mostCompared = 50;

/** @param original the model as read */
export function unmatchedNames(
  names: Iterable<string>,
  graph: Graph,
  original: Graph = graph,
): readonly UnmatchedName[] {
  const own = [...graph.values.keys()].filter((name) => !graph.constants.has(name));
  const known = new Set(own);
  let compared = 0;
  return [...names].flatMap((name): UnmatchedName[] => {
    if (known.has(name)) return [];
    if (original.values.has(name)) return [{ name, kind: 'rewritten', nearest: [] }];
    if (fusedForm.test(name)) return [{ name, kind: 'fused', nearest: [] }];
    return [{ name, kind: 'unknown', nearest: compared++ < mostCompared ? nearestOf(name, own) : [] }];
  });
}

/** At most three names that differ in a third of their letters or fewer. */
function nearestOf(name: string, candidates: readonly string[]): readonly string[] {
  const most = Math.max(2, Math.floor(name.length / 3));
  return candidates
    .flatMap((candidate) => {
      if (Math.abs(candidate.length - name.length) > most) return [];
      const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), most);
      return distance <= most ? [{ candidate, distance }] : [];
    })
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Letters to insert, leave out or exchange; `most` + 1 where it is more than that. */
function editDistance(a: string, b: string, most: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(exchanged, row[j]! + 1, next[j - 1]! + 1));
    }
    if (Math.min(...next) > most) return most + 1;
    row = next;
  }
  return row[b.length]!;
}
