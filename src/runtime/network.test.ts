import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DlakitError, type ErrorCode } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import { queuedEngines, type WatchedEngines } from '../device/testing/queued-engines.ts';
import { float32Tensor, float32Values, numbers, type Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime } from '../onnx/session.ts';
import type { CompiledNetwork } from '../program/program.ts';
import { type Device, openDevice } from './device.ts';
import { compareRuns } from './dump.ts';
import { loadNetwork, type Progress, runNetwork } from './network.ts';
import { dequantize, quantize } from './pack.ts';
import { doublingRuntime, mixedNetwork, sampleImage, sampleNetwork } from './testing/sample-network.ts';

const segment = '{ForeignNode[Conv_0...Sigmoid_6]}';

async function codeOf(work: Promise<unknown>): Promise<ErrorCode> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DlakitError) return error.problem.code;
  throw new Error(`no problem but ${error}`);
}

const halves = (tensor: Tensor): Tensor => ({
  dtype: 'float16',
  shape: tensor.shape,
  bytes: new Uint8Array(Uint16Array.from(numbers(tensor), float16Bits).buffer),
});

let device: Device;
beforeEach(async () => {
  device = await openDevice({ target: 'orin', engines: 'reference' });
});
afterEach(() => device.close());

describe('runNetwork', () => {
  it('gives the same bytes on the reference and on the kernels', async () => {
    const network = sampleNetwork();
    const fast = await openDevice({ target: 'orin', engines: 'wasm' });
    const a = await runNetwork(network, { image: sampleImage(1) }, { device, dump: 'all' });
    const b = await runNetwork(network, { image: sampleImage(1) }, { device: fast, dump: 'all' });
    fast.close();
    expect(a.dumps.map(({ name, layer }) => [name, layer])).toEqual([
      ['image', undefined],
      ['pooled', 'Conv_0'],
      ['inner', 'Conv_1'],
      ['sum', 'Add_2'],
      ['large', 'Resize_3'],
      ['rest', 'Copy_4'],
      ['both', 'Copy_5'],
      ['picked', 'Sigmoid_6'],
    ]);
    expect(compareRuns(a, b)).toBeUndefined();
    expect(a.counters).toEqual(b.counters);
    expect(a.counters.launches).toBe(7);
  });

  it('gives outputs as real numbers of the dumped integers', async () => {
    const { outputs, dumps } = await runNetwork(sampleNetwork(), { image: sampleImage(1) }, { device, dump: ['both'] });
    expect(dumps).toHaveLength(1);
    const integers = new Int8Array(dumps[0]!.tensor.bytes.slice().buffer);
    expect(new Set(integers).size).toBeGreaterThan(3);
    expect(float32Values(outputs.both!)).toEqual(dequantize(integers, 0.1));
    expect(outputs.both!.shape).toEqual([1, 80, 8, 8]);
  });

  it('tells its progress, layer by layer', async () => {
    const progress: Progress[] = [];
    await runNetwork(sampleNetwork(), { image: sampleImage(1) }, { device, onProgress: (p) => progress.push(p) });
    expect(progress).toHaveLength(7);
    expect(progress[0]).toEqual({ done: 1, total: 7, segment, layer: 'Conv_0' });
    expect(progress[6]).toEqual({ done: 7, total: 7, segment, layer: 'Sigmoid_6' });
  });

  it('gives its memory back', async () => {
    const network = sampleNetwork();
    await runNetwork(network, { image: sampleImage(1) }, { device });
    const size = device.bus.memory.buffer.byteLength;
    for (let i = 0; i < 20; i++) await runNetwork(network, { image: sampleImage(i) }, { device });
    expect(device.bus.memory.buffer.byteLength).toBe(size);
  });
});

