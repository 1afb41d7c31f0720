/** Counters of small launches, counted by hand; and the kernels' against the reference's. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Conv } from '../../program/layer.ts';
import { nvFull, nvSmall } from '../../targets/nvdla.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { Bus } from '../bus.ts';
import { referenceEngines } from '../engines/reference/engines.ts';
import { convolve } from '../engines/reference/nvdla/convolution.ts';
import { noCounts } from '../engines/reference/nvdla/hardware-counts.ts';
import { createWasmEngines } from '../engines/wasm/engines.ts';
import type { Cube } from '../launch.ts';
import { launch } from '../launch.ts';
import type { Engines } from '../state.ts';
import { cubeBytes, unmapCubes } from '../testing/cubes.ts';
import { nvdlaConvScenarios, otherNvdlaScenarios } from '../testing/nvdla/pipelines.ts';
import { NvdlaDevice } from './nvdla-device.ts';

const source = 0x8000_0000n;
const destination = 0x8000_1000n;

interface Registers {
  set(values: Readonly<Record<string, number>>): void;
  get(block: string, names: readonly string[]): readonly number[];
}

const engineSets = {
  reference: () => referenceEngines(),
  kernels: (bus: Bus) => createWasmEngines(bus, { threads: 1 }),
} satisfies Readonly<Record<string, (bus: Bus) => Engines | Promise<Engines>>>;

async function open(
  target: NvdlaTarget,
  data: ArrayBufferView,
  enginesFor: (typeof engineSets)[keyof typeof engineSets],
) {
  const bus = new Bus();
  bus.map(source, 0x2000);
  bus.write(source, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const device = new NvdlaDevice({ target, bus, engines: await enginesFor(bus) });
  const at = (name: string): number => device.addressOf(`NVDLA_${name}_0`)!;
  const registers: Registers = {
    set(values) {
      for (const [name, value] of Object.entries(values)) device.write(at(name), value);
    },
    get: (block, names) => names.map((name) => device.read(at(`${block}.${name}`))),
  };
  return registers;
}

/** Launches SDP on one atom, all units bypassed except as `more` says, in the register group given. */
function pointLaunch(registers: Registers, group: number, more: Readonly<Record<string, number>>): void {
  registers.set({
    'SDP.S_POINTER': group,
    'SDP_RDMA.S_POINTER': group,
    'SDP_RDMA.D_SRC_BASE_ADDR_LOW': Number(source),
    'SDP_RDMA.D_SRC_LINE_STRIDE': 32,
    'SDP_RDMA.D_SRC_SURFACE_STRIDE': 32,
    'SDP_RDMA.D_SRC_DMA_CFG': 1,
    'SDP_RDMA.D_FEATURE_MODE_CFG': 0,
    'SDP_RDMA.D_BRDMA_CFG': 1,
    'SDP_RDMA.D_NRDMA_CFG': 1,
    'SDP_RDMA.D_ERDMA_CFG': 1,
    'SDP.D_DST_BASE_ADDR_LOW': Number(destination),
    'SDP.D_DST_LINE_STRIDE': 32,
    'SDP.D_DST_SURFACE_STRIDE': 32,
    'SDP.D_DST_DMA_CFG': 1,
    'SDP.D_DP_BS_CFG': 1,
    'SDP.D_DP_BN_CFG': 1,
    'SDP.D_DP_EW_CFG': 1,
    'SDP.D_DATA_FORMAT': 0,
    'SDP.D_CVT_SCALE': 1,
    ...more,
    'SDP_RDMA.D_OP_ENABLE': 1,
    'SDP.D_OP_ENABLE': 1,
  });
}

const lookups = ['D_PERF_LUT_UFLOW', 'D_PERF_LUT_OFLOW', 'D_PERF_LUT_HYBRID', 'D_PERF_LUT_LE_HIT', 'D_PERF_LUT_LO_HIT'];

