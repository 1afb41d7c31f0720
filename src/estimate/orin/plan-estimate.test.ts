import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
