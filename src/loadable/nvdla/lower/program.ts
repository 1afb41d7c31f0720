/**
 * Programs as a stock loadable: a DLA task of one, or a network of several tasks. The intermediates of a task share one memory,
 * its constants another that is filled from one blob, every tensor has a memory of its own. In interface 0.12 an address names a
 * memory and cubes have offsets in it; in 0.10 cubes have none, and every one of them has an address of its own.
 *
 * Names of blobs and their order are those of NVIDIA's compiler (docs/hardware/nvdla.md#loadable).
 */

import { fail } from '../../../base/errors.ts';
import type { Layer, Lookup } from '../../../program/layer.ts';
import { rootOf } from '../../../program/liveness.ts';
import { memoryDomainCodes } from '../../../program/nvdla/codes.ts';
import type { BlobTable, Program } from '../../../program/program.ts';
import type { Surface } from '../../../program/surface.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import {
  commonDesc,
  type InterfaceMinor,
  type LutParam,
  lutParam,
  networkDesc,
  operationDescs,
  operationSize,
  surfaceDescs,
  surfaceSize,
} from '../format/descriptors.ts';
import type { Codec } from '../format/layout.ts';
import { type Blob, memoryFlags, type StockLoadable, taskInterfaces, type Version } from '../format/stock-loadable.ts';
import { type LoadableTag, tagBlob } from '../format/tag.ts';
import { networkOf, type TaskNetwork } from '../lift/task-network.ts';
import { dependencies } from './dependencies.ts';
import { lowerEmulatorTask } from './emulator.ts';
import { AddressList, Memories, pageSize } from './memories.ts';
import { lowerLayer, lowerLookup } from './operations.ts';

export interface LowerOptions {
  /** The version of the firmware's interface; 12 when not given. */
  readonly minor?: InterfaceMinor;
  /** The tag of the loadable; none when not given. */
  readonly tag?: LoadableTag;
}

const noVersion: Version = { major: 0, minor: 0, subMinor: 0 };

/** @throws program/invalid for what descriptors cannot say, or more than they have room for */
export const lowerProgram = (
  program: Program,
  blobs: BlobTable,
  target: NvdlaTarget,
  options: LowerOptions = {},
): StockLoadable => lowerNetwork(networkOf(program), blobs, target, options);

/** @throws program/invalid for what descriptors cannot say, or more than they have room for */
export const lowerNetwork = (
  network: TaskNetwork,
  blobs: BlobTable,
  target: NvdlaTarget,
  options: LowerOptions = {},
): StockLoadable => lower(network, blobs, target, options).loadable;

/** Where the parts of a Program are in the loadable. */
export interface ProgramPlaces {
  /** The id of the memory that a surface lies in, at the surface's offset. */
  readonly memoryOf: (surface: Surface) => number;
  /** The layer that an operation is of, by the operation's index. */
  readonly layers: readonly Layer[];
}

export interface LoweredPlaces extends ProgramPlaces {
  readonly loadable: StockLoadable;
}

/** The loadable, and where in it the parts of the Program are. @throws program/invalid */
export function lowerWithPlaces(
  program: Program,
  blobs: BlobTable,
  target: NvdlaTarget,
  options: LowerOptions = {},
): LoweredPlaces {
  const { loadable, places } = lower(networkOf(program), blobs, target, options);
  return { loadable, ...places[0]! };
}

function lower(
  network: TaskNetwork,
  blobs: BlobTable,
  target: NvdlaTarget,
  { minor = 12, tag }: LowerOptions,
): { readonly loadable: StockLoadable; readonly places: readonly ProgramPlaces[] } {
  const memories = new Memories(network);
  const places: ProgramPlaces[] = [];
  const tasks = network.tasks.map((task, id) => {
    if (task.kind === 'emulator') return lowerEmulatorTask(id, task.operations, memories, minor);
    const builder = new TaskBuilder(id, task.program, memories, minor);
    const lowered = lowerTask(builder, blobs, target);
    places.push({ memoryOf: (surface) => builder.memoryOf(surface), layers: lowered.layers });
    return lowered;
  });
  for (const { surface } of [...network.inputs, ...network.outputs]) memories.tensor(surface.name);
  const loadable: StockLoadable = {
    version: { major: 0, minor: 7, subMinor: 0 },
    identified: true,
    tasks: tasks.map(({ addresses, kind }, id) => ({
      id,
      interface: taskInterfaces[kind],
      instance: -1,
      addressList: addresses,
      preActions: [],
      postActions: [id],
    })),
    memories: memories.memories,
    addresses: memories.addresses,
    events: tasks.map((_, id) => ({ id, type: 0, target: id, value: 1, op: 1 })),
    blobs: [...tasks.flatMap((task) => task.blobs), ...(tag ? [tagBlob({ ...tag, layers: layerNames(places) })] : [])],
    tensors: memories.tensors,
    relocations: [],
    submits: tasks.map((_, id) => ({ id, taskIds: [id] })),
  };
  return { loadable, places };
}

