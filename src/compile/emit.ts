/**
 * The last passes of a DLA segment: surfaces, layers (orin/lower.ts and nvdla/lower.ts say which an operation becomes),
 * memory, dependencies. The result is a Program that has passed the validator.
 *
 * Memory: inputs and outputs of the segment are bound by the application. Of the others, those that are read again soonest for their
 * size stay in the SRAM (estimate/orin/residency.ts); what the SRAM has no place for, and everything else, lies in local DRAM. Constants
 * lie one after the other in global DRAM, equal ones once.
 */

import type { Precision } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { type Bytes, bytes } from '../base/units.ts';
import { chooseResident } from '../estimate/orin/residency.ts';
import { withDependencies } from '../program/dependencies.ts';
import { partView, rowAlignment, surfaceGeometry } from '../program/geometry.ts';
import type { Layer, Move, Pipeline } from '../program/layer.ts';
import { liveRanges } from '../program/liveness.ts';
import type { BlobTableBuilder, ConstantRef, Program } from '../program/program.ts';
import type { ElementType, MemoryName, Shape4, Surface, SurfaceFormat } from '../program/surface.ts';
import { validateProgram } from '../program/validate.ts';
import { isNvdla, type MemoryPools, type Target } from '../targets/target.ts';
import { alignment, arrange, arrangeWithin } from './allocate.ts';
import type { PlacedOperation, Placement, SurfaceDraft } from './place.ts';
import { beyondPool, type MemoryUse } from './pool-use.ts';

export interface EmitContext {
  /** Name of the segment, for messages. */
  readonly name: string;
  readonly target: Target;
  readonly sram: Bytes;
  readonly pools: MemoryPools;
  /** Of the network, for messages. */
  readonly batch: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of the network's values: constants get others. */
  readonly isTaken: (name: string) => boolean;
  readonly formatOf: (input: string) => SurfaceFormat;
  readonly featureFormat: (dtype: Precision) => SurfaceFormat;
  /** Elements of {@link SurfaceTable.inner}; `int8` surfaces have a scale. */
  readonly elementType: Precision;
  readonly blobs: BlobTableBuilder;
  /** The pipelines that an operation launches, in order. */
  readonly lower: Lower;
}

export type Lower = (
  operation: PlacedOperation,
  name: string,
  surfaces: SurfaceTable,
) => readonly (Pipeline<number> | Move<number>)[];

/** A run of channels and rows: [from, to). */
export interface Region {
  readonly fromChannel: number;
  readonly toChannel: number;
  readonly fromRow: number;
  readonly toRow: number;
}

export type ConstantData = Int8Array | Int16Array | Uint16Array | Uint8Array | Int32Array | Float32Array;

/** The surfaces of the program that is being made. */
export interface SurfaceTable {
  readonly drafts: Placement['surfaces'];
  /** The surface of a value. */
  of(value: string): number;
  /** A part of the surface of a value, on whole atoms; the surface itself where the part is all of it. */
  part(value: string, region: Region): number;
  /** As {@link part}, for a surface by its number. */
  region(surface: number, region: Region): number;
  shapeOf(surface: number): Shape4;
  formatOf(value: string): SurfaceFormat;
  /** A surface for numbers between two layers of one operation. */
  inner(name: string, shape: Shape4, scale: number): number;
  constant(name: string, shape: Shape4, dtype: ElementType, format: SurfaceFormat, data: ConstantData): number;
  vector(name: string, dtype: ElementType, data: ConstantData): number;
}

interface View {
  readonly parent: number;
  readonly channel: number;
  readonly row: number;
}

type Draft = Omit<Surface, 'id' | 'parent'> & { readonly view?: View };

