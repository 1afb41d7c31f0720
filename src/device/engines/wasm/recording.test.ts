/** Launches that are repeated: whatever changes between two of them, the second is what the reference makes of it. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Conv, NvdlaSdp, Pipeline } from '../../../program/layer.ts';
import { nvFull, nvSmall } from '../../../targets/nvdla.ts';
import type { Bus, Window } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { constantCube, featureCube, vectorCube } from '../../testing/cubes.ts';
import { atomsOf, idleUnit, plainConv, plainSdp, scaling } from '../../testing/nvdla/convolutions.ts';
import { Twins } from '../../testing/nvdla/twins.ts';
import type { LookupTable } from '../reference/nvdla/lookup-table.ts';

const wave = (length: number, step = 37): Int8Array => Int8Array.from({ length }, (_, at) => at * step + (at >> 5));

const fill = (bus: Bus, { address, size }: Cube, step: number): void =>
  bus.write(address, new Uint8Array(wave(size, step).buffer));

let twins: Twins;
beforeEach(async () => {
  twins = await Twins.open();
});
afterEach(() => twins.close());

/** A convolution with scale and bias by channel from memory, or what a unit in their place makes of it. */
function scene(target = nvSmall, size = 6, kernel = { h: 3, w: 3 }) {
  const atom = target.memoryAtom as number;
  return twins.both((bus) => {
    const input = featureCube(bus, [1, atom, size, size], atomsOf(target));
    fill(bus, input, 37);
    const conv = plainConv(target, input, vectorCube(bus, wave(atom * atom * kernel.h * kernel.w, 5)), atom, kernel);
    const { height, width } = conv.output;
    const output = featureCube(bus, [1, atom, height, width], atomsOf(target));
    const operand: Cube = { ...vectorCube(bus, wave(4 * atom, 3)), dtype: 'int16' };
    const x1 = { ...scaling(0, 0, 9), source: 'kernel', operand, operandUse: 'both' } as const;
    const sdp: NvdlaSdp<Cube> = { ...plainSdp(output), x1 };
    return { conv, sdp, output, operand };
  });
}

const pipelineOf = (conv: Conv<Cube>, sdp: NvdlaSdp<Cube>): Pipeline<Cube> => ({ kind: 'conv', conv, sdp });

/** Launches until it is repeated. */
function settle(pipeline: Pipeline<Cube>): void {
  for (let time = 0; time < 3; time++) if (twins.launch(pipeline).by === 'repetition') return;
  throw new Error('the launch is not repeated');
}

describe('a repeated launch sees', () => {
  test('another input', () => {
    const { conv, sdp } = scene();
    const pipeline = pipelineOf(conv, sdp);
    settle(pipeline);
    for (const step of [11, 91, 13]) {
      twins.both((bus) => fill(bus, conv.input, step));
      expect(twins.launch(pipeline).by).toBe('repetition');
    }
  });

  test('other weights and other operands', () => {
    const { conv, sdp, operand } = scene();
    const pipeline = pipelineOf(conv, sdp);
    for (const changed of [conv.weights, operand, conv.weights]) {
      settle(pipeline);
      twins.both((bus) => fill(bus, changed, 53));
      expect(twins.launch(pipeline).by).toBe('kernels');
      twins.both((bus) => fill(bus, changed, 71));
    }
  });

  test('another lookup table', () => {
    const { conv, output } = scene(nvFull);
    const table = (step: number): LookupTable => {
      const line = { start: -128, underflow: { scale: 9, shift: 1 }, overflow: { scale: 7, shift: 2 }, select: 0 };
      return {
        le: { ...line, end: -64, entries: new Int16Array(65).fill(step), spacing: 'linear', offset: 0 },
        lo: { ...line, end: 128, entries: Int16Array.from({ length: 257 }, (_, at) => at * step) },
        underflowPriority: 'le',
        overflowPriority: 'lo',
        hybridPriority: 'lo',
      };
    };
    const sdp = { ...plainSdp(output, 6), x1: scaling(0, 1, 12), y: { ...idleUnit, activation: 'lut' } } as const;
    const pipeline = pipelineOf(conv, sdp);
    twins.load(table(5));
    settle(pipeline);
    twins.load(table(-9));
    expect(twins.launch(pipeline).by).toBe('kernels');
  });

  test('scratch memory that others have moved or filled', () => {
    const small = scene();
    const padded = { ...small.conv, padValue: 7, padding: { top: 1, left: 1, bottom: 1, right: 1 } };
    const same = { ...padded, output: { ...padded.output, height: 6, width: 6 } };
    const to = twins.both((bus) => featureCube(bus, [1, nvSmall.memoryAtom, 6, 6], atomsOf(nvSmall)));
    const first = pipelineOf(same, { ...small.sdp, output: to });
    const second = pipelineOf({ ...same, padValue: -3 }, { ...plainSdp(to), x1: scaling(5, 3, 11) });
    const large = scene(nvSmall, 40, { h: 5, w: 5 });
    const packed = scene(nvSmall, 8, { h: 5, w: 5 });
    for (const pipeline of [first, second, first, second]) settle(pipeline);
    expect(twins.launch(first).by).toBe('repetition');
    settle(pipelineOf(large.conv, large.sdp));
    // Its weights lie where scratch memory was.
    const last = pipelineOf(packed.conv, packed.sdp);
    twins.launch(last);
    for (const pipeline of [first, second]) {
      twins.launch(pipeline);
      twins.both((bus) => fill(bus, small.conv.input, 29));
      twins.launch(last);
    }
  });

  test('memory that was unmapped and lies elsewhere', () => {
    const { conv, sdp } = scene();
    const pipeline = pipelineOf(conv, sdp);
    settle(pipeline);
    const moved = twins.both((bus) => {
      const windows = [...bus.reach];
      const bytes = windows.map(({ base, size }) => bus.read(base, size));
      for (const window of windows) bus.unmap(window);
      bus.map(0x5000_0000n, 4096);
      for (const [index, { base, size }] of windows.entries()) {
        bus.map(base, size);
        bus.write(base, bytes[index]!);
      }
      return windows.length;
    });
    expect(moved).toBeGreaterThan(0);
    expect(twins.launch(pipeline).by).toBe('kernels');
  });

  test('less memory in reach', () => {
    const { conv, sdp, output } = scene();
    const pipeline = pipelineOf(conv, sdp);
    settle(pipeline);
    const within = (hidden: Cube): string | undefined => {
      const windows = (bus: Bus): Window[] => bus.reach.filter(({ base }) => base !== hidden.address);
      return twins.within(windows, () => twins.launch(pipeline).error);
    };
    for (const hidden of [conv.input, conv.weights, sdp.x1!.operand!, output]) {
      expect(within(hidden)).toBe('device/fault');
    }
    expect(twins.launch(pipeline)).toEqual({ by: 'repetition' });
  });
});