describe('engines that queue their launches', () => {
  let engines: WatchedEngines;
  let queued: Device;
  beforeEach(async () => {
    queued = await openDevice({
      target: 'orin',
      engines: (bus) => {
        engines = queuedEngines(bus);
        return engines;
      },
    });
  });
  afterEach(() => queued.close());

  it('give the same bytes, in as many dumps, and wait for nothing between launches', async () => {
    const network = sampleNetwork();
    const a = await runNetwork(network, { image: sampleImage(1) }, { device, dump: 'all' });
    const b = await runNetwork(network, { image: sampleImage(1) }, { device: queued, dump: 'all' });
    expect(b.dumps.map(({ name, layer }) => [name, layer])).toEqual(a.dumps.map(({ name, layer }) => [name, layer]));
    expect(compareRuns(a, b)).toBeUndefined();
    expect(b.outputs).toEqual(a.outputs);
    expect(b.counters).toEqual(a.counters);
    // Seven launches, a read of each surface, and what was written before them.
    expect(engines.longest).toBeGreaterThan(12);
  });

  it('run several tasks at once, again and again, and host segments between', async () => {
    const images = [1, 2, 3, 4].map(sampleImage);
    const [plain, session] = [await loadNetwork(device, sampleNetwork()), await loadNetwork(queued, sampleNetwork())];
    for (let round = 0; round < 2; round++) {
      const results = await Promise.all(images.map((image) => session.run({ image })));
      for (const [index, image] of images.entries()) {
        expect(results[index]!.outputs).toEqual((await plain.run({ image })).outputs);
      }
    }
    const runtime = doublingRuntime();
    const photo = sampleImage(5);
    const [wanted, found] = [
      await runNetwork(mixedNetwork(), { photo }, { device, runtime }),
      await runNetwork(mixedNetwork(), { photo }, { device: queued, runtime }),
    ];
    expect(found).toEqual(wanted);
  });

  it('keep the memory of what is queued when a run is cancelled or fails', async () => {
    const session = await loadNetwork(queued, sampleNetwork());
    const abort = new AbortController();
    const run = session.run({ image: sampleImage(1) }, { signal: abort.signal });
    abort.abort();
    expect(await codeOf(run)).toBe('cancelled');
    const plain = await loadNetwork(device, sampleNetwork());
    const image = sampleImage(2);
    expect((await session.run({ image })).outputs).toEqual((await plain.run({ image })).outputs);
    const launches = session.run({ image });
    await Promise.resolve();
    queued.close();
    await expect(launches).rejects.toThrow();
  });

  it('are refused where registers are', async () => {
    expect(await codeOf(openDevice({ target: 'nv_small', engines: queuedEngines }))).toBe('device/unsupported');
  });
});

describe('a session', () => {
  it('repeats itself exactly, whatever ran in between', async () => {
    const session = await loadNetwork(device, sampleNetwork());
    const first = await session.run({ image: sampleImage(3) }, { dump: 'all' });
    await session.run({ image: sampleImage(4) });
    const again = await session.run({ image: sampleImage(3) }, { dump: 'all' });
    expect(compareRuns(first, again)).toBeUndefined();
    await session.close();
  });

  it('runs several tasks at once, in turns, with the results of one after the other', async () => {
    const session = await loadNetwork(device, sampleNetwork());
    const seeds = [1, 2, 3, 4];
    const alone = [];
    for (const seed of seeds) alone.push(await session.run({ image: sampleImage(seed) }, { dump: 'all' }));
    const turns: number[] = [];
    const together = await Promise.all(
      seeds.map((seed) =>
        session.run({ image: sampleImage(seed) }, { dump: 'all', onProgress: () => turns.push(seed) }),
      ),
    );
    expect(turns).toEqual(Array.from({ length: 7 }, () => seeds).flat());
    for (const [index, run] of together.entries()) expect(compareRuns(alone[index]!, run)).toBeUndefined();
    expect(compareRuns(together[0]!, together[1]!)?.name).toBe('image');
    await session.close();
  });

  it('goes on after a run that was cancelled', async () => {
    const session = await loadNetwork(device, sampleNetwork());
    const expected = await session.run({ image: sampleImage(1) }, { dump: 'all' });
    const abort = new AbortController();
    let launches = 0;
    const cancelled = session.run(
      { image: sampleImage(2) },
      {
        signal: abort.signal,
        onProgress: () => {
          if (++launches === 3) abort.abort();
        },
      },
    );
    const beside = session.run({ image: sampleImage(1) }, { dump: 'all' });
    expect(await codeOf(cancelled)).toBe('cancelled');
    expect(launches).toBe(3);
    expect(compareRuns(expected, await beside)).toBeUndefined();
    expect(compareRuns(expected, await session.run({ image: sampleImage(1) }, { dump: 'all' }))).toBeUndefined();
    await session.close();
  });

  it('lets timers through while it runs, so that Ctrl-C is seen', async () => {
    const session = await loadNetwork(device, sampleNetwork());
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 20);
    const endless = async () => {
      for (;;) await session.run({ image: sampleImage(1) }, { signal: abort.signal });
    };
    expect(await codeOf(endless())).toBe('cancelled');
    await session.close();
  });

  it('ends with the device', async () => {
    const session = await loadNetwork(device, sampleNetwork());
    const run = session.run({ image: sampleImage(1) }, { onProgress: () => device.close() });
    expect(await codeOf(run)).toBe('cancelled');
  });
});

