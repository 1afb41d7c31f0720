/**
 * Lifting against lowering: what was lowered comes back as it was, and whatever anybody wrote into descriptors either is refused by
 * name or lowers to a loadable that leaves the same bytes.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import { bytes } from '../../../base/units.ts';
import { layerReads } from '../../../program/access.ts';
import { surfaceGeometry } from '../../../program/geometry.ts';
import { printProgram } from '../../../program/print.ts';
import type { Program } from '../../../program/program.ts';
import type { Shape4, Surface } from '../../../program/surface.ts';
import { problemOf } from '../../../program/testing/problem-of.ts';
import { driverOf, submitNow } from '../../../runtime/nvdla/testing/drive.ts';
import { StockNetwork } from '../../../runtime/nvdla/user-driver.ts';
import { targets } from '../../../targets/find.ts';
import { nvFull, nvSmall } from '../../../targets/nvdla.ts';
import { isNvdla, type NvdlaTarget } from '../../../targets/target.ts';
import type { InterfaceMinor } from '../format/descriptors.ts';
import { decodeStockLoadable, memoryFlags, type StockLoadable } from '../format/stock-loadable.ts';
import { taskDescriptors } from '../format/task-blobs.ts';
import { lowerNetwork, lowerProgram } from '../lower/program.ts';
import { canonicalProgram } from '../testing/canonical-program.ts';
import { type Editable, withEdited, withNetwork, withOperation } from '../testing/edited-loadable.ts';
import { fixture, networks, operations } from '../testing/fixtures.ts';
import { mutantOf } from '../testing/mutant.ts';
import { randomProgram } from '../testing/random-program.ts';
import { type LiftedNetwork, liftLoadable } from './loadable.ts';
import type { EmulatedBuffer, EmulatedOperation, TaskNetwork } from './task-network.ts';

const configurations = targets.filter(isNvdla);

function programOf({ tasks }: LiftedNetwork): Program {
  const [task] = tasks;
  if (task?.kind !== 'dla' || tasks.length > 1) throw new Error('not one task of the hardware');
  return task.program;
}

/**
 * Whether descriptors name every surface as a whole. One that is written and read in columns only is nothing but its columns to
 * them, and comes back as as many surfaces.
 */
function namesSurfacesWhole({ layers, surfaces, outputs }: Program): boolean {
  const scattered = surfaces.filter(
    ({ id }) => layers.filter((layer) => layer.kind === 'pixels' && layer.pixels.output === id).length > 1,
  );
  return scattered.every(
    ({ id }) =>
      outputs.includes(id) ||
      layers.some((layer) => layer.kind !== 'pixels' && layerReads(layer).some(({ surface }) => surface === id)),
  );
}

const printed = (program: Program): string => printProgram(canonicalProgram(program));

/** The bytes of every output, of inputs that are full of numbers. */
function run(loadable: StockLoadable, target: NvdlaTarget): readonly Uint8Array[] {
  const network = new StockNetwork(loadable, driverOf(target));
  try {
    for (const { bindId, size } of network.inputs) {
      network.write(
        bindId,
        Uint8Array.from({ length: size }, (_, at) => (at * 7919 + (at >> 3) * 31) & 255),
      );
    }
    submitNow(network);
    return network.outputs.map(({ bindId }) => network.read(bindId).slice());
  } finally {
    network.unload();
  }
}

const again = (loadable: StockLoadable, target: NvdlaTarget, minor: InterfaceMinor = 12): StockLoadable => {
  const lifted = liftLoadable(loadable, target);
  return lowerNetwork(lifted, lifted.blobs, target, { minor });
};

describe('a lowered Program', () => {
  it('is the same when it is lifted, but for what descriptors do not say', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(
        // Only nv_full has every kind of layer.
        fc.constantFrom(...configurations, nvFull, nvFull, nvFull),
        fc.integer({ min: 1 }),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom(10 as const, 12 as const),
        (target, seed, layers, minor) => {
          const { program, blobs } = randomProgram(target, seed, layers);
          fc.pre(namesSurfacesWhole(program));
          for (const { kind } of program.layers) kinds.add(kind);
          const lifted = liftLoadable(lowerProgram(program, blobs, target, { minor }), target);
          expect(printed(programOf(lifted))).toBe(printed(program));
          for (const { blob } of program.constants) expect(lifted.blobs.get(blob)).toEqual(blobs.get(blob));
        },
      ),
      { numRuns: 120 },
    );
    expect([...kinds].sort()).toEqual(['bdma', 'cdp', 'conv', 'pdp', 'pixels', 'rubik', 'sdp']);
  });

  it('has its names again where the loadable has a tag', () => {
    const { program, blobs } = randomProgram(nvSmall, 7, 6);
    const tensor = (id: number) => {
      const { name, shape } = program.surfaces[id]!;
      return { name: `the ${name}`, shape, dtype: 'int8' as const, scale: 0.5 + id };
    };
    const tag = {
      target: 'nv_small',
      network: 'net',
      inputs: program.inputs.map(tensor),
      outputs: program.outputs.map(tensor),
    };
    const lifted = liftLoadable(lowerProgram(program, blobs, nvSmall, { tag }), nvSmall);
    const { layers, surfaces, inputs, outputs } = programOf(lifted);
    expect(layers.map(({ name }) => name)).toEqual(program.layers.map(({ name }) => name));
    expect(inputs.map((id) => surfaces[id]!.name)).toEqual(
      program.inputs.map((id) => `the ${program.surfaces[id]!.name}`),
    );
    expect(outputs.map((id) => surfaces[id]!.scale)).toEqual(program.outputs.map((id) => 0.5 + id));
    expect(lifted.tag).toMatchObject({ network: 'net' });
  });
});

