import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import { anyLoadable } from '../testing/arbitrary-loadable.ts';
import { fixture, networks, operations } from '../testing/fixtures.ts';
import { mutantOf } from '../testing/mutant.ts';
import {
  cdpOp,
  commonDesc,
  convOp,
  lutParam,
  networkDesc,
  operationSize,
  pdpOp,
  sdpOp,
  surfaceDescs,
  surfaceSize,
} from './descriptors.ts';
import { decode } from './layout.ts';
import { decodeStockLoadable, encodeStockLoadable, entryById, type StockLoadable } from './stock-loadable.ts';
import { interfaceMinor, readTaskDescriptors, type TaskDescriptors } from './task-descriptors.ts';

const file = (name: string, version: 10 | 12): Uint8Array => fixture(`ops/${name}/model_v${version}.nvdla`).bytes;
const names = [...new Set(operations().map(({ name }) => name.split('/')[1]!))];

/** Descriptors straight from the blobs. */
function descriptors(loadable: StockLoadable): TaskDescriptors {
  const task = entryById(loadable.tasks, 0, 'task');
  return readTaskDescriptors(
    (position, offset, length) => {
      const { memoryId } = entryById(loadable.addresses, task.addressList[position] ?? -1, 'address');
      const { contents } = entryById(loadable.memories, memoryId, 'memory');
      const blob = loadable.blobs.find(({ name }) => name === contents[0]);
      return (blob?.data ?? new Uint8Array(0)).subarray(offset, offset + length);
    },
    interfaceMinor(loadable, task),
  );
}

const problemCode = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem.code;
    throw error;
  }
  return undefined;
};

/** With the bytes of blobs as texts, which compare faster. */
const comparable = (loadable: StockLoadable): unknown => ({
  ...loadable,
  blobs: loadable.blobs.map(({ data, ...blob }) => ({ ...blob, data: Buffer.from(data).toString('latin1') })),
});

/** Where a field of a table lies; undefined when it is left out. */
function fieldAt(view: DataView, table: number, slot: number): number | undefined {
  const layout = table - view.getInt32(table, true);
  const offset = 4 + 2 * slot < view.getUint16(layout, true) ? view.getUint16(layout + 4 + 2 * slot, true) : 0;
  return offset === 0 ? undefined : table + offset;
}

/** What a field that is always there refers to. */
function referred(view: DataView, table: number, slot: number): number {
  const at = fieldAt(view, table, slot);
  if (at === undefined) throw new Error(`slot ${slot} is left out`);
  return at + view.getUint32(at, true);
}

function tablesAt(view: DataView, list: number): readonly number[] {
  return Array.from({ length: view.getUint32(list, true) }, (_, index) => {
    const at = list + 4 + 4 * index;
    return at + view.getUint32(at, true);
  });
}

