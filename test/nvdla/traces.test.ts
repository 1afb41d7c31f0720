/**
 * Traces recorded from runs, written, read back and played on a device of their own: the four networks of models/, and the
 * committed loadables of other compilers.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DlakitError } from '../../src/base/errors.ts';
import { Random } from '../../src/base/random.ts';
import type { Bus } from '../../src/device/bus.ts';
import { createWasmEngines } from '../../src/device/engines/wasm/engines.ts';
import { parseTrace, printTrace, type TraceCommand } from '../../src/device/nvdla/trace/trace-program.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import {
  compile,
  encodeNvdla,
  namedImages,
  prepare,
  type RecordTracesOptions,
  recordTraces,
  runTrace,
} from '../../src/index.ts';
import { encodeLoadable } from '../../src/loadable/container.ts';
import { decodeStockLoadable, memoryFlags } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import type { RecordedTrace } from '../../src/runtime/nvdla/record-traces.ts';
import { recordLoadable } from '../../src/runtime/nvdla/trace-recorder.ts';
import { findNvdla } from '../../src/targets/find.ts';
import { demoCompilation, demoImages, demoNetworks, demoScales } from '../golden/networks.ts';
import { fixtures } from './conformance.ts';
import { playSideBySide } from './side-by-side-player.ts';

const forms = ['cfg', 'txn'] as const;

const folder = mkdtempSync(join(tmpdir(), 'dlakit-traces-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads a trace from where it was written, and plays it. */
async function replay({ files }: RecordedTrace, target: string) {
  const [name] = files.keys();
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const images = new Map((await namedImages(read(name!), name!)).map((file) => [file, read(file)]));
  return runTrace(read(name!), name!, images, { target });
}

describe.each(demoNetworks)('%s', (network) => {
  let scales: ReadonlyMap<string, number>;
  beforeAll(async () => {
    scales = await demoScales(network, 50, await nodeOnnxRuntime());
  });

  it.each(['nv_small', 'nv_full'])('replays to the same checksums, of every launch, on %s', async (target) => {
    const { network: compiled } = await demoCompilation(network, 1, { target, scales });
    const loadable = encodeLoadable(compiled);
    const layers = compiled.plan.segments.flatMap((each) => (each.kind === 'dla' ? each.program.layers : []));
    const inputs = await demoImages(1);
    for (const format of forms) {
      const { traces } = await recordTraces(loadable, inputs, { format, checks: 'layers' });
      expect(traces).toHaveLength(1);
      const { checks, pipelines } = await replay(traces[0]!, target);
      const { launches } = traces[0]!;
      expect(launches).toBe(layers.length);
      expect(Object.values(pipelines).reduce((sum, each) => sum + each.launches, 0)).toBe(launches);
      // Every launch ends in an interrupt of its last engine at least, and what it leaves is checked.
      expect(checks).toBeGreaterThan(2 * launches);
    }
  });
});

it('fashion-resnet20 replays in float16', async () => {
  const { network } = await demoCompilation('fashion-resnet20', 1, { target: 'nv_full', precision: 'fp16' });
  const { traces } = await recordTraces(encodeLoadable(network), await demoImages(1));
  expect((await replay(traces[0]!, 'nv_full')).engines).toEqual({ conv: 22, sdp: 22, pdp: 1 });
});