/** Three single-point operations in a row, on nv_full, from one tensor to another. */
function chain(): StockLoadable {
  const shape: Shape4 = [1, 40, 3, 5];
  const surface = (id: number, memory: Surface['memory'], offset: number): Surface => {
    const geometry = surfaceGeometry(shape, 'int8', 'chw32');
    return { id, name: `s${id}`, shape, dtype: 'int8', format: 'chw32', memory, offset: bytes(offset), ...geometry };
  };
  const program: Program = {
    target: 'nv_full',
    sram: bytes(0),
    surfaces: [surface(0, 'io', 0), surface(1, 'local_dram', 0), surface(2, 'local_dram', 4096), surface(3, 'io', 0)],
    layers: [0, 1, 2].map((id) => ({
      kind: 'sdp',
      sdp: {
        arithmetic: 'integer-scale',
        input: id,
        convert: { offset: id - 1, scale: 3, shift: 1 },
        outputType: 'int8',
        output: id + 1,
      },
      id,
      name: `l${id}`,
      origin: [],
      after: id === 0 ? [] : [id - 1],
    })),
    inputs: [0],
    outputs: [3],
    constants: [],
  };
  return lowerProgram(program, new Map(), nvFull);
}

/** The chain with its operations changed. */
const linked = (
  ...changes: readonly (readonly [index: number, change: (operation: Editable<'sdp'>) => void])[]
): StockLoadable =>
  changes.reduce((loadable, [index, change]) => {
    const operation = taskDescriptors(loadable, loadable.tasks[0]!).operations[index]!;
    return withEdited(loadable, operation, (edited) => change(edited as unknown as Editable<'sdp'>));
  }, chain());

const cubes = taskDescriptors(chain(), chain().tasks[0]!).operations.map(({ type, surfaces }) => {
  if (type !== 'sdp') throw new Error('the chain is of single-point operations');
  return surfaces;
});

describe('memory that others use in their own ways', () => {
  it('becomes a surface for every value that lies in it', () => {
    // The second operation puts its result in the place of its operand.
    const inPlace = linked(
      [1, ({ surfaces }) => (surfaces.dst = { ...cubes[1]!.src })],
      [2, ({ surfaces }) => (surfaces.src = { ...cubes[1]!.src })],
    );
    const lifted = programOf(liftLoadable(inPlace, nvFull));
    expect(
      new Set(lifted.surfaces.map(({ memory, offset, id }) => `${memory} ${offset} ${memory === 'io' && id}`)).size,
    ).toBe(4);
    expect(run(again(inPlace, nvFull), nvFull)).toEqual(run(inPlace, nvFull));
  });

  it('may be an output that holds something else before', () => {
    const early = linked(
      [0, ({ surfaces }) => (surfaces.dst = { ...cubes[2]!.dst })],
      [1, ({ surfaces }) => (surfaces.src = { ...cubes[2]!.dst })],
    );
    const { surfaces } = programOf(liftLoadable(early, nvFull));
    expect(surfaces.filter(({ memory }) => memory === 'io')).toHaveLength(2);
    expect(run(again(early, nvFull), nvFull)).toEqual(run(early, nvFull));
  });

  it('is read and written in parts', () => {
    const rows = <T extends { offset: number; height: number; lineStride: number }>(
      cube: T,
      from: number,
      to: number,
    ): T => ({
      ...cube,
      offset: cube.offset + from * cube.lineStride,
      height: to - from,
    });
    const part = (from: number, to: number) => (o: Editable<'sdp'>) => {
      o.surfaces.src = rows(cubes[1]!.src, from, to);
      o.surfaces.dst = rows(cubes[2]!.dst, from, to);
    };
    const halves = linked([1, part(0, 1)], [2, part(1, 3)]);
    const { surfaces, layers } = programOf(liftLoadable(halves, nvFull));
    expect(surfaces.filter(({ parent }) => parent !== undefined).map(({ shape }) => shape[2])).toEqual([1, 1, 2, 2]);
    expect(layers.map(({ after }) => after)).toEqual([[], [0], [0]]);
    expect(run(again(halves, nvFull), nvFull)).toEqual(run(halves, nvFull));
  });
});

