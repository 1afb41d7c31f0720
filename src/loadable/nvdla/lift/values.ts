/**
 * Which numbers an operation reads: of memory that is used again and again, the ones that were written there last. Everything that
 * is written together with something, or read in one go with it, is one *value*, which becomes a surface (and parts of it views);
 * what is never written is a constant.
 */

import { fail } from '../../../base/errors.ts';
import { UnionFind } from '../../../base/union-find.ts';
import { pageSize } from '../lower/memories.ts';
import { type CubeAccess, type Interval, type MemoryAccess, piecesOf } from './access.ts';
import { unsaid } from './lift-context.ts';
import { areRows, rowNeighbours, runNeighbours } from './rows.ts';

/** A step: a layer of a task, or an operation of the emulator. */
export interface Step {
  readonly task: number;
  readonly name: string;
  readonly reads: readonly { readonly access: MemoryAccess; readonly field: string }[];
  readonly writes: readonly { readonly access: MemoryAccess; readonly field: string }[];
}

export interface Use {
  readonly access: MemoryAccess;
  readonly step: number;
  readonly field: string;
  readonly isWrite: boolean;
}

export interface Value {
  readonly memory: number;
  readonly isConstant: boolean;
  /** In the order of steps. */
  readonly uses: readonly Use[];
  /** The application binds the memory: before the first step (`input`), or after the last (`output`). */
  readonly binding?: 'input' | 'output';
}

export interface MemoryKind {
  readonly id: number;
  readonly size: number;
  readonly isInput: boolean;
  readonly isOutput: boolean;
  /** Filled from the file. */
  readonly isSet: boolean;
}

export interface Values {
  readonly values: readonly Value[];
  readonly valueAt: ReadonlyMap<MemoryAccess, Value>;
  /** By memory id. */
  readonly inputs: ReadonlyMap<number, Value>;
  readonly outputs: ReadonlyMap<number, Value>;
}

/** @throws loadable/unliftable, naming the layer */
export function valuesOf(steps: readonly Step[], memories: readonly MemoryKind[]): Values {
  const flow = new Flow(memories, steps);
  for (const [index, { name, reads, writes }] of steps.entries()) {
    for (const { access, field } of reads) flow.read({ access, step: index, field, isWrite: false }, name);
    for (const { access, field } of writes) flow.write({ access, step: index, field, isWrite: true }, name);
  }
  return flow.finish();
}

interface Segment extends Interval {
  /** The step that wrote it. */
  readonly definition: number;
}

interface Draft {
  readonly memory: number;
  readonly uses: Use[];
  binding?: 'input' | 'output';
}

/** Bounds what a hostile file may ask for; networks need some thousands. */
const mostWork = 2 ** 27;

class Flow {
  readonly #memories: ReadonlyMap<number, MemoryKind>;
  readonly #segments = new Map<number, Segment[]>();
  /** Bytes that any step writes. */
  readonly #written = new Map<number, Interval[]>();
  /** Definitions, each joined to others of one value. */
  readonly #values = new UnionFind();
  readonly #drafts: Draft[] = [];
  readonly #constants = new Map<string, Use[]>();
  readonly #inputs = new Map<number, number>();
  readonly #definitions = new Map<MemoryAccess, number>();
  #work = 0;

  constructor(memories: readonly MemoryKind[], steps: readonly Step[]) {
    this.#memories = new Map(memories.map((memory) => [memory.id, memory]));
    for (const { access } of steps.flatMap(({ writes }) => writes)) {
      const list = this.#written.get(access.memory) ?? [];
      list.push(...piecesOf(access));
      this.#written.set(access.memory, list);
    }
    for (const [memory, list] of this.#written) this.#written.set(memory, joined(list));
    for (const { id, size, isInput } of memories) {
      if (!isInput) continue;
      const definition = this.#define(id);
      this.#drafts[definition]!.binding = 'input';
      this.#inputs.set(id, definition);
      this.#segments.set(id, [{ start: 0, end: size, definition }]);
    }
  }

  #define(memory: number): number {
    const definition = this.#values.add();
    this.#drafts.push({ memory, uses: [] });
    return definition;
  }

