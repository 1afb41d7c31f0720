/**
 * A stock loadable lifted: each task for the hardware as a Program, tasks for the emulator as its operations, and the tensors
 * between them. Whoever compiled it, the network that comes out lowers to a loadable that leaves the same bytes. What a Program
 * has no words for is refused by name.
 */

import { fail, locate } from '../../../base/errors.ts';
import { bytes } from '../../../base/units.ts';
import { memoryDomainCodes } from '../../../program/nvdla/codes.ts';
import type { BlobTable } from '../../../program/program.ts';
import { blobTableBuilder } from '../../../program/program.ts';
import type { Surface } from '../../../program/surface.ts';
import { programLimits, validateProgram } from '../../../program/validate.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import {
  entryById,
  type MemoryEntry,
  memoryFlags,
  type StockLoadable,
  taskInterfaces,
} from '../format/stock-loadable.ts';
import { type LoadableTag, tagOf } from '../format/tag.ts';
import { listBudget, memoryReader } from '../format/task-blobs.ts';
import { type CubeAccess, piecesOf } from './access.ts';
import { placeCopies } from './copies.ts';
import { featureFormat, type LiftContext, unsaid } from './lift-context.ts';
import { type Crossing, copyOf, liftProgram } from './program.ts';
import { type BoundTensor, boundTensor, type Frame, frameOf, type ShapedValue, shapeValue } from './surfaces.ts';
import type { EmulatedBuffer, NetworkTask, NetworkTensor, TaskNetwork } from './task-network.ts';
import { type PlacedTask, placedTask, stepsOf } from './tasks.ts';
import { type MemoryKind, type Step, type Value, type Values, valuesOf } from './values.ts';

export interface LiftedNetwork extends TaskNetwork {
  readonly blobs: BlobTable;
  /** What a loadable of ours says of itself. */
  readonly tag?: LoadableTag;
}

/**
 * @throws loadable/unliftable, naming the operation; loadable/corrupt, loadable/truncated, loadable/version, loadable/too-large;
 *   program/invalid for what no hardware would run; device/unsupported
 */
export function liftLoadable(loadable: StockLoadable, target: NvdlaTarget): LiftedNetwork {
  const submitted = [...loadable.submits].sort((a, b) => a.id - b.id).flatMap(({ taskIds }) => taskIds);
  const budget = listBudget(loadable);
  const isOne = loadable.tasks.filter((task) => task.interface === taskInterfaces.dla).length === 1;
  const context = { target, budget, layers: isOne ? tagOf(loadable)?.layers : undefined };
  const tasks = submitted.map((id) => placedTask(loadable, entryById(loadable.tasks, id, 'task'), context));
  const steps = tasks.flatMap(stepsOf);
  if (steps.length > programLimits.layers) {
    const detail = { expected: programLimits.layers, actual: steps.length };
    fail('loadable/too-large', 'the loadable has more layers than dlakit accepts', {}, detail);
  }
  const values = valuesOf(
    steps,
    loadable.memories.map((memory) => kindOf(loadable, memory)),
  );
  return new Network(loadable, target, tasks, steps, values).lifted();
}

function kindOf(loadable: StockLoadable, { id, flags, size, tensorDescId }: MemoryEntry): MemoryKind {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const [isInput, isOutput] = [has(memoryFlags.input), has(memoryFlags.output)];
  const tensor = isInput || isOutput ? entryById(loadable.tensors, tensorDescId, 'tensor descriptor') : undefined;
  // A bound memory is as large as its tensor asks, at least.
  const least = tensor ? tensor.offset + tensor.size : 0;
  return { id, size: Math.max(size, least), isInput, isOutput, isSet: has(memoryFlags.set) };
}

/** Values that cross the border of a task have names, and memories of their own. */
class Network {
  readonly #loadable: StockLoadable;
  readonly #target: LiftContext['target'];
  readonly #tasks: readonly PlacedTask[];
  readonly #steps: readonly Step[];
  readonly #values: Values;
  readonly #tag: LoadableTag | undefined;
  readonly #names = new Map<Value, string>();
  readonly #scales = new Map<Value, number | undefined>();
  readonly #bounds = new Map<Value, BoundTensor>();
  #shapes: ReadonlyMap<Value, ShapedValue> = new Map();

  constructor(
    loadable: StockLoadable,
    target: LiftContext['target'],
    tasks: readonly PlacedTask[],
    steps: readonly Step[],
    values: Values,
  ) {
    this.#loadable = loadable;
    this.#target = target;
    this.#tasks = tasks;
    this.#steps = steps;
    this.#values = values;
    this.#tag = tagOf(loadable);
  }

