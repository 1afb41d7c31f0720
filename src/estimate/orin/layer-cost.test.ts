import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes } from '../../base/units.ts';
import type { Layer } from '../../program/layer.ts';
import type { MacWork } from '../../program/layers/kind.ts';
import { sampleProgram } from '../../program/testing/sample-program.ts';
import { sparseModeRuns } from '../../sparsify/eligibility.ts';
import { findModule, findPowerMode } from '../../targets/find.ts';
import { orin } from '../../targets/orin.ts';
import { programWork } from '../layer-work.ts';
import { conditionsOf, estimateLayer, type LayerWork, macCyclesOf } from './layer-cost.ts';
import { orinParameters } from './parameters.ts';

const conditions = conditionsOf(orin, findPowerMode(findModule(orin, 'agx-orin-64gb'), 'MAXN'));
const conv: MacWork = {
  inputChannels: 128,
  kernels: 128,
  rows: 3,
  columns: 3,
  groups: 1,
  pixels: 28 * 28,
  image: false,
  sparse: false,
};
const { overheadCycles, overheadTime, overlap } = orinParameters;
/** Bytes a microsecond. */
const rate = (name: 'readBandwidth' | 'operandBandwidth' | 'writeBandwidth'): number =>
  1000 * orinParameters[name].value;
const tensor = (size: number, resident = false) => ({ size: bytes(size), resident });
const work: LayerWork = {
  engine: 'cpipe',
  batch: 1,
  conv,
  elements: 128 * 28 * 28,
  input: tensor(128 * 28 * 28),
  output: tensor(128 * 28 * 28),
  sramFree: bytes(2 ** 20),
};

describe('macCyclesOf', () => {
  it.each<readonly [string, Partial<MacWork>, number, number]>([
    ['dense', {}, 1, 392 * 9 * 2 * 2],
    ['an odd number of pixels', { pixels: 7 * 7 }, 1, 25 * 9 * 2 * 2],
    ['a batch rounds each image up', { pixels: 7 * 7 }, 2, 50 * 9 * 2 * 2],
    ['channels and kernels in blocks of 64', { inputChannels: 65, kernels: 1 }, 1, 392 * 9 * 2],
    ['sparse', { sparse: true }, 1, 392 * 9 * 1 * 2],
    ['sparse with 64 channels stays dense', { sparse: true, inputChannels: 64 }, 1, 392 * 9 * 1 * 2],
    ['sparse with 3 kernels left over stays dense', { sparse: true, kernels: 67 }, 1, 392 * 9 * 2 * 2],
    ['depthwise', { groups: 128 }, 1, 392 * 9 * 2],
    ['image, 7×7', { image: true, inputChannels: 3, kernels: 64, rows: 7, columns: 7 }, 1, 392 * 4],
    ['image, 3×3 with 96 kernels', { image: true, inputChannels: 3, kernels: 96, rows: 3, columns: 3 }, 1, 392 * 2 * 2],
  ])('%s', (_, change, batch, cycles) => {
    expect(macCyclesOf({ ...conv, ...change }, batch, orin.atomic)).toBe(cycles);
  });
});

it('runs sparse only where the hardware would', () => {
  const runs = (change: Partial<MacWork>) => sparseModeRuns({ ...conv, ...change }, orin.atomic);
  expect(runs({})).toBe(true);
  expect(runs({ inputChannels: 64 })).toBe(false);
  expect(runs({ groups: 2 })).toBe(false);
  expect(runs({ image: true })).toBe(false);
  expect([0, 1, 2, 3, 4, 5, 8, 16, 24, 32, 33].filter((rest) => runs({ kernels: 64 + rest }))).toEqual([
    0, 1, 2, 4, 8, 16, 32,
  ]);
});