describe.each(Object.entries(engineSets))('counters, %s', (_, engines) => {
  it('count what leaves 17 bits on the way out of SDP, where they are enabled', async () => {
    const registers = await open(nvSmall, Int8Array.of(1, 2, 3, 4, -2, -3, 0, 127), engines);
    const saturated = (): number => registers.get('SDP', ['D_PERF_OUT_SATURATION'])[0]!;
    // 32767 × 2 fits 17 bits, not int8: saturation counts at 17 bits.
    pointLaunch(registers, 0, { 'SDP.D_CVT_SCALE': 32767, 'SDP.D_PERF_ENABLE': 4 });
    expect(saturated()).toBe(4);
    pointLaunch(registers, 1, { 'SDP.D_CVT_SCALE': 32767 });
    expect(saturated()).toBe(0);
    pointLaunch(registers, 0, { 'SDP.D_PERF_ENABLE': 0 });
    expect(saturated()).toBe(4);
    pointLaunch(registers, 1, { 'SDP.D_PERF_ENABLE': 4 });
    expect(saturated()).toBe(0);
  });

  it('count a step beyond the end in the second generation only', async () => {
    // 16384 × 4 is one more than 17 bits hold.
    for (const [target, count] of [
      [nvSmall, 3],
      [nvFull, 2],
    ] as const) {
      const data = new Int8Array(32);
      data.set([4, 5, -4, -5, 3]);
      const registers = await open(target, data, engines);
      pointLaunch(registers, 0, { 'SDP.D_CVT_SCALE': 16384, 'SDP.D_PERF_ENABLE': 4 });
      expect(registers.get('SDP', ['D_PERF_OUT_SATURATION'])).toEqual([count]);
    }
  });

  it('count how lookups of SDP fall', async () => {
    const registers = await open(nvSmall, Int8Array.of(-5, 5, 20, 30, 100, 127, 10, 64), engines);
    const look = (group: number, lo: number, priorities: number, enabled = 2): void =>
      pointLaunch(registers, group, {
        'SDP.S_LUT_CFG': 1 | priorities,
        'SDP.S_LUT_INFO': 0,
        'SDP.S_LUT_LE_START': 0,
        'SDP.S_LUT_LE_END': 64,
        'SDP.S_LUT_LO_START': lo,
        'SDP.S_LUT_LO_END': lo + 256,
        // ALU and multiplier of Y are bypassed, the table is not.
        'SDP.D_DP_EW_CFG': 0x12,
        'SDP.D_PERF_ENABLE': enabled,
      });
    look(0, 10, 0);
    expect(registers.get('SDP', lookups)).toEqual([1, 0, 7, 4, 5]);
    // Beyond −44 LO overflows: with LE below its start the priority of hybrids says which of the two is counted.
    look(1, -300, 0);
    expect(registers.get('SDP', lookups)).toEqual([1, 3, 4, 4, 0]);
    look(0, -300, 0x40);
    expect(registers.get('SDP', lookups)).toEqual([0, 4, 4, 4, 0]);
    look(1, 10, 0, 0);
    expect(registers.get('SDP', lookups)).toEqual([1, 3, 4, 4, 0]);
  });

  it('tell whether a comparison of SDP found a difference', async () => {
    const registers = await open(nvSmall, new Int8Array(8).fill(7), engines);
    const compare = (group: number, operand: number): void =>
      pointLaunch(registers, group, {
        'SDP.D_DP_EW_CFG': 0x5c,
        'SDP.D_DP_EW_ALU_CFG': 2,
        'SDP.D_DP_EW_ALU_SRC_VALUE': operand,
      });
    compare(0, 7);
    expect(registers.get('SDP', ['D_STATUS'])).toEqual([0]);
    compare(1, 8);
    expect(registers.get('SDP', ['D_STATUS'])).toEqual([1]);
  });

  it('count NaN, infinity and the largest numbers of float16', async () => {
    const data = new Uint16Array(16);
    data.set([0x7e01, 0xfc01, 0x7c00, 0xfc00, 0x7bff, 0x3c00, 0x7bfe]);
    const registers = await open(nvFull, data, engines);
    pointLaunch(registers, 0, {
      'SDP_RDMA.D_FEATURE_MODE_CFG': 0xa8,
      'SDP_RDMA.D_PERF_ENABLE': 2,
      'SDP.D_DATA_FORMAT': 0xa,
      'SDP.D_PERF_ENABLE': 0xc,
    });
    expect(registers.get('SDP_RDMA', ['D_STATUS_NAN_INPUT_NUM', 'D_STATUS_INF_INPUT_NUM'])).toEqual([2, 2]);
    // What was a NaN leaves as an infinity.
    expect(registers.get('SDP', ['D_STATUS_NAN_OUTPUT_NUM', 'D_PERF_OUT_SATURATION'])).toEqual([0, 3]);
  });

  it('count pooled NaN and infinity', async () => {
    const data = new Uint16Array(32);
    // Two pixels side by side; the first channel has NaN in one, the second infinity in both.
    data.set([0x7e01, 0x7c00, 0x3c00], 0);
    data.set([0x3c00, 0x7c00, 0x4000], 16);
    const registers = await open(nvFull, data, engines);
    registers.set({
      'PDP.D_DATA_CUBE_IN_WIDTH': 1,
      'PDP.D_DATA_CUBE_IN_CHANNEL': 15,
      'PDP.D_DATA_CUBE_OUT_CHANNEL': 15,
      'PDP.D_OPERATION_MODE_CFG': 0x11,
      'PDP.D_POOLING_KERNEL_CFG': 1,
      'PDP.D_DST_BASE_ADDR_LOW': Number(destination),
      'PDP.D_DST_LINE_STRIDE': 32,
      'PDP.D_DST_SURFACE_STRIDE': 32,
      'PDP.D_DST_RAM_CFG': 1,
      'PDP.D_DATA_FORMAT': 2,
      'PDP_RDMA.D_DATA_CUBE_IN_WIDTH': 1,
      'PDP_RDMA.D_DATA_CUBE_IN_CHANNEL': 15,
      'PDP_RDMA.D_SRC_BASE_ADDR_LOW': Number(source),
      'PDP_RDMA.D_SRC_LINE_STRIDE': 64,
      'PDP_RDMA.D_SRC_SURFACE_STRIDE': 64,
      'PDP_RDMA.D_SRC_RAM_CFG': 1,
      'PDP_RDMA.D_DATA_FORMAT': 2,
      'PDP.D_OP_ENABLE': 1,
      'PDP_RDMA.D_OP_ENABLE': 1,
    });
    expect(registers.get('PDP', ['D_NAN_INPUT_NUM', 'D_INF_INPUT_NUM', 'D_NAN_OUTPUT_NUM'])).toEqual([1, 2, 1]);
  });

  it('count each lookup of CDP once, whether enabled or not, and what int8 cannot hold', async () => {
    const registers = await open(nvSmall, Int8Array.of(-5, 5, 20, 30, 100, 127, 10, 64), engines);
    registers.set({
      'CDP_RDMA.D_DATA_CUBE_CHANNEL': 7,
      'CDP_RDMA.D_SRC_BASE_ADDR_LOW': Number(source),
      'CDP_RDMA.D_SRC_LINE_STRIDE': 8,
      'CDP_RDMA.D_SRC_SURFACE_STRIDE': 8,
      'CDP_RDMA.D_SRC_DMA_CFG': 1,
      'CDP.D_DST_BASE_ADDR_LOW': Number(destination),
      'CDP.D_DST_LINE_STRIDE': 8,
      'CDP.D_DST_SURFACE_STRIDE': 8,
      'CDP.D_DST_DMA_CFG': 1,
      'CDP.D_DATA_FORMAT': 0,
      'CDP.S_LUT_CFG': 1,
      'CDP.S_LUT_LE_END_LOW': 64,
      'CDP.S_LUT_LO_START_LOW': 10,
      'CDP.S_LUT_LO_END_LOW': 266,
      // Zero entries: results are what the converter makes of its offset.
      'CDP.D_FUNC_BYPASS': 3,
      'CDP.D_DATOUT_OFFSET': 0x1ffff80,
      'CDP.D_OP_ENABLE': 1,
      'CDP_RDMA.D_OP_ENABLE': 1,
    });
    expect(registers.get('CDP', lookups)).toEqual([1, 0, 2, 2, 3]);
    expect(registers.get('CDP', ['D_OUT_SATURATION'])).toEqual([8]);
  });
});

