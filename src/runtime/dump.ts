/** Dumps: which surfaces are complete after which layer of a run, and the first tensor in which two runs differ. */

import { typedArray } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { layerWrites } from '../program/access.ts';
import { rootRegion, sharedArea } from '../program/liveness.ts';
import type { Plan, Program } from '../program/program.ts';
import type { Surface } from '../program/surface.ts';

/** A tensor as it was when it was complete: int8 from the DLA, whatever its type from a host segment. */
export interface Dump {
  /** The ONNX value's name. */
  readonly name: string;
  readonly tensor: Tensor;
  /** real = scale × integer, for int8 tensors of the DLA. */
  readonly scale?: number;
  readonly segment: string;
  /** The layer that completed it; absent for inputs and for results of host segments. */
  readonly layer?: string;
}

export type DumpWish = 'all' | readonly string[];

/** Names of every tensor that a run of this plan can dump, in execution order. */
function dumpable(plan: Plan): readonly string[] {
  const names = new Set(plan.inputs);
  for (const segment of plan.segments) {
    if (segment.kind === 'host') for (const name of segment.outputs) names.add(name);
    else for (const surface of featureSurfaces(segment.program)) names.add(surface.name);
  }
  return [...names];
}

/**
 * A test of whether a tensor, by its name, is to be dumped. @throws run/dump for a name that the compiled network does
 * not have
 */
export function wanted(plan: Plan, dump: DumpWish | undefined): (name: string) => boolean {
  if (dump === undefined) return () => false;
  if (dump === 'all') return () => true;
  const known = new Set(dumpable(plan));
  for (const name of dump) {
    if (known.has(name)) continue;
    fail(
      'run/dump',
      'the compiled network holds no such tensor; it may have been fused into another',
      { value: name },
      { expected: nearest(name, known) },
    );
  }
  const names = new Set(dump);
  return (name) => names.has(name);
}

function nearest(name: string, known: ReadonlySet<string>): string {
  const similar = [...known].filter((other) => other.includes(name) || name.includes(other));
  const list = (similar.length > 0 ? similar : [...known]).slice(0, 8);
  return `one of ${list.join(', ')}${known.size > list.length ? ', …' : ''}`;
}

/** Surfaces that hold activations. */
function featureSurfaces({ surfaces, constants }: Program): readonly Surface[] {
  const constant = new Set(constants.map(({ surface }) => surface));
  return surfaces.filter(({ id }) => !constant.has(id));
}

/**
 * Follows a run: told each layer that is complete, gives the surfaces that became complete with it. A surface that holds
 * others (a concatenation), or lies inside one, is complete when the last layer that writes any of its channels is.
 */
export function completions(program: Program): (layer: number) => readonly Surface[] {
  const { surfaces, layers } = program;
  const spans = surfaces.map(({ id }) => rootRegion(surfaces, { surface: id }));
  const families = new Map<number, Surface[]>();
  for (const surface of surfaces) {
    const { root } = spans[surface.id]!;
    const family = families.get(root);
    if (family) family.push(surface);
    else families.set(root, [surface]);
  }
  const waiting = surfaces.map(() => 0);
  const touched = layers.map((layer) => {
    const related = layerWrites(layer).flatMap((write) => {
      const written = rootRegion(surfaces, write);
      const family = families.get(written.root)!;
      return family.filter(({ id }) => sharedArea(spans[id]!, written) > 0);
    });
    return [...new Set(related)];
  });
  for (const related of touched) for (const { id } of related) waiting[id]!++;
  return (layer) => touched[layer]!.filter(({ id }) => --waiting[id]! === 0);
}

/** The first tensor in which two runs differ, and where in it. */
export interface RunDifference {
  readonly name: string;
  readonly layer?: string;
  readonly kind: 'value' | 'shape' | 'type' | 'scale' | 'missing';
  /** Index along every axis, for values. */
  readonly at?: readonly number[];
  readonly a: number | string;
  readonly b: number | string;
  /** How many elements of that tensor differ. */
  readonly count?: number;
}

/**
 * Compares the dumps of two runs in the order of the first. Floats are compared by value, NaN equal to NaN.
 * @returns undefined when every tensor is equal
 */
export function compareRuns(
  a: { readonly dumps: readonly Dump[] },
  b: { readonly dumps: readonly Dump[] },
): RunDifference | undefined {
  const others = new Map(b.dumps.map((dump) => [dump.name, dump] as const));
  for (const dump of a.dumps) {
    const difference = compareDumps(dump, others.get(dump.name));
    if (difference) return difference;
    others.delete(dump.name);
  }
  const extra = others.values().next().value;
  return extra && { ...nameOf(extra), kind: 'missing', a: 'absent', b: 'present' };
}

const nameOf = ({ name, layer }: Dump) => ({ name, ...(layer !== undefined && { layer }) });

function compareDumps(a: Dump, b: Dump | undefined): RunDifference | undefined {
  const where = nameOf(a);
  if (!b) return { ...where, kind: 'missing', a: 'present', b: 'absent' };
  const shapes = [a.tensor.shape.join('x'), b.tensor.shape.join('x')] as const;
  if (shapes[0] !== shapes[1]) return { ...where, kind: 'shape', a: shapes[0], b: shapes[1] };
  if (a.tensor.dtype !== b.tensor.dtype) return { ...where, kind: 'type', a: a.tensor.dtype, b: b.tensor.dtype };
  if (a.scale !== b.scale) return { ...where, kind: 'scale', a: a.scale ?? 'none', b: b.scale ?? 'none' };
  const [left, right] = [elementsOf(a.tensor), elementsOf(b.tensor)];
  let first = -1;
  let count = 0;
  for (let i = 0; i < left.length; i++) {
    if (Object.is(left[i], right[i]) || left[i] === right[i]) continue;
    if (first < 0) first = i;
    count++;
  }
  if (first < 0) return undefined;
  return {
    ...where,
    kind: 'value',
    at: position(first, a.tensor.shape),
    a: Number(left[first]),
    b: Number(right[first]),
    count,
  };
}

/** The elements by value; the 16-bit floats by their bits, strings by their bytes. */
const elementsOf = ({ dtype, bytes }: Tensor): ArrayLike<number | bigint> =>
  typedArray(dtype === 'string' ? 'uint8' : dtype, bytes);

function position(index: number, shape: readonly number[]): readonly number[] {
  const at: number[] = [];
  for (let rest = index, axis = shape.length - 1; axis >= 0; axis--) {
    at.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return at;
}
