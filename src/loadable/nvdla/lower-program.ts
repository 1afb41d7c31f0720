/**
 * A Program as a stock loadable: one DLA task. Intermediates share one memory, constants another that is filled from one
 * blob, every input and output has a memory that the application binds. In interface 0.12 an address names a memory and
 * cubes have offsets in it; in 0.10 cubes have none, and every one of them has an address of its own.
 *
 * Names of blobs and their order are those of NVIDIA's compiler (nvdla-facts section 1).
 */

import { fail } from '../../graph/errors.ts';
import { elementSize, elementsPerAtom } from '../../program/geometry.ts';
import type { Layer, Lookup } from '../../program/layer.ts';
import { rootOf } from '../../program/liveness.ts';
import type { BlobTable, Program } from '../../program/program.ts';
import type { Surface } from '../../program/surface.ts';
import type { Target } from '../../targets/target.ts';
import { dependencies } from './dependencies.ts';
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
} from './descriptors.ts';
import type { Codec } from './layout.ts';
import { lowerLayer, lowerLookup } from './lower-operations.ts';
import {
  type AddressEntry,
  type Blob,
  type MemoryEntry,
  memoryFlags,
  type StockLoadable,
  type TensorDesc,
  taskInterfaces,
  type Version,
} from './stock-loadable.ts';
import { type LoadableTag, tagBlob } from './tag.ts';

export interface LowerOptions {
  /** The version of the firmware's interface; 12 when not given. */
  readonly minor?: InterfaceMinor;
  /** What the loadable says of itself; nothing when not given. */
  readonly tag?: LoadableTag;
}

const pageSize = 4096;
/** nvdla/sw kmd nvdla_ioctl.h, NVDLA_MAX_BUFFERS_PER_TASK. */
const mostAddresses = 6144;
const noVersion: Version = { major: 0, minor: 0, subMinor: 0 };

/** @throws program/invalid for what descriptors cannot say, or more than they have room for */
export const lowerProgram = (
  program: Program,
  blobs: BlobTable,
  target: Target,
  options: LowerOptions = {},
): StockLoadable => lowerWithPlaces(program, blobs, target, options).loadable;

export interface LoweredPlaces {
  readonly loadable: StockLoadable;
  /** The id of the memory that a surface lies in, at the surface's offset. */
  readonly memoryOf: (surface: Surface) => number;
  /** The layer that an operation is of, by the operation's index. */
  readonly layers: readonly Layer[];
}