test('a repeated launch says what it writes', () => {
  const { conv, sdp, output } = scene();
  const pipeline = pipelineOf(conv, sdp);
  // The second launch packs its weights from what the first one writes.
  const after = pipelineOf(
    { ...conv, weights: { ...conv.weights, address: output.address, size: 64 }, ...oneByOne },
    {
      ...plainSdp(
        twins.both((bus) => featureCube(bus, [1, 8, 6, 6], atomsOf(nvSmall))),
        3,
      ),
    },
  );
  for (let time = 0; time < 4; time++) {
    twins.both((bus) => fill(bus, conv.input, 41 + time));
    twins.launch(pipeline);
    expect(twins.launch(after).by).toBe('kernels');
  }
  expect(twins.launch(pipeline).by).toBe('repetition');
});

const oneByOne = { kernel: { h: 1, w: 1 }, output: { channels: 8, height: 6, width: 6 } };

test('pixels, pooling and single points are repeated', () => {
  const pixels = twins.both((bus) => {
    const input = featureCube(bus, [1, 4, 8, 8], 'dla_hwc4');
    fill(bus, input, 37);
    const conv = plainConv(nvSmall, input, constantCube(bus, [1, 8 * 4 * 9, 1, 1], wave(8 * 4 * 9, 5)), 8, {
      h: 3,
      w: 3,
    });
    const convert = { offset: 3, scale: 5, shift: 2 };
    const core = { ...conv.core!, convert, image: { order: [2, 1, 0, 3], unsigned: 8, rowsPerBlock: 1 as const } };
    const middle = featureCube(bus, [1, 8, 6, 6], atomsOf(nvSmall));
    const last = featureCube(bus, [1, 8, 3, 3], atomsOf(nvSmall));
    return { conv: { ...conv, core }, middle, last };
  });
  const pool = {
    mode: 'max',
    kernel: { h: 2, w: 2 },
    stride: { h: 2, w: 2 },
    padding: { top: 0, left: 0, bottom: 0, right: 0 },
    countPadding: true,
    output: pixels.last,
  } as const;
  const pipelines: readonly Pipeline<Cube>[] = [
    pipelineOf(pixels.conv, { ...plainSdp(pixels.middle), x1: scaling(1, 3, 9) }),
    { kind: 'sdp', sdp: { ...plainSdp(pixels.middle), input: pixels.middle, x1: scaling(-3, 5, 2) } },
    { kind: 'pdp', pdp: { ...pool, input: pixels.middle } },
    { kind: 'conv', conv: pixels.conv, sdp: { ...plainSdp(), x1: scaling(1, 3, 9) }, pdp: pool },
  ];
  for (let time = 0; time < 4; time++) {
    twins.both((bus) => fill(bus, pixels.conv.input, 41 + time));
    for (const pipeline of pipelines) {
      const { by } = twins.launch(pipeline);
      if (time === 3) expect(by).toBe('repetition');
    }
  }
});