/** @throws compile/accumulator-overflow, compile/memory, calibrate/value */
export function emit(placement: Placement, context: EmitContext): Program {
  const drafts: Draft[] = [];
  const ids = new Map<string, number>();
  const constants: ConstantRef[] = [];
  const names = new Set<string>();

  const unique = (wanted: string, taken: (name: string) => boolean): string => {
    let name = wanted;
    for (let number = 2; taken(name); number++) name = `${wanted}:${number}`;
    return name;
  };
  const add = (draft: Draft): number => {
    ids.set(draft.name, drafts.length);
    return drafts.push(draft) - 1;
  };
  const taken = (candidate: string) =>
    ids.has(candidate) || placement.surfaces.has(candidate) || context.isTaken(candidate);
  const constant: SurfaceTable['constant'] = (name, shape, dtype, format, data) => {
    const blob = context.blobs.add(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const geometry = surfaceGeometry(shape, dtype, format);
    const memory: MemoryName = 'global_dram';
    const id = add({ name: unique(name, taken), shape, dtype, format, ...geometry, memory, offset: bytes(0) });
    constants.push({ surface: id, blob });
    return id;
  };
  const surface = (name: string): number => ids.get(name) ?? declare(placement.surfaces.get(name)!);
  const declare = (draft: SurfaceDraft): number => {
    const { name, shape, dtype, scale, role } = draft;
    const format = role === 'input' ? context.formatOf(name) : context.featureFormat(dtype);
    const memory: MemoryName = role === 'inner' ? 'local_dram' : 'io';
    const geometry = surfaceGeometry(shape, dtype, format, rowAlignment(format, context.target));
    const common = { name, shape, dtype, format, ...geometry, offset: bytes(0), ...(dtype === 'int8' && { scale }) };
    const root = rootView(draft, placement);
    if (root === undefined) return add({ ...common, memory });
    const parent = surface(root.of);
    return add({ ...common, memory: drafts[parent]!.memory, view: { parent, channel: root.channel, row: 0 } });
  };
  const region = (whole: number, { fromChannel, toChannel, fromRow, toRow }: Region): number => {
    const draft = drafts[whole]!;
    const [n, c, h, w] = draft.shape;
    if (fromChannel === 0 && toChannel === c && fromRow === 0 && toRow === h) return whole;
    const name = `${draft.name}[${fromChannel}:${toChannel},${fromRow}:${toRow}]`;
    const known = ids.get(name);
    if (known !== undefined) return known;
    const { view } = draft;
    return add({
      ...draft,
      name,
      shape: [n, toChannel - fromChannel, toRow - fromRow, w],
      view: {
        parent: view?.parent ?? whole,
        channel: (view?.channel ?? 0) + fromChannel,
        row: (view?.row ?? 0) + fromRow,
      },
    });
  };
  const table: SurfaceTable = {
    drafts: placement.surfaces,
    of: surface,
    part: (value, wanted) => region(surface(value), wanted),
    region,
    shapeOf: (id) => drafts[id]!.shape,
    formatOf: (value) => drafts[surface(value)]!.format,
    constant,
    vector: (name, dtype, data) => constant(name, [1, data.length, 1, 1], dtype, 'vector', data),
    inner(name, shape, scale) {
      const dtype = context.elementType;
      const format = context.featureFormat(dtype);
      const geometry = surfaceGeometry(shape, dtype, format);
      const common = { shape, dtype, format, ...geometry, memory: 'local_dram' as const };
      return add({ name: unique(name, taken), ...common, offset: bytes(0), ...(dtype === 'int8' && { scale }) });
    },
  };

  for (const name of context.inputs) surface(name);
  const layers: Layer[] = [];
  for (const operation of placement.operations) {
    const wanted = operation.nodes.at(-1)!.name;
    const origin = [...new Set(operation.nodes.flatMap((node) => node.origin))];
    const tableOf = isNvdla(context.target) ? undefined : tableOperators(operation);
    for (const pipeline of context.lower(operation, wanted, table)) {
      const name = unique(wanted, (candidate) => names.has(candidate));
      names.add(name);
      layers.push({ ...pipeline, id: layers.length, name, origin, ...(tableOf && { tableOf }), after: [] });
    }
  }

  const program: Program = {
    target: context.target.name,
    sram: context.sram,
    surfaces: drafts.map((draft, id) => finished(draft, id)),
    layers,
    inputs: context.inputs.map(surface),
    outputs: context.outputs.map(surface),
    constants,
  };
  const addressed = { ...program, surfaces: assignMemory(program, drafts, context) };
  const scheduled = { ...addressed, layers: withDependencies(addressed) };
  validateProgram(scheduled, context.blobs.table(), context.target);
  return scheduled;
}

const tableOperators = (operation: PlacedOperation): readonly string[] | undefined =>
  operation.kind === 'conv' || operation.kind === 'point' ? operation.point.table?.operators : undefined;

const finished = ({ view, ...draft }: Draft, id: number): Surface => ({
  id,
  ...draft,
  ...(view && { parent: view.parent }),
});

/** The surface that a view lies in, itself no view, and where. */
function rootView(draft: SurfaceDraft, { surfaces }: Placement): SurfaceDraft['view'] {
  if (draft.view === undefined) return undefined;
  const outer = rootView(surfaces.get(draft.view.of)!, { surfaces, operations: [] });
  return outer === undefined ? draft.view : { of: outer.of, channel: outer.channel + draft.view.channel };
}

function assignMemory(program: Program, drafts: readonly Draft[], context: EmitContext): readonly Surface[] {
  const ranges = liveRanges(program);
  const inner = program.surfaces.flatMap(({ id, memory, parent, size }) => {
    const range = ranges[id];
    if (memory !== 'local_dram' || parent !== undefined || range === undefined) return [];
    return [{ id, size, first: range.first, last: range.last, reads: range.reads }];
  });
  const chosen = chooseResident(inner, context.sram);
  const sram = arrangeWithin(
    inner.filter(({ id }) => chosen.has(id)),
    context.sram,
  );
  const dram = arrange(inner.filter(({ id }) => !sram.offsets.has(id)));

  const constants = new Map<number, number>();
  const known = new Map<string, number>();
  let end = 0;
  for (const { surface, blob } of program.constants) {
    const offset = known.get(blob);
    constants.set(surface, offset ?? end);
    if (offset !== undefined) continue;
    known.set(blob, end);
    end += Math.ceil(program.surfaces[surface]!.size / alignment) * alignment;
  }
  demand({ pool: 'localDram', size: dram.size }, context);
  demand({ pool: 'globalDram', size: end }, context);

  const roots = program.surfaces.map((surface): Surface => {
    const { id } = surface;
    const resident = sram.offsets.get(id);
    if (resident !== undefined) return { ...surface, memory: 'managed_sram', offset: bytes(resident) };
    return { ...surface, offset: bytes(constants.get(id) ?? dram.offsets.get(id) ?? 0) };
  });
  return roots.map((surface) => {
    const view = drafts[surface.id]!.view;
    if (view === undefined) return surface;
    const parent = roots[view.parent]!;
    return { ...surface, memory: parent.memory, ...partView(parent, view, surface.shape) };
  });
}

function demand(use: MemoryUse, { name, target, pools, batch }: EmitContext): void {
  if (target.generation === 'nvdla') {
    if (use.size <= 2 ** 32) return;
    fail(
      'compile/memory',
      `${name} does not fit the memory of a loadable`,
      {},
      { expected: 2 ** 32, actual: use.size },
    );
  }
  const problem = beyondPool(name, use, pools, batch);
  if (problem !== undefined) fail('compile/memory', problem, {}, { expected: pools[use.pool], actual: use.size });
}