/** The loadable, and where in it the parts of the Program are. @throws program/invalid */
export function lowerWithPlaces(
  program: Program,
  blobs: BlobTable,
  target: Target,
  { minor = 12, tag }: LowerOptions = {},
): LoweredPlaces {
  const builder = new Builder(program, minor);
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
  const loadable = builder.finish(lists, constants, (addresses) => {
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
  const layerOf = layers.flatMap(({ layer, operations: own }) => own.map(() => layer));
  const blob = tag && tagBlob({ ...tag, layers: layerOf.map(({ name }) => name) });
  return {
    loadable: blob ? { ...loadable, blobs: [...loadable.blobs, blob] } : loadable,
    memoryOf: (surface) => builder.memoryOf(surface),
    layers: layerOf,
  };
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

/** Memories, addresses and tensors of one task. Position 0 of the address list is the network descriptor. */
class Builder {
  readonly #program: Program;
  readonly #minor: InterfaceMinor;
  readonly #memories: MemoryEntry[] = [];
  readonly #addresses: AddressEntry[] = [];
  readonly #tensors: TensorDesc[] = [];
  /** Positions in the address list, by memory and offset. */
  readonly #positions = new Map<string, number>();
  readonly #pools = new Map<Surface['memory'], number>();
  readonly #io = new Map<number, number>();

  constructor(program: Program, minor: InterfaceMinor) {
    this.#program = program;
    this.#minor = minor;
    this.#memory({ flags: memoryFlags.alloc | memoryFlags.set, size: networkDesc.size, contents: ['task-0-addr0'] });
    this.#address(0, 0, networkDesc.size);
    for (const pool of ['local_dram', 'global_dram', 'managed_sram'] as const) {
      const size = this.#extent(pool);
      if (size === 0) continue;
      const constant = pool === 'global_dram';
      this.#pools.set(
        pool,
        this.#memory({
          flags: memoryFlags.alloc | (constant ? memoryFlags.set : 0),
          size,
          contents: constant ? ['tb-0'] : [],
          domain: pool === 'managed_sram' ? 1 : 0,
        }),
      );
    }
    for (const [flag, ids] of [
      [memoryFlags.input, program.inputs],
      [memoryFlags.output, program.outputs],
    ] as const) {
      for (const [bindId, id] of ids.entries()) this.#bound(id, flag, bindId);
    }
  }

  #extent(pool: Surface['memory']): number {
    const own = this.#program.surfaces.filter(({ memory }) => memory === pool);
    const end = own.reduce((most, { offset, size }) => Math.max(most, offset + size), 0);
    return Math.ceil(end / pageSize) * pageSize;
  }

  #memory(entry: Partial<MemoryEntry> & Pick<MemoryEntry, 'flags' | 'size'>): number {
    const id = this.#memories.length;
    this.#memories.push({
      id,
      domain: 0,
      alignment: pageSize,
      contents: [],
      offsets: (entry.contents ?? []).map(() => 0),
      bindId: 0,
      tensorDescId: 0,
      ...entry,
    });
    return id;
  }

  #address(memoryId: number, offset: number, size: number): number {
    const key = `${memoryId} ${offset}`;
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    const position = this.#addresses.length;
    if (position >= mostAddresses)
      fail('program/invalid', 'more surfaces than addresses', {}, { expected: mostAddresses });
    this.#addresses.push({ id: position, memoryId, offset, size });
    this.#positions.set(key, position);
    return position;
  }

  #bound(id: number, flag: number, bindId: number): void {
    const surface = this.#program.surfaces[id]!;
    const tensorDescId = this.#tensors.length;
    const size = Math.ceil(surface.size / 64) * 64;
    const memoryId = this.#memory({ flags: memoryFlags.alloc | flag, size, bindId, tensorDescId });
    this.#tensors.push(tensorOf(surface, tensorDescId, memoryId));
    this.#io.set(id, memoryId);
  }

  place(surface: Surface): { readonly type: number; readonly address: number; readonly offset: number } {
    if (this.#minor === 10) return { ...this.pointer(surface, 0), offset: 0 };
    const memoryId = this.memoryOf(surface);
    const { size } = this.#memories[memoryId]!;
    return { type: memoryType(surface), address: this.#address(memoryId, 0, size), offset: surface.offset };
  }

  pointer(surface: Surface, bytes: number): { readonly type: number; readonly address: number } {
    const memoryId = this.memoryOf(surface);
    const offset = surface.offset + bytes;
    const address = this.#address(memoryId, offset, this.#memories[memoryId]!.size - offset);
    return { type: memoryType(surface), address };
  }

  memoryOf(surface: Surface): number {
    if (surface.memory !== 'io') return this.#pools.get(surface.memory)!;
    return this.#io.get(rootOf(this.#program.surfaces, surface.id))!;
  }

  finish(
    lists: Lists,
    constants: ReadonlyMap<number, Uint8Array>,
    describe: (addresses: ListAddresses) => Uint8Array,
  ): StockLoadable {
    const version: Version = { major: 0, minor: this.#minor, subMinor: this.#minor === 12 ? 3 : 2 };
    const names = Object.keys(lists) as ListName[];
    const positions = Object.fromEntries(
      names.map((name) => {
        const size = Math.max(1, lists[name].data.length);
        const flags = memoryFlags.alloc | memoryFlags.set;
        return [name, this.#address(this.#memory({ flags, size, contents: [`task-0-${name}`] }), 0, size)];
      }),
    ) as Record<ListName, number>;
    const network = describe({ ...positions, count: this.#addresses.length });
    const descriptor = (name: string, subInterface: number, data: Uint8Array): Blob => ({
      name,
      size: data.length,
      interface: taskInterfaces.dla,
      subInterface,
      version,
      data,
    });
    const constant = this.#constantBlob(constants);
    return {
      version: { major: 0, minor: 7, subMinor: 0 },
      identified: true,
      tasks: [
        {
          id: 0,
          interface: taskInterfaces.dla,
          instance: -1,
          addressList: this.#addresses.map(({ id }) => id),
          preActions: [],
          postActions: [0],
        },
      ],
      memories: this.#memories,
      addresses: this.#addresses,
      events: [{ id: 0, type: 0, target: 0, value: 1, op: 1 }],
      blobs: [
        descriptor('task-0-addr0', 1, network),
        ...names.map((name) => descriptor(`task-0-${name}`, lists[name].sub, lists[name].data)),
        ...(constant ? [constant] : []),
      ],
      tensors: this.#tensors,
      relocations: [],
      submits: [{ id: 0, taskIds: [0] }],
    };
  }

  #constantBlob(constants: ReadonlyMap<number, Uint8Array>): Blob | undefined {
    const memory = this.#pools.get('global_dram');
    if (memory === undefined) return undefined;
    const data = new Uint8Array(this.#memories[memory]!.size);
    for (const [id, bytes] of constants) data.set(bytes, this.#program.surfaces[id]!.offset);
    return { name: 'tb-0', size: data.length, interface: 0, subInterface: 0, version: noVersion, data };
  }
}

/** Of a data cube: 0 primary memory, 1 secondary. */
const memoryType = ({ memory }: Surface): number => Number(memory === 'managed_sram');

/** nvdla/sw umd `nvdla/ILoadable.h` and `dlatypes.h`: data format, data type, category, pixel format. */
const formats = { nchw: 1, nhwc: 2, ncxhwx: 3 } as const;
const types = { float16: 2, int16: 3, int8: 4 } as const;
const categories = { image: 0, feature: 2 } as const;
const featurePixels: Readonly<Record<number, number>> = { 32: 36, 8: 37, 16: 36 };

function tensorOf(surface: Surface, id: number, memoryId: number): TensorDesc {
  const { name, shape, dtype, format, lineStride, surfaceStride, size } = surface;
  const [n, c, h, w] = shape;
  const image = format === 'dla_hwc4';
  const element = elementSize(dtype);
  const pixel = dtype === 'float16' ? (c === 1 ? 5 : 8) : c === 1 ? 0 : 12;
  return {
    name,
    id,
    memoryId,
    size,
    offset: 0,
    dataFormat: image ? formats.nhwc : format === 'dla_linear' ? formats.nchw : formats.ncxhwx,
    dataType: types[dtype as keyof typeof types],
    dataCategory: image ? categories.image : categories.feature,
    pixelFormat: image ? pixel : (featurePixels[elementsPerAtom(format) * element] ?? featurePixels[32]!),
    pixelMapping: 0,
    dims: { n, c: image && c > 1 ? 4 : c, h, w },
    strides: [element, lineStride, surfaceStride, 0, 0, 0, 0, 0],
  };
}
