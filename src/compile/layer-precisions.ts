/**
 * Precisions by the names of nodes, as trtexec's --layerPrecisions has them: `NAME:fp16,…`, with `*` for every node that is not named. A
 * name is that of a node of the network as given, which may have become others when it was prepared. Where nothing was asked for, the
 * types of a network say what is FP16, to a release that goes by them.
 */

import type { DataType, Precision } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { CheckResult } from '../support/verdict.ts';
import type { Release } from '../targets/target.ts';
import { trtexecOf } from '../targets/trtexec.ts';

/**
 * @param asked name → precision
 * @param typed names of nodes that run in FP16 unless they are asked for in another precision
 * @returns precisions by the names of the graph's nodes
 * @throws compile/precision for a name that no node has, or whose nodes do not run on the DLA
 */
export function layerPrecisions(
  { nodes }: Graph,
  asked: ReadonlyMap<string, Precision>,
  { verdicts }: CheckResult,
  typed: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, Precision> {
  const onDla = new Set(verdicts.filter(({ placement }) => placement === 'dla').map(({ node }) => node));
  const found = new Map<string, Precision>();
  for (const { name, origin } of nodes) {
    if (onDla.has(name) && origin.some((node) => typed.has(node))) found.set(name, 'float16');
  }
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

/**
 * Nodes of a network as read that its types put in FP16. From TensorRT 11 on types are all that says a precision
 * (docs/hardware/dla-software.md#quantization-dialects): what gives float16 beside nodes that give float32 is meant to run in FP16. A file in float16
 * throughout, Casts at its ends aside, only stores its numbers so, and older releases take precisions from flags alone: both put no
 * node in FP16.
 */
export function typedHalves({ nodes, values }: Graph, release: Release): ReadonlySet<string> {
  if (trtexecOf(release).has('--int8')) return new Set();
  const computing = nodes.filter(({ op }) => !between.has(op));
  const giving = (dtype: DataType) =>
    computing.filter(({ outputs }) => outputs.some((output) => values.get(output)?.dtype === dtype));
  return giving('float32').length > 0 ? new Set(giving('float16').map(({ name }) => name)) : new Set();
}

/** What goes from one type to another. */
const between: ReadonlySet<string> = new Set(['Cast', 'QuantizeLinear', 'DequantizeLinear']);

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