describe('host segments', () => {
  it('get real numbers, and give them to the DLA quantized', async () => {
    const runtime = doublingRuntime();
    const { outputs, dumps } = await runNetwork(
      mixedNetwork(),
      { photo: sampleImage(1) },
      { device, runtime, dump: 'all' },
    );
    const doubled = float32Tensor(
      [1, 3, 8, 8],
      float32Values(sampleImage(1)).map((value) => 2 * value),
    );
    const direct = await runNetwork(sampleNetwork(), { image: doubled }, { device, dump: 'all' });
    expect(float32Values(outputs.doubled!)).toEqual(float32Values(direct.outputs.picked!).map((value) => 2 * value));
    expect(outputs.both).toEqual(direct.outputs.both);
    expect(outputs.doubled!.shape).toEqual([1, 1024]);
    expect(dumps.map(({ name, segment: where }) => [name, where])).toContainEqual(['image', 'Sin']);
    expect(runtime.open).toBe(0);
  });

  it('need a runtime', async () => {
    expect(await codeOf(loadNetwork(device, mixedNetwork()))).toBe('run/host-missing');
  });

  it('take and give half precision where the plan says so', async () => {
    const { plan, blobs } = sampleNetwork();
    const tensors = plan.tensors.map((tensor) => ({ ...tensor, dtype: 'float16' as const }));
    const image = halves(sampleImage(1));
    const { outputs } = await runNetwork({ plan: { ...plan, tensors }, blobs }, { image }, { device });
    const same = float32Tensor(image.shape, numbers(image));
    const real = await runNetwork(sampleNetwork(), { image: same }, { device });
    expect(outputs.both).toEqual(halves(real.outputs.both!));
  });

  it('may not give values of another type or size than the plan says', async () => {
    const doubling = doublingRuntime();
    const giving = (change: (tensor: Tensor) => Tensor): OnnxRuntime => ({
      name: 'changing',
      async createSession(model) {
        const session = await doubling.createSession(model);
        return {
          close: session.close,
          run: async (feeds) =>
            Object.fromEntries(
              Object.entries(await session.run(feeds)).map(([name, tensor]) => [
                name,
                name === 'doubled' ? change(tensor!) : tensor!,
              ]),
            ),
        };
      },
    });
    const run = (change: (tensor: Tensor) => Tensor) =>
      runNetwork(mixedNetwork(), { photo: sampleImage(1) }, { device, runtime: giving(change) });
    await expect(run((tensor) => ({ ...tensor, dtype: 'int32' }))).rejects.toThrow(
      /node Double, value doubled: .*expected float32 1×1024, found int32 1×1024\) \[run\/host-failed\]/,
    );
    await expect(run(() => float32Tensor([1, 1023], new Float32Array(1023)))).rejects.toThrow(
      /found float32 1×1023\) \[run\/host-failed\]/,
    );
    await run((tensor) => tensor);
  });

  it('may not give NaN to the DLA', async () => {
    const photo = sampleImage(1);
    float32Values(photo)[5] = Number.NaN;
    const run = runNetwork(mixedNetwork(), { photo }, { device, runtime: doublingRuntime() });
    await expect(run).rejects.toThrow(/value image: .*NaN \(found element 5\) \[run\/input\]/);
  });
});