describe('what a Program has no words for', () => {
  const conv = fixture('ops/nv_small_CONV_s4_011/model_v12.nvdla');
  const any = (): boolean => true;
  const convolution = (change: (operation: Editable<'conv'>) => void): StockLoadable =>
    withOperation(conv.loadable, 'conv', any, change);
  it.each<readonly [reason: string, loadable: StockLoadable, target: NvdlaTarget]>([
    ['sdp0 reads sdp.input before it is written', linked([0, (o) => (o.surfaces.src = { ...cubes[1]!.dst })]), nvFull],
    ['an output that nothing writes', linked([2, (o) => (o.surfaces.dst = { ...cubes[0]!.dst })]), nvFull],
    ['of its bytes were never written', linked([0, (o) => (o.surfaces.src.height = 2)]), nvFull],
    [
      'the same bytes in two layouts',
      linked([
        1,
        ({ surfaces: { src, dst } }) =>
          [src, dst].map((cube) => Object.assign(cube, { width: 3, height: 5, lineStride: 96 })),
      ]),
      nvFull,
    ],
    ['an operation is in no queue', withNetwork(chain(), 'opHead', [-1, -1, -1, -1, -1, -1]), nvFull],
    [
      'operations wait for one another',
      linked([
        2,
        ({ common }) => (common.consumers = [{ index: 0, event: 1, reserved: 0 }, ...common.consumers.slice(1)]),
      ]),
      nvFull,
    ],
    ['output reaches beyond its memory', linked([2, (o) => (o.surfaces.dst.surfaceStride = 4096)]), nvFull],
    [
      'writes output into memory that the file fills',
      withOperation(conv.loadable, 'sdp', any, ({ surfaces }) => (surfaces.dst.address = 1)),
      nvSmall,
    ],
    ['Winograd convolution', convolution(({ op }) => (op.convMode = 1)), nvSmall],
    ['compressed weights', convolution(({ op }) => (op.weightFormat = 1)), nvSmall],
    ['hardware batches', convolution(({ op }) => (op.batch = 2)), nvSmall],
    ['this pixel format', convolution(({ op }) => (op.dataFormat = 20)), nvSmall],
  ])('%s', (reason, loadable, target) => {
    const { code, message } = problemOf(() => liftLoadable(loadable, target));
    expect(message).toContain(reason);
    expect(['loadable/unliftable', 'loadable/corrupt']).toContain(code);
  });
});

describe('tasks of the emulator', () => {
  const shape: Shape4 = [1, 10, 1, 1];
  const geometry = surfaceGeometry(shape, 'float16', 'chw16');
  const buffer = (tensor: string): EmulatedBuffer => {
    const { lineStride, surfaceStride, size } = geometry;
    return { tensor, offset: 0, shape, dtype: 'float16', format: 'chw16', lineStride, surfaceStride, size };
  };
  const surface = (id: number, name: string): Surface => ({
    id,
    name,
    shape,
    dtype: 'float16',
    format: 'chw16',
    memory: 'io',
    offset: bytes(0),
    ...geometry,
  });
  const scales = { inputScale: 1, outputScale: 1 };
  const network: TaskNetwork = {
    target: 'nv_full',
    inputs: [{ surface: surface(0, 'x'), size: 64 }],
    outputs: [{ surface: surface(0, 'y'), size: 32 }],
    tasks: [
      {
        kind: 'emulator',
        operations: [
          { kind: 'power', power: 2, scale: 0.5, shift: 1, ...scales, input: buffer('x'), output: buffer('a') },
        ],
      },
      {
        kind: 'dla',
        program: {
          target: 'nv_full',
          sram: bytes(0),
          surfaces: [surface(0, 'a'), surface(1, 'b')],
          layers: [
            {
              kind: 'sdp',
              sdp: {
                arithmetic: 'nvdla-float16',
                input: 0,
                convert: { offset: 0, scale: 1, shift: 0 },
                outputType: 'float16',
                output: 1,
              },
              id: 0,
              name: 'l0',
              origin: [],
              after: [],
            },
          ],
          inputs: [0],
          outputs: [1],
          constants: [],
        },
      },
      {
        kind: 'emulator',
        operations: [{ kind: 'softmax', axis: 1, ...scales, input: buffer('b'), output: buffer('y') }],
      },
    ],
  };

  it.each([10, 12] as const)('are there again, with the tensors between them, in interface 0.%i', (minor) => {
    const loadable = lowerNetwork(network, new Map(), nvFull, { minor });
    expect(loadable.memories.map(({ flags }) => flags & (memoryFlags.input | memoryFlags.output)).sort()).toEqual(
      [...loadable.memories.slice(2).map(() => 0), 4, 8].sort(),
    );
    const lifted = liftLoadable(loadable, nvFull);
    const named = (name: string): string => ({ a: 'task0:power0:out', b: 'task1:sdp0:out' })[name] ?? name;
    const expected = network.tasks.map((task) =>
      task.kind === 'dla'
        ? printed(task.program)
        : task.operations.map(
            ({ input, output, ...operation }): EmulatedOperation => ({
              ...operation,
              input: { ...input, tensor: named(input.tensor) },
              output: { ...output, tensor: named(output.tensor) },
            }),
          ),
    );
    expect(lifted.tasks.map((task) => (task.kind === 'dla' ? printed(task.program) : task.operations))).toEqual(
      expected,
    );
    expect([lifted.inputs, lifted.outputs]).toEqual([network.inputs, network.outputs]);
    expect(run(again(loadable, nvFull, minor), nvFull)).toEqual(run(loadable, nvFull));
    expect(run(loadable, nvFull)[0]!.some((byte) => byte !== 0)).toBe(true);
  });

  it('behind networks of NVIDIA’s compiler keep their scales', () => {
    const { loadable, target } = networks().find(({ name }) => name.includes('lenet'))!;
    const { tasks } = liftLoadable(loadable, target);
    expect(tasks.map(({ kind }) => kind)).toEqual(['dla', 'emulator']);
    const [softmax] = tasks.flatMap((task) => (task.kind === 'emulator' ? task.operations : []));
    expect(softmax).toMatchObject({ kind: 'softmax', inputScale: 0.025329304859042168 });
    const older = problemOf(() => again(loadable, target, 10));
    expect(older.message).toContain('no scales');
  });
});