/** The layer of each operation, where operations of one task alone need to be told apart. */
const layerNames = ([places, ...others]: readonly ProgramPlaces[]): readonly string[] | undefined =>
  places && others.length === 0 ? places.layers.map(({ name }) => name) : undefined;

/** A task as it is lowered: the ids of its addresses by position, and the blobs that fill its memories. */
export interface LoweredTask {
  readonly kind: 'dla' | 'emulator';
  readonly addresses: readonly number[];
  readonly blobs: readonly Blob[];
}

function lowerTask(
  builder: TaskBuilder,
  blobs: BlobTable,
  target: NvdlaTarget,
): LoweredTask & Pick<ProgramPlaces, 'layers'> {
  const { program, minor } = builder;
  const luts: { readonly key: string; readonly value: LutParam }[] = [];
  const constants = new Map(program.constants.map(({ surface, blob }) => [surface, blobs.get(blob)!]));
  const entries = (surface: number): readonly number[] => {
    const data = constants.get(surface)!;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return Array.from({ length: data.length / 2 }, (_, index) => view.getInt16(2 * index, true));
  };
  const context = {
    target,
    surfaces: program.surfaces,
    place: (surface: Surface) => builder.place(surface),
    pointer: (surface: Surface, bytes: number) => builder.pointer(surface, bytes),
    lut(lookup: Lookup<number>) {
      // Operations with the same table have the same number: the firmware loads it once.
      const key = JSON.stringify(lookup);
      const known = luts.findIndex((lut) => lut.key === key);
      return known >= 0 ? known : luts.push({ key, value: lowerLookup(lookup, entries) }) - 1;
    },
  };
  const layers = program.layers.map((layer) => ({ layer, operations: lowerLayer(layer, context) }));
  const operations = layers.flatMap((lowered) => lowered.operations);
  if (operations.length > 32_767) {
    fail(
      'program/invalid',
      'more operations than descriptors count',
      {},
      { expected: 32_767, actual: operations.length },
    );
  }
  let first = 0;
  const { common, heads } = dependencies(
    layers.map(({ layer, operations: own }) => {
      const entry = { layer, first, types: own.map(({ type }) => type) };
      first += own.length;
      return entry;
    }),
  );
  const crowded = common.find(({ dependencyCount }) => dependencyCount > 255);
  if (crowded) throw new Error(`operation ${crowded.index} waits for ${crowded.dependencyCount} events`);

  const lists = {
    dep_graph: { sub: 2, data: packed(common, () => commonDesc, commonDesc.size) },
    op_list: {
      sub: 3,
      data: packed(
        operations.map(({ op }) => op),
        (index) => operationDescs[operations[index]!.type],
        operationSize,
      ),
    },
    surf_list: {
      sub: 4,
      data: packed(
        operations.map(({ surfaces }) => surfaces),
        (index) => surfaceDescs[minor][operations[index]!.type],
        surfaceSize,
      ),
    },
    lut_list: {
      sub: 5,
      data:
        luts.length > 0
          ? packed(
              luts.map(({ value }) => value),
              () => lutParam,
              lutParam.size,
            )
          : new Uint8Array(lutParam.size),
    },
  };
  const lowered = builder.finish(lists, constants, (addresses) => {
    const bytes = new Uint8Array(networkDesc.size);
    networkDesc.write(new DataView(bytes.buffer), 0, {
      operationDescIndex: addresses.op_list,
      surfaceDescIndex: addresses.surf_list,
      dependencyGraphIndex: addresses.dep_graph,
      lutDataIndex: addresses.lut_list,
      roiArrayIndex: -1,
      surfaceIndex: -1,
      statListIndex: -1,
      reserved1: 0,
      opHead: heads,
      numRois: 1,
      numOperations: operations.length,
      numLuts: luts.length,
      numAddresses: addresses.count,
      inputLayer: 0,
      dynamicRoi: 0,
      reserved0: 0,
    });
    return bytes;
  });
  return { ...lowered, layers: layers.flatMap(({ layer, operations: own }) => own.map(() => layer)) };
}

/** Records one after the other, `pitch` bytes apart. */
function packed(values: readonly unknown[], codec: (index: number) => unknown, pitch: number): Uint8Array {
  const bytes = new Uint8Array(values.length * pitch);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) (codec(index) as Codec<unknown>).write(view, index * pitch, value);
  return bytes;
}

