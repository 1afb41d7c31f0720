/**
 * Stock loadables that are wrong in a chosen place: in the bytes of the file, in an entry of one of its lists, or in a field of
 * a descriptor. What is changed inside is put together again, so that it reaches the drivers, the firmware and the engines.
 */

import type { Random } from '../../../src/base/random.ts';
import {
  commonDesc,
  lutParam,
  networkDesc,
  operationDescs,
  operationSize,
  operationTypes,
  surfaceDescs,
  surfaceSize,
} from '../../../src/loadable/nvdla/format/descriptors.ts';
import {
  bufferPitch,
  emulatorLayouts,
  emulatorNetwork,
} from '../../../src/loadable/nvdla/format/emulator-descriptors.ts';
import type { Codec } from '../../../src/loadable/nvdla/format/layout.ts';
import {
  encodeStockLoadable,
  type StockLoadable,
  taskInterfaces,
} from '../../../src/loadable/nvdla/format/stock-loadable.ts';
import { concatenate } from '../onnx-tree.ts';
import { nastyFloats, nastyIntegers } from '../random.ts';
import { mutateTree } from './mutate-tree.ts';

const times = (random: Random): number => (random.chance(0.7) ? 1 : 2 + random.below(3));

/** Entries of the lists of a file. */
export function mutateEntries(loadable: StockLoadable, random: Random): Uint8Array {
  let changed = loadable;
  for (let count = times(random); count > 0; count--) changed = mutateTree(changed, random);
  return encodeStockLoadable(changed);
}

/** Words of a file, which is offsets, sizes and descriptors, and nothing in it is hashed. */
export function mutateWords(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.05)) return bytes.slice(0, random.below(bytes.length));
  if (random.chance(0.03)) return concatenate([bytes, random.bytes(1 + random.below(64))]);
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let count = times(random); count > 0; count--) {
    const size = random.pick([1, 2, 4, 4, 8] as const);
    let at = size * random.below(Math.floor(copy.length / size));
    // Most of a file is zeros, where nothing lies; half of the time look for something.
    for (let tries = 0; tries < 20 && copy[at] === 0 && random.chance(0.9); tries++) {
      at = size * random.below(Math.floor(copy.length / size));
    }
    const nasty = random.pick(nastyIntegers);
    const near = random.below(9) - 4;
    const isNasty = random.chance(0.5);
    if (size === 1) copy[at] = isNasty ? Number(nasty & 255n) : copy[at]! + near;
    else if (size === 2) view.setUint16(at, isNasty ? Number(nasty & 0xffffn) : view.getUint16(at, true) + near, true);
    else if (size === 8) view.setBigUint64(at, isNasty ? nasty : view.getBigUint64(at, true) + BigInt(near), true);
    else if (random.chance(0.1)) view.setFloat32(at, random.pick(nastyFloats), true);
    else view.setUint32(at, isNasty ? Number(nasty & 0xffff_ffffn) : view.getUint32(at, true) + near, true);
  }
  return copy;
}

/** A list of descriptors in a blob: how to read and write an entry. */
interface DescriptorList {
  readonly blob: string;
  readonly pitch: number;
  readonly codec: (index: number) => Codec<unknown> | undefined;
}

