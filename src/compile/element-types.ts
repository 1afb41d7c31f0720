/**
 * The pass that says in which type each value lies in memory, where a network has INT8 and FP16.
 *
 *     no scale                                              float16
 *     what enters: an input, a value of the host            int8 where an INT8 operation reads it, else float16
 *     made in INT8                                          int8; float16 where FP16 operations alone read it, as long as the launch
 *                                                           ends in the single-point stage, which writes both types
 *     made in FP16                                          float16; int8 where INT8 operations alone read a point-wise result of it
 *
 * A reader of the other precision reads a converted copy (place.ts). The pipes of INT8 convolutions change the precision of what leaves
 * them (docs/hardware/orin.md#engines), so a launch of theirs writes what its readers want. FP16 convolutions run in an engine of their
 * own, of which that is not known: they write float16.
 */

import type { Precision } from '../base/data-type.ts';
import { type Operation, readsOf } from './operation.ts';

export interface TypeContext {
  readonly precisionOf: (operation: Operation) => Precision;
  readonly scales: ReadonlyMap<string, number>;
  /** Values that the host or the caller reads. */
  readonly external: ReadonlySet<string>;
}

/** @returns the type of a value: of all values under one name or another the same */
export function elementTypes(
  operations: readonly Operation[],
  { precisionOf, scales, external }: TypeContext,
): (value: string) => Precision {
  const renamed = new Map(
    operations.flatMap((operation) =>
      operation.kind === 'alias' ? [[operation.output, operation.input] as const] : [],
    ),
  );
  const rootOf = (value: string): string => {
    let root = value;
    for (let next = renamed.get(root); next !== undefined; next = renamed.get(root)) root = next;
    return root;
  };
  const makers = new Map(operations.map((operation) => [operation.output, operation]));
  const readers = new Map<string, Set<Precision>>();
  for (const operation of operations) {
    if (operation.kind === 'alias') continue;
    for (const value of readsOf(operation)) {
      const root = rootOf(value);
      readers.set(root, (readers.get(root) ?? new Set()).add(precisionOf(operation)));
    }
  }
  const leaves = new Set([...external].map(rootOf));
  const types = new Map<string, Precision>();
  const decide = (value: string): Precision => {
    const read = readers.get(value) ?? new Set();
    const maker = makers.get(value);
    if (maker === undefined) return scales.has(value) && (read.has('int8') || read.size === 0) ? 'int8' : 'float16';
    const made = precisionOf(maker);
    const [only, ...others] = read;
    const wanted = others.length === 0 && !leaves.has(value) ? (only ?? made) : made;
    if (made === 'int8') return !scales.has(value) || (wanted === 'float16' && endsInPoint(maker)) ? 'float16' : 'int8';
    const integers = wanted === 'int8' && scales.has(value) && maker.kind === 'point' && !maker.point.table;
    return integers ? 'int8' : 'float16';
  };
  return (value) => {
    const root = rootOf(value);
    const type = types.get(root) ?? decide(root);
    types.set(root, type);
    return type;
  };
}

const endsInPoint = ({ kind }: Operation): boolean => kind === 'conv' || kind === 'point';