describe('counters of a convolution', () => {
  const vector = (address: bigint, channels: number): Cube => ({
    address,
    shape: [1, channels, 1, 1],
    dtype: 'int16',
    format: 'chw16',
    lineStride: 32,
    surfaceStride: 32,
    batchStride: 0,
    size: 32,
  });
  const run = (words: readonly number[], precision: 'int16' | 'float16', truncate = 0) => {
    const bus = new Bus();
    bus.map(source, 0x2000);
    const data = Uint8Array.from(new Uint8Array(Uint16Array.from(words).buffer));
    bus.write(source, data);
    bus.write(destination, data);
    const dtype = { dtype: precision };
    const conv: Conv<Cube> = {
      input: { ...vector(source, words.length), ...dtype },
      weights: { ...vector(destination, words.length), ...dtype, size: words.length * 2 },
      kernel: { h: 1, w: 1 },
      stride: { h: 1, w: 1 },
      dilation: { h: 1, w: 1 },
      padding: { top: 0, left: 0, bottom: 0, right: 0 },
      padValue: 0,
      groups: 1,
      transposed: false,
      output: { channels: 1, height: 1, width: 1 },
      sparse: false,
      truncate,
      core: {
        precision,
        kernelGroup: 16,
        channelBlock: 64,
        accumulatorChannels: 16,
        accumulatorBits: 48,
        cbuf: { dataBanks: 1, weightBanks: 1 },
        reuse: { data: false, weights: false },
        keep: { data: false, weights: false },
      },
    };
    const counts = noCounts('v1', false);
    convolve(conv, bus, { engines: referenceEngines(), nvdla: { counts } });
    return counts.conv;
  };

  it('tell how many sums CACC had to clamp', () => {
    expect(run([32767, 32767, 32767], 'int16').saturated).toBe(1);
    expect(run([32767, 32767, 32767], 'int16', 1).saturated).toBe(0);
    expect(run([32767, 32767], 'int16').saturated).toBe(0);
  });

  it('tell NaN and infinity of data and weights apart', () => {
    const special = { nan: 2, infinite: 1 };
    expect(run([0x7e00, 0xffff, 0x7c00, 0x3c00], 'float16')).toMatchObject({ data: special, weights: special });
    expect(run([0x7e00, 0xffff, 0x7c00, 0x3c00], 'int16').data).toEqual({ nan: 0, infinite: 0 });
  });
});

describe.each([nvSmall, nvFull])('counters of any launch on $name', (target) => {
  it('are the same on kernels, which leave the same bytes besides', async () => {
    const bus = new Bus();
    const kernels = await createWasmEngines(bus, { threads: 1 });
    const scenarios = fc.oneof(nvdlaConvScenarios(target), otherNvdlaScenarios(target));
    fc.assert(
      fc.property(scenarios, fc.boolean(), ({ table, build }, needed) => {
        const results = [
          { memory: new Bus(), engines: referenceEngines() },
          { memory: new Bus(), engines: kernels },
        ].map(({ memory, engines }, index) => {
          const on = index === 0 ? memory : bus;
          const { pipeline, output } = build(on);
          const counts = noCounts('v1', needed || index === 0);
          launch(pipeline, on, { engines, nvdla: { sdpTable: table, counts } });
          const bytes = cubeBytes(on, output);
          unmapCubes(on);
          return { counts, bytes };
        });
        const [expected, actual] = results as [(typeof results)[0], (typeof results)[0]];
        expect(Buffer.compare(actual.bytes, expected.bytes)).toBe(0);
        if (needed) expect(actual.counts).toEqual(expected.counts);
      }),
      { numRuns: 60 },
    );
  });
});
