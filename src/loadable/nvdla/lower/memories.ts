/**
 * The memories, addresses and tensor descriptors of a loadable that is being written. Every tensor has a memory of its own, which
 * the application binds if it is an input or output of the network; a task knows an address by its position in the task's list.
 */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { elementsPerAtom } from '../../../program/geometry.ts';
import {
  dataCategoryCodes,
  dataFormatCodes,
  dataTypeCodes,
  memoryDomainCodes,
  pixelMappingCodes,
} from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import { featureData, featureDataX8, pixelFormatOf } from '../../../program/nvdla/pixel-formats.ts';
import type { Surface } from '../../../program/surface.ts';
import { type AddressEntry, type MemoryEntry, memoryFlags, type TensorDesc } from '../format/stock-loadable.ts';
import type { TaskNetwork } from '../lift/task-network.ts';

export const pageSize = 4096;
/** nvdla/sw kmd nvdla_ioctl.h, NVDLA_MAX_BUFFERS_PER_TASK. */
const mostAddresses = 6144;

export class Memories {
  readonly memories: MemoryEntry[] = [];
  readonly addresses: AddressEntry[] = [];
  readonly tensors: TensorDesc[] = [];
  readonly #network: TaskNetwork;
  readonly #sizes: ReadonlyMap<string, number>;
  /** Memories of tensors, by name. */
  readonly #bound = new Map<string, number>();
  /** Address ids, by memory and offset. */
  readonly #known = new Map<string, number>();

  constructor(network: TaskNetwork) {
    this.#network = network;
    this.#sizes = tensorSizes(network);
  }

  add(entry: Partial<MemoryEntry> & Pick<MemoryEntry, 'flags' | 'size'>): number {
    const id = this.memories.length;
    this.memories.push({
      id,
      domain: memoryDomainCodes.numbers.system,
      alignment: pageSize,
      contents: [],
      offsets: (entry.contents ?? []).map(() => 0),
      bindId: 0,
      tensorDescId: 0,
      ...entry,
    });
    return id;
  }

  /** The memory of a tensor, which is added when it is new. */
  tensor(name: string): number {
    const known = this.#bound.get(name);
    if (known !== undefined) return known;
    const id = this.#tensor(name);
    this.#bound.set(name, id);
    return id;
  }

  #tensor(name: string): number {
    const size = this.#sizes.get(name)!;
    for (const [flag, tensors] of [
      [memoryFlags.input, this.#network.inputs],
      [memoryFlags.output, this.#network.outputs],
    ] as const) {
      const bindId = tensors.findIndex(({ surface }) => surface.name === name);
      if (bindId < 0) continue;
      const tensorDescId = this.tensors.length;
      const id = this.add({ flags: memoryFlags.alloc | flag, size, bindId, tensorDescId });
      this.tensors.push({ ...tensorOf(tensors[bindId]!.surface, tensorDescId, id), size });
      return id;
    }
    return this.add({ flags: memoryFlags.alloc, size });
  }

  address(memoryId: number, offset: number, size: number): number {
    const key = `${memoryId} ${offset}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.addresses.length;
    if (id > 0xffff) fail('program/invalid', 'more addresses than a loadable counts', {}, { expected: 0x10000 });
    this.addresses.push({ id, memoryId, offset, size });
    this.#known.set(key, id);
    return id;
  }
}

/** The address list of a task. */
export class AddressList {
  readonly #memories: Memories;
  readonly #positions = new Map<number, number>();

  constructor(memories: Memories) {
    this.#memories = memories;
  }

  /** Ids, by position. */
  get ids(): readonly number[] {
    return [...this.#positions.keys()];
  }

  /** The position of a place in a memory, which is added when it is new. @throws program/invalid when there are too many */
  position(memoryId: number, offset = 0): number {
    const { size } = this.#memories.memories[memoryId]!;
    const id = this.#memories.address(memoryId, offset, size - offset);
    const known = this.#positions.get(id);
    if (known !== undefined) return known;
    const position = this.#positions.size;
    if (position >= mostAddresses)
      fail('program/invalid', 'more surfaces than addresses', {}, { expected: mostAddresses });
    this.#positions.set(id, position);
    return position;
  }
}

/** Bytes that the memory of each tensor needs. */
function tensorSizes({ inputs, outputs, tasks }: TaskNetwork): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  const need = (name: string, size: number): void => void sizes.set(name, Math.max(sizes.get(name) ?? 0, size));
  for (const { surface, size } of [...inputs, ...outputs]) need(surface.name, Math.max(size, surface.size));
  for (const task of tasks) {
    if (task.kind === 'dla') {
      const { program } = task;
      for (const id of [...program.inputs, ...program.outputs]) {
        const { name, size } = program.surfaces[id]!;
        need(name, size);
      }
    } else {
      for (const { tensor, offset, size } of task.operations.flatMap(({ input, output }) => [input, output])) {
        need(tensor, offset + size);
      }
    }
  }
  return sizes;
}

function tensorOf(surface: Surface, id: number, memoryId: number): Omit<TensorDesc, 'size'> {
  const { name, shape, dtype, format, lineStride, surfaceStride } = surface;
  const [n, c, h, w] = shape;
  const image = format === 'dla_hwc4';
  const element = elementSize[dtype];
  const type = dtype as ConvolutionPrecision;
  const pixel = image ? pixelFormatOf(type, c === 1 ? [0] : [0, 1, 2, 3]) : undefined;
  const atom = elementsPerAtom(format) * element;
  return {
    name,
    id,
    memoryId,
    offset: 0,
    dataFormat: dataFormatCodes.numbers[image ? 'NHWC' : format === 'dla_linear' ? 'NCHW' : 'NCxHWx'],
    dataType: dataTypeCodes.numbers[type],
    dataCategory: dataCategoryCodes.numbers[image ? 'image' : 'feature'],
    pixelFormat: pixel ?? (atom === 8 ? featureDataX8 : featureData),
    pixelMapping: pixelMappingCodes.numbers['pitch linear'],
    dims: { n, c: image && c > 1 ? 4 : c, h, w },
    strides: [element, lineStride, surfaceStride, 0, 0, 0, 0, 0],
  };
}
