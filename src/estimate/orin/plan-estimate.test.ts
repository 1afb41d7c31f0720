import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, type Estimate, estimateModes, estimateText, type Plan, prepare } from '../../index.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';
import { layerReads, layerWrites } from '../../program/access.ts';
import type { Layer } from '../../program/layer.ts';
import type { Program } from '../../program/program.ts';
import { validateProgram } from '../../program/validate.ts';
import { findModule, findPowerMode } from '../../targets/find.ts';
import { orin } from '../../targets/orin.ts';
import { estimate } from '../estimate.ts';
import type { PlacedLayer } from '../estimate-result.ts';
import { NetworkProgram, planOf } from '../testing/network-program.ts';
import { retinaNetResNet34 } from '../testing/published-networks.ts';

const module = findModule(orin, 'agx-orin-64gb');
const options = { target: orin, module, powerMode: findPowerMode(module, 'MAXN'), cores: 1 };

const placesOf = (program: Program): readonly PlacedLayer[] =>
  estimate(planOf('network', program, 1), options).layers.map(({ placed }) => placed!);

/** Convolutions, pools and up-scalings of any tensor that is there so far; small SRAM, so that tensors take turns in it. */
const programs = fc
  .record({
    steps: fc.array(
      fc.record({ kind: fc.constantFrom('conv', 'up', 'up', 'pool', 'add'), of: fc.nat(), by: fc.nat() }),
      {
        minLength: 2,
        maxLength: 24,
      },
    ),
    sram: fc.constantFrom(4096, 8192, 16_384, 65_536),
  })
  .map(({ steps, sram }) => {
    const net = new NetworkProgram(1);
    const made = [net.conv(net.image(16, 16), 32, 3, { padding: 1 })];
    const used = new Set<number>();
    const take = (index: number) => {
      used.add(index);
      return index;
    };
    for (const { kind, of, by } of steps) {
      const input = take(made[of % made.length]!);
      const [, channels, height] = net.shape(input);
      const alike = made.filter((other) => net.shape(other).join() === net.shape(input).join());
      if (kind === 'up' && height < 64) made.push(net.upsample(input, 2));
      else if (kind === 'pool' && height >= 4) made.push(net.maxPool(input, { kernel: 2, stride: 2, padding: 0 }));
      else if (kind === 'add') {
        const residual = take(alike[by % alike.length]!);
        made.push(net.conv(input, channels, 1, { residual }));
      } else made.push(net.conv(input, 32, 3, { padding: 1 }));
    }
    return net.program(
      made.filter((surface) => !used.has(surface)),
      sram,
    );
  });

interface Bytes {
  readonly memory: string;
  readonly from: number;
  readonly to: number;
}

const bytesOf = ({ surfaces }: Program, id: number): Bytes => {
  const { memory, offset, size, name } = surfaces[id]!;
  return { memory: memory === 'io' ? name : memory, from: offset, to: offset + size };
};
const meet = (a: readonly Bytes[], b: readonly Bytes[]): boolean =>
  a.some((one) => b.some((other) => one.memory === other.memory && one.from < other.to && other.from < one.to));

describe('launches side by side', () => {
  it('leave memory as launches in order do: none reads what is not written yet, or overwrites what is still read', () => {
    let together = 0;
    let reused = 0;
    fc.assert(
      fc.property(programs, (program) => {
        validateProgram(program, undefined, orin);
        const places = placesOf(program);
        const touched = program.layers.map((layer: Layer) => ({
          reads: layerReads(layer).map(({ surface }) => bytesOf(program, surface)),
          writes: layerWrites(layer).map(({ surface }) => bytesOf(program, surface)),
        }));
        for (const [later, { reads, writes }] of touched.entries()) {
          for (const [earlier, before] of touched.slice(0, later).entries()) {
            const order = meet(before.writes, [...reads, ...writes]) || meet(before.reads, writes);
            if (order) expect(places[later]!.start).toBeGreaterThanOrEqual(places[earlier]!.end);
            if (meet(before.reads, writes)) reused++;
            if (places[later]!.start < places[earlier]!.end && places[earlier]!.start < places[later]!.end) together++;
          }
        }
      }),
      { numRuns: 150 },
    );
    // The networks have what is to be tested.
    expect(together).toBeGreaterThan(50);
    expect(reused).toBeGreaterThan(50);
  });

  it('overlap where the engines differ: up-scalings of RetinaNet beside convolutions', () => {
    const { layers, schedule, latency } = estimate(retinaNetResNet34(), options);
    const scalings = layers.filter(({ kind }) => kind === 'resize');
    expect(scalings.map(({ placed }) => placed!.engine)).toEqual(['rubik', 'rubik']);
    for (const { placed } of scalings) {
      const { start, end } = placed!;
      const beside = layers.filter((other) => other.placed!.start < end && start < other.placed!.end);
      expect(beside.map(({ kind }) => kind)).toContain('conv');
    }
    expect(latency).toBeLessThan(schedule!.sequential);
    expect(latency).toBeGreaterThan(schedule!.longestChain);
  });
});