  lifted(): LiftedNetwork {
    const inputs = this.#bind('input');
    const outputs = this.#bind('output');
    this.#shapes = this.#shaped();
    const blobs = blobTableBuilder();
    const tensor = (value: Value, id: number): NetworkTensor => {
      const { geometry } = this.#shapes.get(value)!;
      const scale = this.#scales.get(value);
      const common = { id, name: this.#names.get(value)!, memory: 'io' as const, offset: bytes(0) };
      const { size } = kindOf(this.#loadable, entryById(this.#loadable.memories, value.memory, 'memory'));
      return { surface: { ...common, ...geometry, ...(scale !== undefined && { scale }) }, size };
    };
    const tasks = this.#tasks.map((task, index): NetworkTask => {
      if (task.kind === 'emulator') {
        const operations = task.operations.map(({ operation, input, output }) => ({
          ...operation,
          input: this.#buffer(input),
          output: this.#buffer(output),
        }));
        return { kind: 'emulator', operations };
      }
      const program = liftProgram(
        {
          target: this.#target.name,
          launches: task.launches,
          valueAt: this.#values.valueAt,
          shapeOf: this.#shapes,
          ...this.#crossings(index, inputs, outputs),
          isSram: (memory) =>
            entryById(this.#loadable.memories, memory, 'memory').domain === memoryDomainCodes.numbers.sram,
          read: memoryReader(this.#loadable),
        },
        blobs,
      );
      validateProgram(program, blobs.table(), this.#target);
      return { kind: 'dla', program };
    });
    return {
      target: this.#target.name,
      inputs: inputs.map(tensor),
      outputs: outputs.map(tensor),
      tasks,
      blobs: blobs.table(),
      ...(this.#tag && { tag: this.#tag }),
    };
  }

  /** Names and shapes what the application binds; by bind ids. */
  #bind(side: 'input' | 'output'): readonly Value[] {
    const found = this.#values[`${side}s`];
    const memories = this.#loadable.memories.filter(({ id }) => found.has(id)).sort((a, b) => a.bindId - b.bindId);
    return memories.map(({ id, bindId, tensorDescId }, index) => {
      const value = found.get(id)!;
      const tensor = entryById(this.#loadable.tensors, tensorDescId, 'tensor descriptor');
      const tagged = this.#tag?.[`${side}s`][bindId];
      const taken = new Set(this.#names.values());
      const wanted = tagged?.name || tensor.name || `${side}${index}`;
      let name = wanted;
      for (let number = 2; taken.has(name); number++) name = `${wanted}:${number}`;
      this.#names.set(value, name);
      this.#scales.set(value, tagged?.scale);
      const bound = boundTensor(tensor, tagged);
      if (bound) this.#bounds.set(value, bound);
      return value;
    });
  }

  #shaped(): ReadonlyMap<Value, ShapedValue> {
    const formatOf = (dtype: Surface['dtype']) => featureFormat(dtype, { target: this.#target });
    const { values, valueAt } = this.#values;
    const at = <T>(value: Value, work: () => T): T => {
      const use = value.uses[0];
      return locate(use ? { layer: this.#steps[use.step]!.name } : { value: this.#names.get(value)! }, work);
    };
    const frame = (value: Value, guess?: CubeAccess): Frame | undefined =>
      at(value, () => frameOf(value, formatOf, { bound: this.#bounds.get(value), guess }));
    const known = new Map(
      values.flatMap((value) => {
        const own = frame(value);
        return own ? [[value, own] as const] : [];
      }),
    );
    const copies = this.#tasks.flatMap((task) => (task.kind === 'dla' ? task.launches.flatMap(copyOf) : []));
    const { frames, parts } = placeCopies(copies, valueAt, known, frame);
    return new Map(
      values.map((value) => [value, at(value, () => shapeValue(value, frames.get(value), formatOf, parts))]),
    );
  }

  /** What a task gets and gives: bound tensors first, then those of other tasks. */
  #crossings(
    task: number,
    bound: readonly Value[],
    outputs: readonly Value[],
  ): { readonly inputs: readonly Crossing[]; readonly outputs: readonly Crossing[] } {
    const first = this.#tasks.findIndex(({ kind }) => kind === 'dla') === task;
    const crosses = (value: Value, side: 'input' | 'output'): boolean => {
      if (value.isConstant) return false;
      const own = value.uses.filter(({ step }) => this.#steps[step]!.task === task);
      const written = value.uses.filter(({ isWrite }) => isWrite).map(({ step }) => this.#steps[step]!.task);
      if (own.length === 0) return false;
      if (side === 'output') {
        const isRead = value.binding === 'output' || value.uses.some(({ step }) => this.#steps[step]!.task > task);
        return isRead && written.includes(task);
      }
      const isGiven = value.binding === 'input' || written.some((writer) => writer < task);
      if (isGiven && written.includes(task)) unsaid('a tensor that more than one task writes', { actual: task });
      return isGiven;
    };
    const named = (value: Value): Crossing => ({ name: this.#nameOf(value), value, scale: this.#scales.get(value) });
    const list = (side: 'input' | 'output', firsts: readonly Value[], always: (value: Value) => boolean) =>
      [
        ...firsts.filter((value) => always(value) || crosses(value, side)),
        ...this.#values.values.filter((value) => !firsts.includes(value) && crosses(value, side)),
      ].map(named);
    return {
      // An input that nobody reads still has a place.
      inputs: list('input', bound, (value) => first && value.uses.length === 0),
      outputs: list('output', outputs, () => false),
    };
  }

  /** A tensor between two tasks is named after the one that makes it. */
  #nameOf(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const { step } = value.uses.find(({ isWrite }) => isWrite)!;
    const { task, name } = this.#steps[step]!;
    const wanted = `task${task}:${name}:out`;
    this.#names.set(value, wanted);
    return wanted;
  }

  #buffer(access: CubeAccess): EmulatedBuffer {
    const value = this.#values.valueAt.get(access)!;
    if (value.isConstant) unsaid('an operation of the emulator that reads a constant');
    const { offset } = this.#shapes.get(value)!;
    const { shape, dtype, format, lineStride, surfaceStride } = access;
    const end = piecesOf(access).at(-1)!.end;
    return {
      tensor: this.#nameOf(value),
      offset: access.offset - offset,
      shape,
      dtype,
      format,
      lineStride: bytes(lineStride),
      surfaceStride: bytes(surfaceStride),
      size: bytes(end - access.offset),
    };
  }
}