  #join(definitions: readonly number[]): number {
    const roots = [...new Set(definitions.map((definition) => this.#values.find(definition)))].sort((a, b) => a - b);
    const [first, ...others] = roots;
    const draft = this.#drafts[first!]!;
    for (const other of others) {
      this.#values.join(first!, other);
      const { uses, binding } = this.#drafts[other]!;
      draft.uses.push(...uses);
      uses.length = 0;
      if (binding) draft.binding = binding;
    }
    return first!;
  }

  #spend(work: number): void {
    this.#work += work;
    if (this.#work > mostWork) fail('loadable/too-large', 'the loadable cuts its memories into too many pieces');
  }

  /** Bytes of a memory; of tables the device reads whole atoms, which may reach beyond it, but not beyond its last page. */
  #pieces(use: Use, name: string): readonly Interval[] {
    const { access, field } = use;
    const size = this.#memories.get(access.memory)?.size ?? 0;
    const pieces = piecesOf(access);
    this.#spend(pieces.length);
    const end = pieces.reduce((most, piece) => Math.max(most, piece.end), 0);
    const most = use.isWrite || access.kind === 'cube' ? size : Math.ceil(size / pageSize) * pageSize;
    if (end > most) {
      const detail = { expected: `at most ${size}`, actual: end };
      fail('loadable/corrupt', `${field} reaches beyond its memory`, { layer: name }, detail);
    }
    return pieces.map((piece) => ({ start: piece.start, end: Math.min(piece.end, size) }));
  }

  read(use: Use, name: string): void {
    const { access, field } = use;
    const { memory } = access;
    const found = new Set<number>();
    let missing = 0;
    for (const { start, end: to } of this.#pieces(use, name)) {
      let covered = 0;
      const segments = overlapping(this.#segments.get(memory) ?? [], start, to);
      this.#spend(segments.length);
      for (const segment of segments) {
        found.add(segment.definition);
        covered += Math.min(segment.end, to) - Math.max(segment.start, start);
      }
      missing += Math.max(0, to - start) - covered;
    }
    if (found.size === 0) {
      this.#constant(use, name);
      return;
    }
    if (missing > 0) {
      unsaid(`${name} reads ${field} where ${missing} of its bytes were never written`);
    }
    const definition = this.#join([...found]);
    this.#drafts[definition]!.uses.push(use);
    this.#definitions.set(access, definition);
  }

  #constant(use: Use, name: string): void {
    const { access, field } = use;
    const written = this.#written.get(access.memory) ?? [];
    if (piecesOf(access).some(({ start, end }) => overlapping(written, start, end).length > 0)) {
      unsaid(`${name} reads ${field} before it is written`);
    }
    const { memory, offset, dtype } = access;
    const shape =
      access.kind === 'run' ? [access.size] : [...access.shape, access.format, access.lineStride, access.surfaceStride];
    const key = [memory, offset, dtype, access.kind, ...shape].join();
    const uses = this.#constants.get(key);
    if (uses) uses.push(use);
    else this.#constants.set(key, [use]);
  }

  write(use: Use, name: string): void {
    const { access, field } = use;
    const memory = this.#memories.get(access.memory);
    if (memory?.isSet) unsaid(`${name} writes ${field} into memory that the file fills`);
    const definition = this.#define(access.memory);
    this.#drafts[definition]!.uses.push(use);
    this.#definitions.set(access, definition);
    const segments = this.#segments.get(access.memory) ?? [];
    const pieces = joined(this.#pieces(use, name)).filter(({ start, end }) => start < end);
    this.#spend(segments.length + pieces.length);
    this.#segments.set(access.memory, replaced(segments, pieces, definition));
  }

  /**
   * Joins values. Runs of rows that live at the same time and share no bytes become one value; so do regions that one
   * operation of the bridge DMA puts side by side, as long as all accesses take them as bytes; and regions that are only
   * copied, where one lies between the lines of the other.
   */
  #joinNeighbours(): void {
    const uses = this.#drafts.flatMap((draft, definition) => draft.uses.map((use) => ({ ...use, definition })));
    const cubes = uses.flatMap(({ access, definition }) => (isWhole(access) ? [{ access, definition }] : []));
    for (const [above, below] of rowNeighbours(cubes.map(({ access }) => access))) {
      this.#joinIf(cubes[above]!.definition, cubes[below]!.definition, areTogether);
    }
    const runs = uses.flatMap(({ access, definition, isWrite, step }) =>
      isWrite && access.kind === 'run' ? [{ access, definition, key: step }] : [],
    );
    for (const [first, second] of runNeighbours(runs)) {
      this.#joinIf(runs[first]!.definition, runs[second]!.definition, areBytes);
    }
    for (const [first, second] of this.#interleaved()) this.#joinIf(first, second, areInterleaved);
  }

  /** Pairs of values that are only copied and whose spans overlap. */
  #interleaved(): readonly (readonly [number, number])[] {
    const spans = this.#drafts.flatMap(({ uses, memory }, definition) => {
      const isCopied = uses.length > 0 && uses.every(({ access }) => access.kind === 'cube' && access.copied);
      const pieces = isCopied ? writtenBy({ uses }) : [];
      return pieces.length > 1 ? [{ memory, definition, start: pieces[0]!.start, end: pieces.at(-1)!.end }] : [];
    });
    spans.sort((a, b) => a.memory - b.memory || a.start - b.start);
    return spans.flatMap(({ memory, end, definition }, index) => {
      const pairs: (readonly [number, number])[] = [];
      for (let next = index + 1; spans[next]?.memory === memory && spans[next]!.start < end; next++) {
        this.#spend(1);
        pairs.push([definition, spans[next]!.definition]);
      }
      return pairs;
    });
  }

  #joinIf(a: number, b: number, fits: (one: Draft, other: Draft) => boolean): void {
    const [first, second] = [this.#values.find(a), this.#values.find(b)];
    if (first !== second && fits(this.#drafts[first]!, this.#drafts[second]!)) this.#join([first, second]);
  }

  finish(): Values {
    const outputs = new Map<number, number>();
    for (const { id, isOutput, isInput } of this.#memories.values()) {
      if (!isOutput) continue;
      if (isInput) unsaid('a memory that is input and output of the network');
      const segments = this.#segments.get(id) ?? [];
      if (segments.length === 0) unsaid('an output that nothing writes');
      const definition = this.#join(segments.map((segment) => segment.definition));
      this.#drafts[definition]!.binding = 'output';
      outputs.set(id, definition);
    }
    this.#joinNeighbours();
    const values = this.#drafts.map(({ memory, uses, binding }, definition): Value | undefined =>
      this.#values.find(definition) === definition
        ? { memory, isConstant: false, uses: inOrder(uses), ...(binding && { binding }) }
        : undefined,
    );
    const owners = new Map<MemoryAccess, Value>();
    for (const [access, definition] of this.#definitions) owners.set(access, values[this.#values.find(definition)]!);
    const constants = [...this.#constants.values()].map((uses): Value => {
      const value: Value = { memory: uses[0]!.access.memory, isConstant: true, uses };
      for (const { access } of uses) owners.set(access, value);
      return value;
    });
    const bound = (definitions: ReadonlyMap<number, number>) =>
      new Map([...definitions].map(([memory, definition]) => [memory, values[this.#values.find(definition)]!]));
    return {
      values: [...values.filter((value) => value !== undefined), ...constants],
      valueAt: owners,
      inputs: bound(this.#inputs),
      outputs: bound(outputs),
    };
  }
}

/** A cube that shows how a surface lies. */
const isWhole = (access: MemoryAccess): access is CubeAccess => access.kind === 'cube' && !access.copied;

/** Whether two values are rows of one surface. */
function areTogether(one: Draft, other: Draft): boolean {
  if (one.binding || other.binding) return false;
  if (!overlapInTime(one, other)) return false;
  const cubes = [one, other].flatMap(({ uses }) => uses.flatMap(({ access }) => (isWhole(access) ? [access] : [])));
  return areRows(cubes) && shareNothing(one, other);
}

function overlapInTime(one: Draft, other: Draft): boolean {
  const [mine, theirs] = [spanOf(one), spanOf(other)];
  return mine.start <= theirs.end && theirs.start <= mine.end;
}

function shareNothing(one: Draft, other: Draft): boolean {
  const taken = writtenBy(other);
  return writtenBy(one).every(({ start, end }) => overlapping(taken, start, end).length === 0);
}

/** Whether two values that are only copied fill each other's gaps. */
function areInterleaved(one: Draft, other: Draft): boolean {
  if (one.binding || other.binding || !overlapInTime(one, other)) return false;
  const lines = new Set([one, other].flatMap(({ uses }) => uses.map(({ access }) => linesOf(access))));
  return lines.size === 1 && shareNothing(one, other);
}

const linesOf = (access: MemoryAccess): string =>
  access.kind === 'cube' ? [access.dtype, access.lineStride, access.surfaceStride].join() : '';

const areBytes = (one: Draft, other: Draft): boolean =>
  [one, other].every(({ uses, binding }) => !binding && uses.every(({ access }) => access.kind === 'run'));

/** Steps from the first use to the last. */
const spanOf = ({ uses }: Draft): Interval => ({
  start: uses.reduce((first, { step }) => Math.min(first, step), Number.POSITIVE_INFINITY),
  end: uses.reduce((last, { step }) => Math.max(last, step), 0),
});

const writtenBy = ({ uses }: Pick<Draft, 'uses'>): readonly Interval[] =>
  joined(uses.flatMap(({ access, isWrite }) => (isWrite ? piecesOf(access) : [])));

const inOrder = (uses: readonly Use[]): readonly Use[] => uses.toSorted((a, b) => a.step - b.step);

/** Sorted intervals without those that lie in others. */
function joined(intervals: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const { start, end } of intervals.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last && start <= last.end) result[result.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    else result.push({ start, end });
  }
  return result;
}

/** The index of the first interval that ends behind a byte; they are sorted and do not overlap. */
function firstBehind(intervals: readonly Interval[], byte: number): number {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (intervals[middle]!.end <= byte) low = middle + 1;
    else high = middle;
  }
  return low;
}

function overlapping<T extends Interval>(intervals: readonly T[], start: number, end: number): readonly T[] {
  const from = firstBehind(intervals, start);
  let to = from;
  while (to < intervals.length && intervals[to]!.start < end) to++;
  return intervals.slice(from, to);
}

/** The segments with some pieces of one definition in the place of whatever was there; pieces rise and do not touch. */
function replaced(segments: readonly Segment[], pieces: readonly Interval[], definition: number): Segment[] {
  const result: Segment[] = [];
  const keep = (segment: Segment | undefined, start: number, end: number): void => {
    if (segment && start < end) result.push({ ...segment, start, end });
  };
  let at = 0;
  let done = 0;
  for (const { start, end } of pieces) {
    for (let next = segments[at]; next && next.start < start; next = segments[at]) {
      keep(next, Math.max(next.start, done), Math.min(next.end, start));
      if (next.end > end) break;
      at++;
    }
    while (segments[at] && segments[at]!.end <= end) at++;
    result.push({ start, end, definition });
    done = end;
  }
  for (const next of segments.slice(at)) keep(next, Math.max(next.start, done), next.end);
  return result;
}