/** A block of Inception: four branches and their concatenation, whose widths are no multiples of 32. */
function inception(precision: 'int8' | 'fp16'): Estimate {
  const b = new GraphBuilder('inception');
  const x = b.conv(b.input('image', [1, 64, 28, 28]), { channels: 64, kernel: 1, name: 'stem' });
  const one = b.conv(x, { channels: 24, kernel: 1, name: 'one' });
  const three = b.conv(b.conv(x, { channels: 48, kernel: 1 }), { channels: 40, kernel: 3, padding: 1, name: 'three' });
  const five = b.conv(b.conv(x, { channels: 16, kernel: 1 }), { channels: 24, kernel: 5, padding: 2, name: 'five' });
  const pool = b.maxPool(x, { kernel: 3, padding: 1, name: 'pool' });
  const pooled = b.conv(pool, { channels: 40, kernel: 1, name: 'pooled' });
  b.output(b.concat([one, three, five, pooled]));
  const { plan } = compile(prepare(b.build(), { precision }), { precision }).network;
  return estimate(plan, options);
}

/** Pairs of layers that run at the same time, by their engines. */
const pairsOf = ({ layers }: Estimate): readonly string[] =>
  layers.flatMap(({ placed: a }, index) =>
    layers.slice(0, index).flatMap(({ placed: b }) => {
      const together = a!.start < b!.end - 1e-6 && b!.start < a!.end - 1e-6;
      return together ? [[a!.engine, b!.engine].toSorted().join(' ')] : [];
    }),
  );

describe('branches of Inception', () => {
  it('overlap in INT8 where they are copied into their concatenation', () => {
    const found = inception('int8');
    expect(new Set(pairsOf(found))).toEqual(new Set(['cpipe rubik']));
    expect(found.latency).toBeLessThan(found.schedule!.sequential);
    expect(found.latency).toBeGreaterThanOrEqual(found.schedule!.longestChain);
  });

  it('overlap in FP16, where convolutions are Rubik’s: the pooling runs beside it', () => {
    const found = inception('fp16');
    const pool = found.layers.find(({ kind }) => kind === 'pdp')!.placed!;
    const beside = found.layers.filter(({ placed }) => placed!.start < pool.end && pool.start < placed!.end);
    expect(found.layers[0]!.placed!.engine).toBe('rubik');
    expect(beside.map(({ placed }) => placed!.engine)).toContain('rubik');
    expect(found.latency).toBeLessThan(found.schedule!.sequential);
  });
});

it('gives images a second of two cores by the clock of each', () => {
  const plan = planOf('net', smallProgram(), 1);
  const nx = findModule(orin, 'orin-nx-16gb');
  const powerMode = findPowerMode(nx, '10W');
  const at = (mode: typeof powerMode, cores: number) =>
    estimate(plan, { target: orin, module: nx, powerMode: mode, cores });
  const slow = at({ ...powerMode, dlaClock: powerMode.secondDlaClock! }, 1);
  const both = at(powerMode, 2);
  expect(slow.latency).toBeGreaterThan(both.latency);
  expect(both.imagesPerSecond).toBeCloseTo(1e6 / both.latency + 1e6 / slow.latency, 6);
  expect(at(powerMode, 1).imagesPerSecond).toBeCloseTo(1e6 / both.latency, 6);
  expect(both.notes.join('\n')).toContain('In 10W the second core runs at 115 MHz');
  // A mode that is not the first: its note is told all the same.
  expect(estimateText(estimateModes(plan, { module: 'orin-nx-16gb' }))).toContain('In 10W the second core');
});

function smallProgram(): Program {
  const net = new NetworkProgram(1);
  return net.program([net.conv(net.image(32, 32), 32, 3, { padding: 1 })], 65_536);
}

