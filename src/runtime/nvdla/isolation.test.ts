/**
 * What a task may touch: its own buffers. Two networks lie in one memory, and every cube of the one is made to lie in the
 * other, or to leave its buffer: by its offset, by its strides, by its size. Nothing may be read or written there.
 */

import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../base/errors.ts';
import { Bus } from '../../device/bus.ts';
import { referenceEngines } from '../../device/engines/reference/engines.ts';
import { createWasmEngines } from '../../device/engines/wasm/engines.ts';
import type { ImmediateEngines } from '../../device/state.ts';
import { operationTypes, surfaceDescs, surfaceSize } from '../../loadable/nvdla/format/descriptors.ts';
import type { Codec } from '../../loadable/nvdla/format/layout.ts';
import type { StockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { taskDescriptors } from '../../loadable/nvdla/format/task-blobs.ts';
import type { TaskOperation } from '../../loadable/nvdla/format/task-descriptors.ts';
import { lowerProgram } from '../../loadable/nvdla/lower/program.ts';
import { networks } from '../../loadable/nvdla/testing/fixtures.ts';
import { randomProgram } from '../../loadable/nvdla/testing/random-program.ts';
import { nvFull } from '../../targets/nvdla.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { driverOf, submitNow } from './testing/drive.ts';
import { StockNetwork } from './user-driver.ts';

interface Subject {
  readonly name: string;
  readonly target: NvdlaTarget;
  readonly loadable: StockLoadable;
}

const randomOne = (seed: number): Subject => {
  const { program, blobs } = randomProgram(nvFull, seed, 12);
  return { name: `random ${seed}`, target: nvFull, loadable: lowerProgram(program, blobs, nvFull) };
};

const subjects: readonly Subject[] = [
  ...networks().filter(({ name }) => /dec__nv_full_int8|img1__nv_small|im_d/.test(name)),
  randomOne(21),
];

const enginesNamed: readonly (readonly [string, (bus: Bus) => ImmediateEngines | Promise<ImmediateEngines>])[] = [
  ['reference', referenceEngines],
  ['kernels', (bus) => createWasmEngines(bus, { threads: 1 })],
];

type Surfaces = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The loadable with an operation's surfaces changed. */
function withSurfaces(loadable: StockLoadable, operation: TaskOperation, surfaces: object): StockLoadable {
  const blobs = loadable.blobs.map((blob) => {
    if (!blob.name.includes('surf_list')) return blob;
    const data = blob.data.slice();
    const codec = surfaceDescs[12][operation.type] as Codec<unknown>;
    codec.write(new DataView(data.buffer), operation.index * surfaceSize, surfaces);
    return { ...blob, data };
  });
  return { ...loadable, blobs };
}

/** Every cube in memory of an operation, by the name of its field. */
const cubesOf = ({ surfaces }: TaskOperation): readonly string[] =>
  Object.entries(surfaces as unknown as Surfaces)
    .filter(([, cube]) => typeof cube === 'object' && 'address' in cube && cube.address !== -1 && cube.type !== 2)
    .map(([name]) => name);

const changedCube = ({ surfaces }: TaskOperation, name: string, changes: object): object => ({
  ...surfaces,
  [name]: { ...(surfaces as unknown as Surfaces)[name], ...changes },
});

describe.each(enginesNamed)('with the engines of %s', (_, makeEngines) => {
  it.each(subjects)('$name reaches nothing but its own buffers', async ({ target, loadable }) => {
    const bus = new Bus({ maximum: 2 ** 26 });
    const driver = driverOf(target, bus, await makeEngines(bus));
    const victim = new StockNetwork(loadable, driver);
    const secrets = loadable.memories.map(({ id, size }) => {
      const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 37 + 11) & 0xff);
      bus.write(victim.address(id), bytes);
      return { address: victim.address(id), bytes };
    });
    const checkVictim = (what: string): void => {
      const changed = secrets.some(
        ({ address, bytes }) => Buffer.compare(bus.read(address, bytes.length), bytes) !== 0,
      );
      if (changed) throw new Error(`${what} wrote to the other network's memory`);
    };
    /** The code that a run ends with. */
    const run = (changed: StockLoadable, what: string): string => {
      const network = new StockNetwork(changed, driver);
      try {
        submitNow(network);
        return 'none';
      } catch (error) {
        if (error instanceof DlakitError) return error.problem.code;
        throw error;
      } finally {
        network.unload();
        checkVictim(what);
      }
    };
    expect(run(loadable, 'nothing changed')).toBe('none');
    const { operations } = taskDescriptors(loadable, loadable.tasks[0]!);
    const target0 = victim.address(loadable.memories.at(-1)!.id);
    const probe = new StockNetwork(loadable, driver);
    const own = probe.address(loadable.memories[0]!.id);
    probe.unload();
    const types = new Set<string>();
    const firstOf = (operation: TaskOperation): boolean =>
      operations.filter(({ type }) => type === operation.type).indexOf(operation) < 2;
    for (const operation of operations.filter(firstOf)) {
      for (const cube of cubesOf(operation)) {
        // Buffers of a network that is loaded later lie higher, so an offset leads back by going round 32 bits only.
        const distances = [Number(BigInt.asUintN(32, target0 - own)), 0x10_0000, 0xffff_ffe0];
        const codes = distances.map((offset) =>
          run(
            withSurfaces(loadable, operation, changedCube(operation, cube, { offset })),
            `${operation.index} ${cube}`,
          ),
        );
        // A table that the operation does not use may lie anywhere.
        expect([['device/fault'], ['none']]).toContainEqual([...new Set(codes)]);
        if (codes[0] === 'device/fault') types.add(operation.type);
        for (const field of ['lineStride', 'surfaceStride']) {
          for (const value of [0, 0xffff_ffe0]) {
            const surfaces = changedCube(operation, cube, { [field]: value });
            const code = run(withSurfaces(loadable, operation, surfaces), `${operation.index} ${cube}.${field}`);
            expect(['none', 'device/fault', 'loadable/corrupt', 'device/unsupported']).toContain(code);
          }
        }
      }
      if (operation.type !== 'bdma') continue;
      const [transfer, ...others] = operation.surfaces.transfers;
      for (const changes of [
        { sourceLine: 0x1000_0000, sourceSurface: 0x2000_0000, lineRepeat: 2 },
        { destinationLine: 0x1000_0000, destinationSurface: 0x2000_0000, lineRepeat: 2 },
        { destinationSurface: 0xffff_ffe0, surfaceRepeat: 2 },
      ]) {
        const surfaces = { ...operation.surfaces, transfers: [{ ...transfer!, ...changes }, ...others] };
        expect(run(withSurfaces(loadable, operation, surfaces), 'a transfer')).toBe('device/fault');
        types.add(operation.type);
      }
    }
    const wanted = new Set(operations.map(({ type }) => type));
    expect([...types].sort()).toEqual(operationTypes.filter((type) => wanted.has(type)).sort());
    expect(run(loadable, 'nothing changed')).toBe('none');
  });
});