type ListName = 'dep_graph' | 'op_list' | 'surf_list' | 'lut_list';
type Lists = Readonly<Record<ListName, { readonly sub: number; readonly data: Uint8Array }>>;
type ListAddresses = Readonly<Record<ListName | 'count', number>>;

/** Memories and addresses of one task of the hardware. Position 0 of its address list is the network descriptor. */
class TaskBuilder {
  readonly program: Program;
  readonly minor: InterfaceMinor;
  readonly #id: number;
  readonly #memories: Memories;
  readonly #addresses: AddressList;
  readonly #pools = new Map<Surface['memory'], number>();

  constructor(id: number, program: Program, memories: Memories, minor: InterfaceMinor) {
    this.program = program;
    this.minor = minor;
    this.#id = id;
    this.#memories = memories;
    this.#addresses = new AddressList(memories);
    this.#list('addr0', networkDesc.size);
    for (const pool of ['local_dram', 'global_dram', 'managed_sram'] as const) {
      const size = this.#extent(pool);
      if (size === 0) continue;
      const constant = pool === 'global_dram';
      const entry = {
        flags: memoryFlags.alloc | (constant ? memoryFlags.set : 0),
        size,
        contents: constant ? [`tb-${id}`] : [],
        domain: memoryDomainCodes.numbers[pool === 'managed_sram' ? 'sram' : 'system'],
      };
      this.#pools.set(pool, memories.add(entry));
    }
    for (const surface of [...program.inputs, ...program.outputs]) memories.tensor(program.surfaces[surface]!.name);
  }

  /** The position of a list of descriptors in a memory of its own. */
  #list(name: string, size: number): number {
    const flags = memoryFlags.alloc | memoryFlags.set;
    return this.#addresses.position(this.#memories.add({ flags, size, contents: [`task-${this.#id}-${name}`] }));
  }

  #extent(pool: Surface['memory']): number {
    const own = this.program.surfaces.filter(({ memory }) => memory === pool);
    const end = own.reduce((most, { offset, size }) => Math.max(most, offset + size), 0);
    return Math.ceil(end / pageSize) * pageSize;
  }

  place(surface: Surface): { readonly type: number; readonly address: number; readonly offset: number } {
    if (this.minor === 10) return { ...this.pointer(surface, 0), offset: 0 };
    const address = this.#addresses.position(this.memoryOf(surface));
    return { type: memoryType(surface), address, offset: surface.offset };
  }

  pointer(surface: Surface, bytes: number): { readonly type: number; readonly address: number } {
    const address = this.#addresses.position(this.memoryOf(surface), surface.offset + bytes);
    return { type: memoryType(surface), address };
  }

  memoryOf(surface: Surface): number {
    if (surface.memory !== 'io') return this.#pools.get(surface.memory)!;
    return this.#memories.tensor(this.program.surfaces[rootOf(this.program.surfaces, surface.id)]!.name);
  }

  finish(
    lists: Lists,
    constants: ReadonlyMap<number, Uint8Array>,
    describe: (addresses: ListAddresses) => Uint8Array,
  ): LoweredTask {
    const version: Version = { major: 0, minor: this.minor, subMinor: this.minor === 12 ? 3 : 2 };
    const names = Object.keys(lists) as ListName[];
    const positions = Object.fromEntries(
      names.map((name) => [name, this.#list(name, Math.max(1, lists[name].data.length))]),
    ) as Record<ListName, number>;
    const network = describe({ ...positions, count: this.#addresses.ids.length });
    const descriptor = (name: string, subInterface: number, data: Uint8Array): Blob => ({
      name: `task-${this.#id}-${name}`,
      size: data.length,
      interface: taskInterfaces.dla,
      subInterface,
      version,
      data,
    });
    const constant = this.#constantBlob(constants);
    return {
      kind: 'dla',
      addresses: this.#addresses.ids,
      blobs: [
        descriptor('addr0', 1, network),
        ...names.map((name) => descriptor(name, lists[name].sub, lists[name].data)),
        ...(constant ? [constant] : []),
      ],
    };
  }

  #constantBlob(constants: ReadonlyMap<number, Uint8Array>): Blob | undefined {
    const memory = this.#pools.get('global_dram');
    if (memory === undefined) return undefined;
    const data = new Uint8Array(this.#memories.memories[memory]!.size);
    for (const [id, bytes] of constants) data.set(bytes, this.program.surfaces[id]!.offset);
    const name = `tb-${this.#id}`;
    return { name, size: data.length, interface: 0, subInterface: 0, version: noVersion, data };
  }
}

/** The memory type of a data cube: 0 primary memory, 1 secondary. */
const memoryType = ({ memory }: Surface): number => Number(memory === 'managed_sram');