describe('traces of stock loadables', () => {
  // One of each kind of operation on each configuration; networks have the rest.
  const kindOf = (name: string): string => name.replace(/_s\d_\d+$/, '');
  const operations = readdirSync(join(fixtures, 'ops')).filter(
    (name, index, all) => all.findIndex((other) => kindOf(other) === kindOf(name)) === index,
  );
  const stock = [
    ...operations.map((name) => join('ops', name, 'model_v12.nvdla')),
    ...readdirSync(join(fixtures, 'networks')).map((name) => join('networks', name, 'model.nvdla')),
  ];
  const targetIn = (file: string): string => /nv_(?:small|large|full)/.exec(file)![0];

  it.each(stock)('%s', async (file) => {
    const target = targetIn(file);
    const bytes = readFileSync(join(fixtures, file));
    const inputs = surfacesOf(bytes, join(fixtures, file, '..'));
    for (const format of forms) {
      const { traces } = await recordTraces(bytes, inputs, { target, format, checks: 'layers' });
      for (const trace of traces) expect((await replay(trace, target)).checks).toBeGreaterThan(1);
    }
    // What was recorded is what the loadable computes.
    const run = await recordLoadable(decodeStockLoadable(bytes), findNvdla(target), (network) => network.feed(inputs));
    const golden = ['o.out0.raw', 'out0.raw'].map((name) => join(fixtures, file, '..', name));
    const expected = readdirSync(join(fixtures, file, '..')).includes('out0.raw') ? golden[1]! : golden[0]!;
    expect(Buffer.compare(run.outputs[0]!, readFileSync(expected))).toBe(0);
  });

  it('hold nothing of the host emulator, and say so', async () => {
    const file = stock.find((name) => name.includes('lenet'))!;
    const bytes = readFileSync(join(fixtures, file));
    const inputs = surfacesOf(bytes, join(fixtures, file, '..'));
    const { traces, emulated } = await recordTraces(bytes, inputs, { target: targetIn(file) });
    expect([traces.length, emulated]).toEqual([1, 1]);
    expect(traces[0]!.name).toBe('task 0');
  });

  function surfacesOf(bytes: Uint8Array, folder: string): ReadonlyMap<number, Uint8Array> {
    const bound = decodeStockLoadable(bytes).memories.filter(({ flags }) => flags & memoryFlags.input);
    return new Map(
      bound.map(({ bindId }) => [bindId, new Uint8Array(readFileSync(join(folder, `input${bindId}.raw`)))]),
    );
  }
});

/** A residual block with branches: engines work side by side, lookup tables and pooling among them. */
function branches(): Graph {
  const b = new GraphBuilder('branches', { seed: 4 });
  const x = b.relu(b.conv(b.input('x', [1, 3, 9, 8]), { channels: 20, kernel: 3, padding: 1 }));
  const y = b.relu(b.conv(x, { channels: 20, kernel: 1 }));
  const pooled = b.maxPool(x, { kernel: 3, stride: 1, padding: 1 });
  const joined = b.concat([b.add(y, x), b.conv(pooled, { channels: 12, kernel: 1 })]);
  b.output(b.gemm(b.flatten(b.globalAveragePool(joined)), 10));
  return b.build();
}

const random = new Random(8);
const x: Tensor = float32Tensor(
  [1, 3, 9, 8],
  Array.from({ length: 216 }, () => 2 * random.next() - 1),
);

async function recordBranches(target: string, options: RecordTracesOptions = {}) {
  const { network } = compile(prepare(branches()), { target });
  const { traces } = await recordTraces(encodeLoadable(network), { x }, { checks: 'layers', ...options });
  return traces[0]!;
}

it('a stock loadable of ours is recorded on tensors, as its .dla is', async () => {
  const compilation = compile(prepare(branches()), { target: 'nv_small' });
  const { traces } = await recordTraces(encodeNvdla(compilation), { x });
  const own = await recordBranches('nv_small', { checks: 'outputs' });
  expect([...traces[0]!.files]).toEqual([...own.files]);
});

it('of a batch the first image is recorded, of a stock loadable of ours as of its .dla', async () => {
  const b = new GraphBuilder('pair', { seed: 4 });
  b.output(b.relu(b.conv(b.input('x', [2, 3, 9, 8]), { channels: 4, kernel: 3 })));
  const compilation = compile(prepare(b.build()), { target: 'nv_small' });
  const both = { x: float32Tensor([2, 3, 9, 8], [...float32Values(x), ...float32Values(x).map((value) => -value)]) };
  const [stock, own, first] = await Promise.all([
    recordTraces(encodeNvdla(compilation), both),
    recordTraces(encodeLoadable(compilation.network), both),
    recordTraces(encodeNvdla(compilation), { x }),
  ]);
  const filesOf = ({ traces }: typeof stock) => [...traces[0]!.files];
  expect(filesOf(stock)).toEqual(filesOf(own));
  expect(filesOf(stock)).toEqual(filesOf(first));
});