interface Net {
  readonly steps: readonly { readonly kind: string; readonly channels: number; readonly back: number }[];
  readonly size: number;
  readonly batch: number;
}

/** Odd networks: everything that a launch can be, in any order, on tensors of any width. */
function planOfNet({ steps, size, batch }: Net, precision: 'int8' | 'fp16' = 'int8'): Plan {
  const b = new GraphBuilder('net');
  const made = [b.conv(b.input('x', [batch, 3, size, size]), { channels: 8, kernel: 1 })];
  const used = new Set<string>();
  for (const { kind, channels, back } of steps) {
    const x = made[Math.max(0, made.length - 1 - back)]!;
    used.add(x);
    const c = b.shape(x)[1]!;
    if (kind === 'conv') made.push(b.conv(x, { channels, kernel: 3, padding: 1 }));
    else if (kind === 'depthwise') made.push(b.conv(x, { channels: c, kernel: 3, padding: 1, groups: c }));
    else if (kind === 'pool') made.push(b.averagePool(x, { kernel: 3, padding: 1 }));
    else if (kind === 'concat') made.push(b.concat([x, made[0]!]));
    else if (kind === 'split' && c > 1) made.push(...b.split(x, [1, c - 1]));
    else if (kind === 'elu') made.push(b.unary('Elu', x));
    else made.push(b.add(x, x));
  }
  b.output(...made.filter((value) => !used.has(value)));
  return compile(prepare(b.build(), { precision }), { precision }).network.plan;
}

const nets = fc.record({
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom('conv', 'conv', 'depthwise', 'pool', 'concat', 'split', 'elu', 'add'),
      channels: fc.constantFrom(1, 3, 17, 32, 33, 64, 130),
      back: fc.nat({ max: 2 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  size: fc.integer({ min: 3, max: 40 }),
  batch: fc.constantFrom(1, 2, 3, 32),
});

/** Every number inside is finite and not negative. */
function expectSound(value: unknown): void {
  if (typeof value === 'number') expect(value).toBeGreaterThanOrEqual(0);
  if (typeof value === 'number') expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
  else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) expectSound(each);
}

describe('any network', () => {
  it('has sound numbers in every mode, which add up, and takes longer at lower clocks and with FP32 bindings', () => {
    fc.assert(
      fc.property(nets, (net) => {
        const plan = planOfNet(net);
        for (const { id } of orin.modules) {
          for (const found of estimateModes(plan, { module: id, cores: 1 })) {
            expectSound(found);
            const { layers, asBuilt, latency, schedule } = found;
            const ends = [...layers.map(({ placed }) => placed!.end), ...asBuilt!.parts.map(({ end }) => end)];
            expect(latency).toBeCloseTo(Math.max(...ends), 6);
            expect(latency).toBeLessThanOrEqual(schedule!.sequential + 1e-6);
            expect(latency).toBeGreaterThanOrEqual(schedule!.longestChain - 1e-6);
            expect(found.imagesPerSecond).toBeCloseTo((net.batch * 1e6) / latency, 6);
          }
        }
        const latencies = estimateModes(plan).map(({ latency }) => latency);
        expect(latencies).toEqual(latencies.toSorted((a, b) => a - b));
        expect(estimate(plan, { ...options, bindings: 'fp32' }).latency).toBeGreaterThan(latencies[0]!);
      }),
      { numRuns: 25 },
    );
  });

  it('works no less on larger images, a larger batch, in FP16 or with a layer more', () => {
    fc.assert(
      fc.property(nets, (net) => {
        // One launch after the other: side by side, a launch less may let another wait longer.
        const work = (plan: Plan) => estimate(plan, options).schedule!.sequential;
        const before = work(planOfNet(net));
        expect(work(planOfNet({ ...net, size: net.size + 3 }))).toBeGreaterThanOrEqual(before - 1e-6);
        expect(work(planOfNet({ ...net, batch: net.batch + 1 }))).toBeGreaterThan(before);
        expect(work(planOfNet(net, 'fp16'))).toBeGreaterThanOrEqual(before - 1e-6);
        const more = [...net.steps, { kind: 'conv', channels: 32, back: 0 }];
        expect(work(planOfNet({ ...net, steps: more }))).toBeGreaterThan(before);
      }),
      { numRuns: 15 },
    );
  });
});