describe('stock loadables', () => {
  it('have descriptors of the sizes that the firmware reads', () => {
    // nvdla/sw dla_interface.h
    expect(networkDesc.size).toBe(40);
    expect(commonDesc.size).toBe(36);
    expect(lutParam.size).toBe(700);
    expect([convOp, sdpOp, pdpOp, cdpOp].map(({ size }) => size)).toEqual([92, operationSize, 52, 24]);
    expect(surfaceDescs[12].bdma.size).toBe(surfaceSize);
    expect(surfaceDescs[12].conv.size).toBe(5 * 32 + 12);
    expect(surfaceDescs[10].conv.size).toBe(5 * 28 + 12);
  });

  it('say the same in both interface versions', () => {
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const [old, current] = [decodeStockLoadable(file(name, 10)), decodeStockLoadable(file(name, 12))];
      expect([old.identified, current.identified]).toEqual([false, true]);
      expect(old.version).toEqual({ major: 0, minor: 7, subMinor: 0 });
      expect(interfaceMinor(old, old.tasks[0]!)).toBe(10);
      expect(interfaceMinor(current, current.tasks[0]!)).toBe(12);
      expect(old.tasks).toEqual(current.tasks);
      expect(old.addresses.map(({ id, memoryId }) => [id, memoryId])).toEqual(
        current.addresses.map(({ id, memoryId }) => [id, memoryId]),
      );
      expect(descriptors(old)).toEqual(descriptors(current));
    }
  });

  it('describe a convolution and the point operation behind it', () => {
    const { network, operations } = descriptors(decodeStockLoadable(file('nv_small_CONV_s3_002', 12)));
    expect(network.numOperations).toBe(2);
    expect(operations.map(({ type }) => type)).toEqual(['conv', 'sdp']);
    const [conv, sdp] = operations;
    expect(conv?.common.dependencyCount).toBeGreaterThan(0);
    expect(sdp?.common.fusedParent.index).toBe(0);
    if (conv?.type !== 'conv' || sdp?.type !== 'sdp') throw new Error('unreachable');
    expect(conv.surfaces.dst.channel).toBe(sdp.surfaces.dst.channel);
    expect(sdp.surfaces.src.type).toBe(2);
  });

  it('write back what they read', () => {
    const { data } = decodeStockLoadable(file('nv_full_CDP_s3_051', 12)).blobs.find(
      ({ subInterface }) => subInterface === 5,
    )!;
    const copy = new Uint8Array(lutParam.size);
    lutParam.write(new DataView(copy.buffer), 0, decode(lutParam, data));
    expect(copy).toEqual(data.slice(0, lutParam.size));
  });

  it('are the same after they were written, with and without identifier', () => {
    for (const { name, loadable } of [...networks(), ...operations()]) {
      const written = encodeStockLoadable(loadable);
      const again = decodeStockLoadable(written);
      expect(comparable(again), name).toEqual(comparable(loadable));
      expect(Buffer.compare(encodeStockLoadable(again), written), name).toBe(0);
    }
  });

  it('keep every field, whatever its value', () => {
    fc.assert(
      fc.property(anyLoadable, (loadable) => {
        expect(decodeStockLoadable(encodeStockLoadable(loadable))).toEqual(loadable);
      }),
      { numRuns: 500 },
    );
  });

  it('are written as NVDLA’s runtime reads them: lists are there, and lie where their elements are aligned', () => {
    fc.assert(
      fc.property(anyLoadable, (loadable) => {
        const written = encodeStockLoadable(loadable);
        const view = new DataView(written.buffer, written.byteOffset, written.byteLength);
        const [, tasks, memories, addresses, events, blobs, tensors] = Array.from({ length: 9 }, (_, slot) =>
          slot === 0 ? [] : tablesAt(view, referred(view, view.getUint32(0, true), slot)),
        );
        // nvdla/sw loadable.fbs: slots of 32 and 64 bits, of lists of them, and of text and structs.
        for (const [list, wide, references] of [
          [tasks, [[1, 4]], [3, 4, 5]],
          [
            memories,
            [
              [3, 8],
              [4, 4],
            ],
            [5, 6],
          ],
          [
            addresses,
            [
              [2, 8],
              [3, 8],
            ],
            [],
          ],
          [events, [[3, 4]], []],
          [
            blobs,
            [
              [1, 8],
              [2, 4],
            ],
            [0, 5],
          ],
          [
            tensors,
            [
              [3, 8],
              [4, 8],
              [10, 4],
              [21, 4],
            ],
            [0],
          ],
        ] as const) {
          for (const table of list!) {
            for (const [slot, size] of wide) expect((fieldAt(view, table, slot) ?? 0) % size).toBe(0);
            for (const slot of references) expect(referred(view, table, slot) % 4).toBe(0);
          }
        }
        for (const table of memories!) expect((referred(view, table, 6) + 4) % 8).toBe(0);
        for (const table of blobs!) expect(fieldAt(view, table, 4)).toBeDefined();
      }),
      { numRuns: 100 },
    );
  });

  it('are refused when they are something else', () => {
    expect(problemCode(() => decodeStockLoadable(new Uint8Array(0)))).toBe('loadable/not-a-loadable');
    expect(problemCode(() => decodeStockLoadable(new TextEncoder().encode('no loadable at all')))).toBe(
      'loadable/not-a-loadable',
    );
    const other = file('nv_small_PDP_s3_001', 12);
    const at = other.findIndex(
      (byte, index) => byte === 0 && other[index + 1] === 7 && other[index + 2] === 0 && index > 8,
    );
    other[at + 1] = 9;
    expect(problemCode(() => decodeStockLoadable(other))).toBe('loadable/version');
  });

  it('are refused wherever they are cut off, or still read whole', () => {
    const whole = file('nv_small_PDP_s3_001', 12);
    for (let length = 0; length < whole.length; length += 7) {
      const code = problemCode(() => decodeStockLoadable(whole.subarray(0, length)));
      expect(code, `${length} bytes`).toMatch(/^loadable\//);
    }
  });

  it('end in a typed error or a loadable, whatever bytes change', () => {
    const files = ['nv_small_PDP_s3_001', 'nv_small_CDP_s3_016'].flatMap((name) => [file(name, 10), file(name, 12)]);
    const codes = new Set<string | undefined>();
    fc.assert(
      fc.property(mutantOf(files), (mutant) => {
        codes.add(problemCode(() => descriptors(decodeStockLoadable(mutant))));
      }),
      { numRuns: 2000 },
    );
    expect(codes.has(undefined)).toBe(true);
    expect(codes.size).toBeGreaterThan(2);
  });
});