const textOf = ({ files }: RecordedTrace): string => [...files.values()][0]!;

const engines = (bus: Bus) => createWasmEngines(bus, { threads: 1 });

describe.each(['nv_small', 'nv_large', 'nv_full'])('a trace for %s', (target) => {
  it('holds whatever order the blocks and the hardware take', async () => {
    const trace = await recordBranches(target);
    const commands = parseTrace(textOf(trace));
    for (let seed = 1; seed <= 8; seed++) {
      const play = { target: findNvdla(target), images: trace.files, engines, seed };
      expect(await playSideBySide(commands, play)).toBeGreaterThan(10);
    }
  });

  it('needs its waits, for interrupts and between blocks', async () => {
    const trace = await recordBranches(target);
    const commands = parseTrace(textOf(trace));
    const hasty = printTrace(commands.filter(({ kind }) => kind !== 'intr_notify' && !kind.startsWith('sync')));
    await expect(runTrace(hasty, 'trace.cfg', trace.files, { target })).rejects.toThrow(DlakitError);
    const unordered = commands.map(
      (command): TraceCommand =>
        command.kind === 'sync_wait' && command.block !== 'NVDLA_GLB' && command.sync.startsWith('step')
          ? { kind: 'check_nothing', sync: 'none', line: command.line }
          : command,
    );
    const play = { target: findNvdla(target), images: trace.files, engines, seed: 1 };
    await expect(playSideBySide(unordered, play)).rejects.toThrow();
  });

  it('lies where the hardware’s memory does', async () => {
    const bases = { system: 0xc000_0000n, sram: 0x4000_0000n };
    for (const format of forms) {
      const trace = await recordBranches(target, { format, bases });
      expect(textOf(trace)).toContain('0xc000');
      expect(textOf(trace)).not.toMatch(/0x80000000/);
      expect((await replay(trace, target)).checks).toBeGreaterThan(10);
    }
  });
});

describe('a trace cannot be written', () => {
  const code = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'none',
      (error: unknown) => (error instanceof DlakitError ? error.problem.code : String(error)),
    );

  it.each([
    ['where memory does not begin at a page', 'nv_full', { bases: { system: 0x8000_0100n, sram: 0n } }],
    ['beyond the addresses of the configuration', 'nv_small', { bases: { system: 1n << 32n, sram: 0n } }],
    ['beyond those of its form', 'nv_full', { format: 'txn', bases: { system: 1n << 32n, sram: 0n } }],
  ] as const)('%s', async (_, target, options) => {
    expect(await code(recordBranches(target, options))).toBe('trace/record');
  });

  it('of hardware whose registers are not known', async () => {
    expect(await code(recordBranches('orin'))).toBe('device/unsupported');
  });

  it('without its inputs', async () => {
    const { network, ...rest } = compile(prepare(branches()), { target: 'nv_small' });
    const bytes = encodeNvdla({ network, ...rest });
    const wrong = [{}, { y: x }, new Map(), new Map([[0, new Uint8Array(3)]]), new Map([[1, new Uint8Array(3)]])];
    for (const inputs of wrong) expect(await code(recordTraces(bytes, inputs))).toBe('run/input');
    expect(await code(recordTraces(encodeLoadable(network), {}))).toBe('run/input');
  });
});

it('beyond 32 bits a .cfg program is written and played', async () => {
  const trace = await recordBranches('nv_full', { bases: { system: 1n << 33n, sram: 0x5000_0000n } });
  expect((await replay(trace, 'nv_full')).checks).toBeGreaterThan(10);
});