describe('mistakes', () => {
  const image = sampleImage(1);
  const run = (inputs: Parameters<typeof runNetwork>[1], network: CompiledNetwork = sampleNetwork()) =>
    runNetwork(network, inputs, { device });

  it.each([
    ['a missing input', {}, 'value image: an input is missing (expected image)'],
    ['an unknown input', { image, mask: image }, 'value mask: the network has no such input (expected image)'],
    [
      'a wrong shape',
      { image: { ...image, shape: [1, 3, 64] } },
      'value image: an input has the wrong shape (expected 1x3x8x8, found 1x3x64)',
    ],
    [
      'a wrong type',
      { image: { ...image, dtype: 'int32' as const } },
      'value image: an input has the wrong type (expected float32, found int32)',
    ],
    [
      'too few bytes',
      { image: { ...image, bytes: image.bytes.subarray(4) } },
      'value image: an input has the wrong number of bytes (expected 768, found 764)',
    ],
  ])('%s', async (_, inputs, message) => {
    await expect(run(inputs)).rejects.toThrow(`${message} [run/input]`);
  });

  it('a network for another target', async () => {
    const { plan, blobs } = sampleNetwork();
    expect(await codeOf(run({ image }, { plan: { ...plan, target: 'xavier' }, blobs }))).toBe('loadable/target');
    const segments = plan.segments.map((s) =>
      s.kind === 'dla' ? { ...s, program: { ...s.program, target: 'xavier' } } : s,
    );
    expect(await codeOf(run({ image }, { plan: { ...plan, segments }, blobs }))).toBe('loadable/target');
  });

  it('a program that breaks the rules of programs', async () => {
    const { plan, blobs } = sampleNetwork();
    const segments = plan.segments.map((s) =>
      s.kind === 'dla' ? { ...s, program: { ...s.program, outputs: [99] } } : s,
    );
    expect(await codeOf(run({ image }, { plan: { ...plan, segments }, blobs }))).toBe('program/invalid');
  });

  it('a tensor to dump that was fused away', async () => {
    const work = runNetwork(sampleNetwork(), { image }, { device, dump: ['pool'] });
    await expect(work).rejects.toThrow(/value pool: .* \(expected one of pooled, …\) \[run\/dump\]/);
  });

  it('a target that is not known', async () => {
    expect(await codeOf(openDevice({ target: 'orion' }))).toBe('target/unknown');
  });

  it('more tasks than the memory holds', async () => {
    const small = await openDevice({ target: 'orin', engines: 'reference', maximum: 131_072 });
    const session = await loadNetwork(small, sampleNetwork());
    const runs = await Promise.allSettled(Array.from({ length: 20 }, () => session.run({ image })));
    const refused = runs.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect((reason as DlakitError).problem.code).toBe('device/memory');
    // The run that found memory has completed, and its memory is free again.
    expect(runs[0]!.status).toBe('fulfilled');
    await session.run({ image });
    await session.close();
  });
});

describe('compareRuns', () => {
  it('names the first tensor that differs, and where', async () => {
    const session = await loadNetwork(device, sampleNetwork());
    const a = await session.run({ image: sampleImage(1) }, { dump: 'all' });
    const changed = sampleImage(1);
    const values = float32Values(changed);
    values[64 + 8 + 3] = -values[64 + 8 + 3]!;
    const b = await session.run({ image: changed }, { dump: 'all' });
    const [before, after] = [sampleImage(1), changed].map(
      (t) => (quantize(float32Values(t), 0.02, 'half-away') as Int8Array)[75],
    );
    expect(compareRuns(a, b)).toEqual({
      name: 'image',
      kind: 'value',
      at: [0, 1, 1, 3],
      a: before,
      b: after,
      count: 1,
    });
    const later = (run: typeof a) => ({ dumps: run.dumps.slice(1) });
    expect(compareRuns(later(a), later(b))).toMatchObject({ name: 'pooled', layer: 'Conv_0', kind: 'value' });
    expect(compareRuns(a, { dumps: a.dumps.slice(0, 3) })).toMatchObject({ name: 'sum', kind: 'missing' });
    expect(compareRuns({ dumps: a.dumps.slice(0, 3) }, a)).toMatchObject({ name: 'sum', kind: 'missing' });
    const other = a.dumps.map((dump) => ({ ...dump, scale: 1 }));
    expect(compareRuns(a, { dumps: other })).toMatchObject({ name: 'image', kind: 'scale', a: 0.02, b: 1 });
    await session.close();
  });
});