/** Paths to the numbers of a record. */
const numbers = (value: object, path: readonly string[] = []): readonly (readonly string[])[] =>
  Object.entries(value).flatMap(([key, part]) => {
    if (key.startsWith('reserved')) return [];
    if (typeof part === 'number') return [[...path, key]];
    return typeof part === 'object' && part !== null ? numbers(part as object, [...path, key]) : [];
  });

describe('whatever descriptors say', () => {
  const subjects = [...operations(), ...networks().filter(({ bytes: { length } }) => length < 60_000)].map(
    (subject) => ({
      ...subject,
      described: taskDescriptors(subject.loadable, subject.loadable.tasks[0]!).operations,
    }),
  );
  const change = fc.record({
    subject: fc.constantFrom(...subjects),
    operation: fc.nat(),
    part: fc.constantFrom('op' as const, 'op' as const, 'surfaces' as const),
    field: fc.nat(),
    value: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom(-32, 32)),
    isStep: fc.boolean(),
  });

  it('what runs leaves the same bytes when it was lifted and lowered, or is refused by name', () => {
    const counts = { same: 0, refused: 0, wrong: 0 };
    fc.assert(
      fc.property(change, ({ subject: { loadable, target, described }, operation, part, field, value, isStep }) => {
        const edited = withEdited(loadable, described[operation % described.length]!, (draft) => {
          const paths = numbers(draft[part]);
          const path = paths[field % paths.length];
          if (!path) return;
          let at = draft[part] as unknown as Record<string, unknown>;
          for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
          const key = path.at(-1)!;
          at[key] = Math.max(0, isStep ? (at[key] as number) + value : value);
        });
        const wanted = attempt(() => run(edited, target));
        const lowered = attempt(() => again(edited, target));
        if (wanted === undefined) counts.wrong++;
        else if (lowered === undefined) counts.refused++;
        else {
          counts.same++;
          expect(run(lowered, target)).toEqual(wanted);
        }
      }),
      { numRuns: 150 },
    );
    // Most changes change little, and little of what runs is refused.
    expect(counts.same).toBeGreaterThan(4 * counts.refused);
    expect(Math.min(counts.refused, counts.wrong)).toBeGreaterThan(3);
  });

  it('is lifted or refused, whatever bytes change', () => {
    const files = [...operations(), ...networks()].filter(({ bytes: { length } }) => length < 60_000);
    fc.assert(
      fc.property(mutantOf(files.map((file) => file.bytes)), (mutant) => {
        const decoded = attempt(() => decodeStockLoadable(mutant));
        for (const target of decoded ? [nvSmall, nvFull] : []) attempt(() => again(decoded!, target));
      }),
      { numRuns: 250 },
    );
  });
});

/** What some work gives, or undefined when it refuses by name. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DlakitError) return undefined;
    throw error;
  }
}