/** The lists of a loadable, as far as their blobs say what they are. */
function listsOf({ blobs }: StockLoadable): readonly DescriptorList[] {
  const dependencies = blobs.find(({ name, subInterface }) => subInterface === 2 || name.includes('dep'));
  const typeOf = (index: number) => {
    const at = index * commonDesc.size + 3;
    return operationTypes[dependencies?.data[at] ?? -1];
  };
  return blobs.flatMap(({ name, interface: owner, subInterface, version }): readonly DescriptorList[] => {
    const list = (pitch: number, codec: DescriptorList['codec']) => [{ blob: name, pitch, codec }];
    const plain = (codec: Codec<unknown>, pitch = codec.size) => list(pitch, () => codec);
    if (owner === taskInterfaces.emulator) {
      const layout = emulatorLayouts[version.minor === 0 ? 'current' : 'older'];
      if (subInterface === 1) return plain(emulatorNetwork as Codec<unknown>);
      if (subInterface === 2 || subInterface === 3)
        return plain(layout.operation as Codec<unknown>, layout.operationPitch);
      return plain(layout.buffer as Codec<unknown>, bufferPitch);
    }
    const minor = version.minor === 12 ? 12 : 10;
    switch (subInterface) {
      case 1:
        return plain(networkDesc as Codec<unknown>);
      case 2:
        return plain(commonDesc as Codec<unknown>);
      case 3:
        return list(operationSize, (index) => {
          const type = typeOf(index);
          return type && (operationDescs[type] as Codec<unknown>);
        });
      case 4:
        return list(surfaceSize, (index) => {
          const type = typeOf(index);
          return type && (surfaceDescs[minor][type] as Codec<unknown>);
        });
      case 5:
        return plain(lutParam as Codec<unknown>);
      default:
        return [];
    }
  });
}

/** Fields of descriptors, and descriptors as a whole: swapped, doubled, cut off. */
export function mutateDescriptors(loadable: StockLoadable, random: Random): StockLoadable {
  const lists = listsOf(loadable);
  let changed = random.chance(0.1) ? mislaid(loadable, random) : loadable;
  for (let count = times(random); count > 0 && lists.length > 0; count--) {
    const list = random.pick(lists);
    changed = {
      ...changed,
      blobs: changed.blobs.map((blob) =>
        blob.name === list.blob ? { ...blob, data: mutateList(blob.data, list, random) } : blob,
      ),
    };
  }
  return changed;
}

/** An address that leads out of its memory, as no file that is read has: buffers lie whole pages apart. */
function mislaid(loadable: StockLoadable, random: Random): StockLoadable {
  const at = random.below(loadable.addresses.length);
  const offset = 4096 * (1 + random.below(48));
  const addresses = loadable.addresses.map((entry, index) => (index === at ? { ...entry, offset } : entry));
  return { ...loadable, addresses };
}

function mutateList(data: Uint8Array, { pitch, codec }: DescriptorList, random: Random): Uint8Array {
  const entries = Math.floor(data.length / pitch);
  if (entries === 0) return data;
  if (random.chance(0.04)) return data.slice(0, random.below(data.length));
  const copy = data.slice();
  const at = random.below(entries);
  if (random.chance(0.1)) {
    const other = random.below(entries);
    const isSwap = random.chance(0.5);
    copy.set(data.subarray(at * pitch, (at + 1) * pitch), other * pitch);
    if (isSwap) copy.set(data.subarray(other * pitch, (other + 1) * pitch), at * pitch);
    return copy;
  }
  const own = codec(at);
  if (!own || own.size > data.length - at * pitch) return copy;
  const view = new DataView(copy.buffer);
  const old = own.read(view, at * pitch);
  const changed = random.chance(0.15) ? steered(old, random) : mutateTree(old, random);
  own.write(view, at * pitch, whole(changed, old));
  return copy;
}

/** A cube that begins in another buffer, or whose lines and surfaces reach into it. */
function steered(surfaces: unknown, random: Random): unknown {
  const record = surfaces as Readonly<Record<string, unknown>>;
  const cubes = Object.keys(record).filter((name) => typeof record[name] === 'object' && 'lineStride' in record[name]!);
  if (cubes.length === 0) return mutateTree(surfaces, random);
  const name = random.pick(cubes);
  const field = random.pick(['offset', 'offset', 'lineStride', 'surfaceStride', 'planeStride'] as const);
  return { ...record, [name]: { ...record[name]!, [field]: 4096 * (1 + random.below(48)) } };
}

/** Lists within a descriptor have their length: what a mutation took out is what was there. */
function whole(changed: unknown, old: unknown): unknown {
  if (Array.isArray(old)) {
    const list = changed as readonly unknown[];
    return old.map((item: unknown, index) => (index < list.length ? whole(list[index], item) : item));
  }
  if (typeof old !== 'object' || old === null) return changed;
  const record = changed as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(old).map(([key, item]) => [key, whole(record[key], item)]));
}
