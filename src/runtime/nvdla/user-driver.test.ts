import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../base/errors.ts';
import { Bus } from '../../device/bus.ts';
import {
  bufferPitch,
  emulatorLayouts,
  emulatorNetwork,
  emulatorOperations,
} from '../../loadable/nvdla/format/emulator-descriptors.ts';
import {
  type Blob,
  type MemoryEntry,
  memoryFlags,
  type StockLoadable,
  taskInterfaces,
} from '../../loadable/nvdla/format/stock-loadable.ts';
import { fixture } from '../../loadable/nvdla/testing/fixtures.ts';
import { nvSmall } from '../../targets/nvdla.ts';
import { openDevice } from '../device.ts';
import { driverOf, submitNow } from './testing/drive.ts';
import { StockNetwork } from './user-driver.ts';

const folder = 'networks/conv1__nv_small_int8_ncxhwx_fast-math_per-kernel__s0';
const { loadable } = fixture(`${folder}/model.nvdla`);
const raw = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../test/fixtures/nvdla/${folder}/${name}`, import.meta.url)));
const [input, golden] = [raw('input0.raw'), raw('out0.raw')];

async function codeOf(work: (() => unknown) | Promise<unknown>): Promise<string> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (error instanceof DlakitError) return error.problem.code;
    throw error;
  }
  return 'none';
}

describe('a stock loadable', () => {
  it('runs on its own buffers, as often as is wanted', () => {
    const network = new StockNetwork(loadable, driverOf(nvSmall));
    expect(network.inputs.map(({ bindId, tensor, size }) => [bindId, tensor.name, size])).toEqual([
      [0, 'data', input.length],
    ]);
    expect(network.outputs.map(({ size, tensor }) => [size, tensor.dims])).toEqual([
      [golden.length, { n: 1, c: 40, h: 11, w: 13 }],
    ]);
    for (const bytes of [input, new Uint8Array(input.length), input]) {
      network.write(0, bytes);
      submitNow(network);
      expect(Buffer.compare(network.read(0), golden) === 0).toBe(bytes === input);
    }
  });

  it("runs on the application's buffers, which outlive it", async () => {
    const driver = driverOf(nvSmall);
    const { buffers } = driver;
    const network = new StockNetwork(loadable, driver);
    const [from, to, small] = [input.length, golden.length + 100, 64].map((size) => buffers.allocate(size));
    buffers.write(from!, input);
    network.bindInput(0, from!);
    network.bindOutput(0, to!);
    expect([network.inputBuffer(0), network.outputBuffer(0)]).toEqual([from, to]);
    submitNow(network);
    expect(buffers.read(to!, 0, golden.length)).toEqual(golden);
    expect(network.read(0)).toEqual(golden);
    expect(await codeOf(() => network.bindInput(0, small!))).toBe('run/buffer');
    expect(await codeOf(() => network.bindInput(1, from!))).toBe('run/input');
    network.unload();
    expect(buffers.read(to!, 0, golden.length)).toEqual(golden);
    buffers.free(from!);
    expect(await codeOf(() => network.bindInput(0, from!))).toBe('run/buffer');
  });

  it('does not run on a buffer that was freed', async () => {
    const driver = driverOf(nvSmall);
    const network = new StockNetwork(loadable, driver);
    const handle = driver.buffers.allocate(input.length);
    network.bindInput(0, handle);
    submitNow(network);
    driver.buffers.free(handle);
    expect(await codeOf(() => submitNow(network))).toBe('device/fault');
  });

  it('takes other strides where its relocations say so', async () => {
    const network = new StockNetwork(loadable, driverOf(nvSmall));
    const { dims } = network.inputs[0]!.tensor;
    const [line, surface] = [8 * dims.w + 24, (8 * dims.w + 24) * (dims.h + 1)];
    network.setInputStrides(0, { line, surface });
    expect(network.inputs[0]!.tensor.strides.slice(0, 3)).toEqual([1, line, surface]);
    const wide = new Uint8Array(network.inputs[0]!.size);
    expect(wide.length).toBeGreaterThan(input.length);
    for (let run = 0; run < Math.ceil(dims.c / 8); run++) {
      for (let y = 0; y < dims.h; y++) {
        const from = (run * dims.h + y) * dims.w * 8;
        wide.set(input.subarray(from, from + dims.w * 8), run * surface + y * line);
      }
    }
    network.write(0, wide);
    submitNow(network);
    expect(network.read(0)).toEqual(golden);
    expect(await codeOf(() => network.setInputStrides(0, { line: 8, surface }))).toBe('run/input');
    const without = new StockNetwork({ ...loadable, relocations: [] }, driverOf(nvSmall));
    expect(await codeOf(() => without.setOutputStrides(0, { line, surface }))).toBe('run/input');
  });

  it('gives its memory back', () => {
    const bus = new Bus({ maximum: 1 << 22 });
    const driver = driverOf(nvSmall, bus);
    for (let round = 0; round < 200; round++) new StockNetwork(loadable, driver).unload();
  });

  it('is refused when inputs are numbered twice, and when its memories are aligned to no power of two', async () => {
    const changed = (change: (memory: MemoryEntry) => Partial<MemoryEntry>): StockLoadable => ({
      ...loadable,
      memories: loadable.memories.map((memory) => ({ ...memory, ...change(memory) })),
    });
    const load = (wrong: StockLoadable) => codeOf(() => new StockNetwork(wrong, driverOf(nvSmall)));
    expect(await load(changed(() => ({ alignment: 96 })))).toBe('loadable/corrupt');
    expect(await load(changed(() => ({ bindId: 1 })))).toBe('loadable/corrupt');
    expect(await load(changed(() => ({ size: 2 ** 31 })))).toBe('device/memory');
  });
});

/** The loadable with a second task, for the emulator: twice the network's output, put where the input was. */
function withEmulator(first: 'dla' | 'emulator'): StockLoadable {
  const codecs = emulatorLayouts.current;
  const list = (size: number, fill: (view: DataView) => void): Uint8Array => {
    const data = new Uint8Array(size);
    fill(new DataView(data.buffer));
    return data;
  };
  const operation = {
    type: emulatorOperations.power,
    inputScale: 1,
    outputScale: 1,
    power: 1,
    scale: 2,
    shift: 0,
    axis: 0,
  };
  const cube = {
    offset: 0,
    size: 0,
    format: 1,
    width: 13,
    height: 11,
    channel: 40,
    lineStride: 104,
    surfaceStride: 1144,
  };
  const parts: readonly (readonly [string, Uint8Array])[] = [
    [
      'emu-net',
      list(6, (view) => emulatorNetwork.write(view, 0, { operationIndex: 1, bufferIndex: 2, numOperations: 1 })),
    ],
    ['emu-ops', list(64, (view) => codecs.operation.write(view, 0, operation))],
    [
      'emu-buffers',
      list(2 * bufferPitch, (view) => {
        codecs.buffer.write(view, 0, { ...cube, address: 3 });
        codecs.buffer.write(view, bufferPitch, { ...cube, address: 4 });
      }),
    ],
  ];
  const { memories, addresses, blobs } = loadable;
  const [nextMemory, nextAddress] = [memories.length, addresses.length];
  const output = memories.find(({ flags }) => flags & memoryFlags.output)!;
  const common = { interface: taskInterfaces.emulator, subInterface: 0, version: { major: 0, minor: 0, subMinor: 0 } };
  const ids = [...parts.map((_, index) => nextMemory + index), output.id, nextMemory + parts.length];
  return {
    ...loadable,
    memories: [
      ...memories,
      ...parts.map(([name, data], index) => ({
        ...memories[0]!,
        id: nextMemory + index,
        flags: memoryFlags.alloc | memoryFlags.set,
        size: data.length,
        contents: [name],
        offsets: [0],
      })),
      {
        ...memories[0]!,
        id: nextMemory + parts.length,
        flags: memoryFlags.alloc,
        size: golden.length,
        contents: [],
        offsets: [],
      },
    ],
    addresses: [
      ...addresses,
      ...ids.map((memoryId, index) => ({ id: nextAddress + index, memoryId, offset: 0, size: 64 })),
    ],
    blobs: [...blobs, ...parts.map(([name, data]): Blob => ({ ...common, name, data, size: data.length }))],
    tasks: [
      ...loadable.tasks,
      {
        ...loadable.tasks[0]!,
        id: 1,
        interface: taskInterfaces.emulator,
        addressList: ids.map((_, index) => nextAddress + index),
      },
    ],
    // Listed in the wrong order: submissions run by id.
    submits: [
      { id: 1, taskIds: [first === 'dla' ? 1 : 0] },
      { id: 0, taskIds: [first === 'dla' ? 0 : 1] },
    ],
  };
}

describe('tasks of the host emulator', () => {
  it('run between those of the device, in the order of submissions', () => {
    const doubled = golden.map((byte) => Math.max(-128, Math.min(2 * ((byte << 24) >> 24), 127)) & 0xff);
    for (const first of ['dla', 'emulator'] as const) {
      const both = withEmulator(first);
      const driver = driverOf(nvSmall);
      const network = new StockNetwork(both, driver);
      network.write(0, input);
      submitNow(network);
      expect(network.read(0)).toEqual(golden);
      const result = driver.bus.read(network.address(both.memories.at(-1)!.id), golden.length);
      expect(result).toEqual(first === 'dla' ? doubled : new Uint8Array(golden.length));
    }
  });
});

describe('the queue of jobs', () => {
  it('runs networks that are loaded side by side, in the order in which they were submitted', async () => {
    const { driver } = await openDevice({ target: 'nv_small' });
    const order: string[] = [];
    const networks = ['a', 'b'].map((name) => ({ name, network: new StockNetwork(loadable, driver) }));
    await Promise.all(
      [...networks, ...networks].map(async ({ name, network }) => {
        network.write(0, input);
        await network.submit({ onLaunch: ({ operation }) => order.push(`${name} ${operation.type}`) });
      }),
    );
    expect(order).toEqual(['a conv', 'b conv', 'a conv', 'b conv']);
    for (const { network } of networks) expect(network.read(0)).toEqual(golden);
  });

  it('goes on behind a task that fails or is cancelled, on a device as good as new', async () => {
    const { driver } = await openDevice({ target: 'nv_small' });
    const sound = new StockNetwork(loadable, driver);
    const broken = new StockNetwork(
      { ...loadable, addresses: loadable.addresses.map((entry) => ({ ...entry, offset: entry.offset + 0x10_0000 })) },
      driver,
    );
    const cancelled = new AbortController();
    cancelled.abort();
    sound.write(0, input);
    const ends = [broken.submit(), sound.submit({ signal: cancelled.signal }), broken.submit(), sound.submit()];
    expect(await Promise.all(ends.map((end) => codeOf(end)))).toEqual([
      'device/fault',
      'cancelled',
      'device/fault',
      'none',
    ]);
    expect(sound.read(0)).toEqual(golden);
  });
});