describe('estimateLayer', () => {
  it('follows the formulas of docs/hardware/estimate-model.md#structure', () => {
    const cost = estimateLayer(work, conditions);
    const compute = (392 * 9 * 4) / 0.99 / 1600;
    const size = 128 * 28 * 28;
    const memory = (size + 128 * 128 * 9) / rate('readBandwidth') + size / rate('writeBandwidth');
    expect(cost.compute).toBeCloseTo(compute, 9);
    expect(cost.memory).toBeCloseTo(memory, 9);
    expect(cost.overhead).toBeCloseTo(overheadCycles.value / 1600 + overheadTime.value, 9);
    const q = overlap.value;
    expect(cost.total).toBeCloseTo((compute ** q + memory ** q) ** (1 / q) + cost.overhead, 9);
    expect(cost.macs).toBe(128 * 128 * 9 * 28 * 28);
    expect(cost.bound).toBe('overhead');
  });

  it('counts a second operand at a rate of its own', () => {
    const added = estimateLayer({ ...work, operand: tensor(1_000_000) }, conditions);
    const more = added.memory - estimateLayer(work, conditions).memory;
    expect(more).toBeCloseTo(1_000_000 / rate('operandBandwidth'), 9);
  });

  it('takes both convolution pipes, one for a single pixel', () => {
    expect(estimateLayer(work, conditions)).toMatchObject({ engine: 'cpipe', lanes: 2 });
    expect(estimateLayer({ ...work, conv: { ...conv, pixels: 1 } }, conditions).lanes).toBe(1);
    const { conv: _, ...pool } = work;
    expect(estimateLayer(pool, conditions).lanes).toBe(2);
    expect(estimateLayer({ ...pool, engine: 'bdma' }, conditions).lanes).toBe(1);
  });

  it('reads the input again for each further block of weights, beyond the free SRAM', () => {
    const large = { ...work, input: tensor(2 ** 21), sramFree: bytes(2 ** 19) };
    expect(estimateLayer(large, conditions).traffic.restream).toBe(2 ** 21 - 2 ** 19);
    const three = { ...large, conv: { ...conv, kernels: 256 } };
    expect(estimateLayer(three, conditions).traffic.restream).toBe(2 * (2 ** 21 - 2 ** 19));
    for (const change of [
      { input: tensor(2 ** 21, true) },
      { conv: { ...conv, kernels: 64 } },
      { conv: { ...conv, groups: 2, kernels: 512 } },
      { conv: { ...conv, image: true, kernels: 512 } },
      { sramFree: bytes(2 ** 21) },
    ]) {
      expect(estimateLayer({ ...large, ...change }, conditions).traffic.restream).toBe(0);
    }
  });

  it('moves nothing to or from DRAM for what stays in SRAM', () => {
    const resident = { input: tensor(1000, true), operand: tensor(1000, true), output: tensor(1000, true) };
    const { traffic } = estimateLayer({ ...work, ...resident }, conditions);
    expect(traffic).toEqual({ input: 0, operand: 0, weights: 128 * 128 * 9, output: 0, restream: 0 });
  });

  it('is bound by the point-wise stage where there is little to multiply', () => {
    const { conv: _, ...pool } = work;
    const cost = estimateLayer(pool, conditions);
    expect(cost.compute).toBeCloseTo(work.elements / 128 / 1600, 12);
    expect([cost.macs, cost.macCycles, cost.traffic.weights]).toEqual([0, 0, 0]);
  });

  it('grows the overhead by half for each further image', () => {
    const once = estimateLayer(work, conditions).overhead;
    expect(estimateLayer({ ...work, batch: 3 }, conditions).overhead).toBeCloseTo(2 * once, 9);
  });

  it('never gets faster with more work', () => {
    const dimension = fc.integer({ min: 1, max: 512 });
    fc.assert(
      fc.property(
        dimension,
        dimension,
        dimension,
        fc.constantFrom('inputChannels', 'kernels', 'pixels'),
        (c, k, p, grown) => {
          const before = { ...conv, inputChannels: c, kernels: k, pixels: p };
          const after = { ...before, [grown]: before[grown] + 1 };
          const time = (shape: MacWork) => estimateLayer({ ...work, conv: shape }, conditions).total;
          expect(time(after)).toBeGreaterThanOrEqual(time(before));
        },
      ),
    );
  });
});

it('reads the work of each kind of layer off a Program', () => {
  const { program } = sampleProgram();
  const summary = programWork(program).map(({ engine, elements, input, operand, output, sramFree, conv: found }) => [
    engine,
    elements,
    `${input.size}${input.resident ? ' sram' : ''}`,
    operand === undefined ? '' : `${operand.size}${operand.resident ? ' sram' : ''}`,
    `${output.size}${output.resident ? ' sram' : ''}`,
    65_536 - sramFree,
    found === undefined ? '' : `${found.inputChannels}→${found.kernels} ${found.pixels}${found.image ? ' image' : ''}`,
  ]);
  expect(summary).toEqual([
    ['cpipe', 40 * 64, '256', '', '1024 sram', 1024, '3→40 64 image'],
    ['cpipe', 40 * 16, '1024 sram', '', '1024', 1024, '40→40 16'],
    ['cpipe', 40 * 16, '1024', '1024 sram', '1024 sram', 2048, '40→40 16'],
    ['rubik', 40 * 64, '1024 sram', '', '4096', 1024, ''],
    ['rubik', 16 * 64, '2048', '', '2048', 0, ''],
    ['rubik', 24 * 64, '2048', '', '2048', 0, ''],
    ['cpipe', 16 * 64, '2048', '', '2048', 0, ''],
  ]);
});

it('copies whole atoms with BDMA, and slices of them with Rubik', () => {
  const { program } = sampleProgram();
  const engineOfCopy = (inputChannel: number, outputChannel: number, channels: number) => {
    const layers = program.layers.map((layer): Layer => {
      if (layer.kind !== 'copy') return layer;
      return { ...layer, copy: { ...layer.copy, inputChannel, outputChannel, channels } };
    });
    return programWork({ ...program, layers })[5]!.engine;
  };
  expect(engineOfCopy(0, 32, 32)).toBe('bdma');
  // The last of 80 channels of the output.
  expect(engineOfCopy(0, 64, 16)).toBe('bdma');
  expect(engineOfCopy(0, 32, 16)).toBe('rubik');
  expect(engineOfCopy(8, 32, 32)).toBe('rubik');
  expect(engineOfCopy(0, 40, 32)).toBe('rubik');
});
