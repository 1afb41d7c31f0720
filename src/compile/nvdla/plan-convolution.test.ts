/** Every launch of a plan, run by the scalar convolution on packed weights, against a convolution written plainly. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import { bytes, gigabytesPerSecond } from '../../base/units.ts';
import { Bus } from '../../device/bus.ts';
import { referenceEngines } from '../../device/engines/reference/engines.ts';
import { convolve } from '../../device/engines/reference/nvdla/convolution.ts';
import { writeValues } from '../../device/engines/reference/nvdla/feature.ts';
import type { Cube } from '../../device/launch.ts';
import {
  atomElements,
  dataBanks,
  entriesPerSlice,
  kernelGroupOf,
  weightBanks,
} from '../../program/nvdla/convolution-buffer.ts';
import type { Shape4, SurfaceFormat } from '../../program/surface.ts';
import { targets } from '../../targets/find.ts';
import { isNvdla, type NvdlaTarget } from '../../targets/target.ts';
import { packWeights } from './pack-weights.ts';
import { type ConvolutionLaunch, type ConvolutionWork, narrowKernels, planConvolution } from './plan-convolution.ts';

const open = targets.filter(isNvdla);

const none = { top: 0, left: 0, bottom: 0, right: 0 };

function workOf(
  target: NvdlaTarget,
  change: Partial<ConvolutionWork['shape']>,
  input: Shape4,
  image = false,
): ConvolutionWork {
  const shape = {
    kernel: { h: 1, w: 1 },
    stride: { h: 1, w: 1 },
    dilation: { h: 1, w: 1 },
    padding: none,
    groups: 1,
    transposed: false,
    output: { channels: 1, height: 1, width: 1 },
    ...change,
  };
  const along = (axis: 'h' | 'w', size: number, pads: number) =>
    Math.floor((size + pads - (shape.kernel[axis] - 1) * shape.dilation[axis] - 1) / shape.stride[axis]) + 1;
  const height = along('h', input[2], shape.padding.top + shape.padding.bottom);
  const width = along('w', input[3], shape.padding.left + shape.padding.right);
  return {
    target,
    precision: 'int8',
    input,
    image,
    shape: { ...shape, output: { channels: shape.output.channels, height, width } },
  };
}

/** acc[k][y][x], as the definition says. */
function plainly(
  { input: [, , height, width], shape }: ConvolutionWork,
  data: Int8Array,
  weights: Int8Array,
  inputs: number,
) {
  const { kernel, stride, dilation, padding, groups, output } = shape;
  const [per, kernels] = [inputs / groups, output.channels / groups];
  const result = new Int32Array(output.channels * output.height * output.width);
  let at = 0;
  for (let k = 0; k < output.channels; k++) {
    for (let y = 0; y < output.height; y++) {
      for (let x = 0; x < output.width; x++, at++) {
        for (let c = 0; c < per; c++) {
          for (let r = 0; r < kernel.h; r++) {
            for (let s = 0; s < kernel.w; s++) {
              const row = y * stride.h + r * dilation.h - padding.top;
              const column = x * stride.w + s * dilation.w - padding.left;
              if (row < 0 || column < 0 || row >= height || column >= width) continue;
              const channel = Math.floor(k / kernels) * per + c;
              result[at]! +=
                data[(channel * height + row) * width + column]! *
                weights[((k * per + c) * kernel.h + r) * kernel.w + s]!;
            }
          }
        }
      }
    }
  }
  return result;
}

/** The accumulators of all launches put together; how often each was written. */
function byLaunches(work: ConvolutionWork, data: Int8Array, weights: Int8Array) {
  const { target, input, shape, image } = work;
  const plan = planConvolution(work);
  if ('reason' in plan) throw new Error(plan.reason);
  const { height: outHeight, width: outWidth, channels } = shape.output;
  const result = new Int32Array(channels * outHeight * outWidth);
  const written = new Uint8Array(result.length);
  const state = { engines: referenceEngines(), nvdla: {} };
  const atom = atomElements(target, 'int8');
  const format: SurfaceFormat = image ? 'dla_hwc4' : (`chw${atom as 8 | 16 | 32}` as const);
  const [, , height, width] = input;
  for (const launch of plan.launches) {
    const { fromChannel, toChannel, fromRow, toRow } = launch.input;
    const rows = toRow - fromRow;
    const count = image ? input[1] : toChannel - fromChannel;
    const bus = new Bus();
    const pixel = image ? input[1] : atom;
    const cube: Cube = {
      address: 0x1000n,
      shape: [1, count, rows, width],
      dtype: 'int8',
      format,
      lineStride: width * pixel,
      surfaceStride: width * pixel * rows,
      batchStride: 0,
      size: Math.ceil(count / pixel) * width * pixel * rows,
    };
    bus.map(cube.address, cube.size + 64);
    const part = Int32Array.from({ length: count * rows * width }, (_, index) => {
      const c = Math.floor(index / (rows * width));
      return data[((fromChannel + c) * height + fromRow) * width + (index % (rows * width))]!;
    });
    writeValues(cube, { shape: cube.shape, data: part }, bus, 'input');
    const stream = packWeights(work, launch, weights);
    bus.map(0x4000_0000n, stream.length);
    bus.write(0x4000_0000n, stream);
    const kernels = launch.output.toChannel - launch.output.fromChannel;
    const launchHeight = launch.output.toRow - launch.output.fromRow;
    const { values } = {
      values: convolve(
        {
          input: cube,
          weights: {
            ...cube,
            address: 0x4000_0000n,
            shape: [1, stream.length, 1, 1],
            format: 'vector',
            size: stream.length,
          },
          kernel: launch.kernel,
          stride: launch.stride,
          dilation: launch.dilation,
          padding: launch.padding,
          padValue: 0,
          groups: 1,
          transposed: false,
          output: { channels: kernels, height: launchHeight, width: outWidth },
          sparse: false,
          truncate: 0,
          core: {
            precision: 'int8',
            kernelGroup: kernelGroupOf(target, 'int8'),
            channelBlock: target.atomic.c,
            accumulatorChannels: kernels,
            accumulatorBits: 48,
            cbuf: launch.cbuf,
            reuse: launch.reuse,
            keep: launch.keep,
            ...(image && { image: { order: [0, 1, 2, 3], rowsPerBlock: launch.rowsPerBlock ?? 1 } }),
          },
        },
        bus,
        state,
      ),
    };
    for (let k = 0; k < kernels; k++) {
      for (let y = 0; y < launchHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          const at = ((launch.output.fromChannel + k) * outHeight + launch.output.fromRow + y) * outWidth + x;
          result[at] = values.data[(k * launchHeight + y) * outWidth + x]!;
          written[at]!++;
        }
      }
    }
    const perSlice = entriesPerSlice(
      { channels: count, width, padding: launch.padding.left + launch.padding.right, image },
      'int8',
      target,
    );
    expect(launch.cbuf.dataBanks).toBeGreaterThanOrEqual(dataBanks(rows, perSlice, target));
    const kernelBytes = count * launch.kernel.h * launch.kernel.w;
    const group = Math.min(kernels, kernelGroupOf(target, 'int8'));
    expect(launch.cbuf.weightBanks).toBeGreaterThanOrEqual(weightBanks(group, kernelBytes, target));
    expect(launch.cbuf.dataBanks + launch.cbuf.weightBanks).toBeLessThanOrEqual(target.cbuf.banks);
  }
  return { result, written, launches: plan.launches.length };
}

const integers = (random: Random, count: number) =>
  Int8Array.from({ length: count }, () => Math.floor(random.next() * 256) - 128);

function check(work: ConvolutionWork, seed: number): number {
  const random = new Random(seed);
  const [, channels, height, width] = work.input;
  const { kernel, groups, output } = work.shape;
  const data = integers(random, channels * height * width);
  const weights = integers(random, output.channels * (channels / groups) * kernel.h * kernel.w);
  const { result, written, launches } = byLaunches(work, data, weights);
  expect(result).toEqual(plainly(work, data, weights, channels));
  expect(written.every((times) => times === 1)).toBe(true);
  return launches;
}

const extent = (most: number) =>
  fc.record({ h: fc.integer({ min: 1, max: most }), w: fc.integer({ min: 1, max: most }) });

describe('the plan of a convolution', () => {
  it('computes every result once, on every configuration', () => {
    const arbitrary = fc.record({
      target: fc.constantFrom(...open),
      groups: fc.constantFrom(1, 1, 2, 3, 8, 20),
      inputs: fc.integer({ min: 1, max: 5 }),
      kernels: fc.integer({ min: 1, max: 5 }),
      wide: fc.integer({ min: 1, max: 20 }),
      size: extent(9),
      kernel: extent(3),
      stride: extent(2),
      dilation: extent(2),
      padding: fc.record({
        top: fc.nat({ max: 2 }),
        left: fc.nat({ max: 2 }),
        bottom: fc.nat({ max: 2 }),
        right: fc.nat({ max: 2 }),
      }),
      banks: fc.constantFrom(0, 2, 3, 4),
      seed: fc.nat(),
    });
    let several = 0;
    fc.assert(
      fc.property(arbitrary, (given) => {
        const { target, groups, inputs, wide, size, kernel, dilation, padding, banks, seed } = given;
        const reach = (axis: 'h' | 'w') => (kernel[axis] - 1) * dilation[axis] + 1;
        fc.pre(
          size.h + padding.top + padding.bottom >= reach('h') && size.w + padding.left + padding.right >= reach('w'),
        );
        // A small buffer makes the plan split by rows.
        const small = { ...target.cbuf, banks, entryBytes: bytes(target.cbuf.entryBytes), entriesPerBank: 24 };
        const used = banks === 0 ? target : { ...target, cbuf: small };
        const factor = groups === 1 ? wide : 1;
        const work = workOf(
          used,
          {
            kernel,
            stride: given.stride,
            dilation,
            padding,
            groups,
            output: { channels: given.kernels * groups * factor, height: 0, width: 0 },
          },
          [1, inputs * groups * factor, size.h, size.w],
        );
        fc.pre('launches' in planConvolution(work));
        if (check(work, seed) > 1) several++;
      }),
      { numRuns: 250 },
    );
    expect(several).toBeGreaterThan(3);
  });

  it('reads images whose rows share blocks of weights', () => {
    for (const target of open) {
      for (const [h, w, stride] of [
        [3, 3, 1],
        [5, 5, 1],
        [7, 7, 2],
        [4, 2, 3],
      ] as const) {
        const change = {
          kernel: { h, w },
          stride: { h: stride, w: stride },
          padding: { top: 1, left: 2, bottom: 0, right: 1 },
          output: { channels: 20, height: 0, width: 0 },
        };
        check(workOf(target, change, [1, 4, 11, 13], true), h);
      }
    }
  });

  it('runs depthwise convolutions in blocks of atoms, not as one dense convolution', () => {
    for (const target of open) {
      const atom = atomElements(target, 'int8');
      const change = {
        kernel: { h: 3, w: 3 },
        padding: { top: 1, left: 1, bottom: 1, right: 1 },
        groups: 12 * atom,
        output: { channels: 12 * atom, height: 0, width: 0 },
      };
      const plan = planConvolution(workOf(target, change, [1, 12 * atom, 14, 14]));
      expect('launches' in plan && plan.launches.length, target.name).toBeGreaterThan(2);
    }
  });

  describe('chooses by cost', () => {
    const kernelsOf = (launches: readonly ConvolutionLaunch[]) =>
      new Set(launches.map(({ output }) => output.fromChannel)).size;
    const rowsOf = (launches: readonly ConvolutionLaunch[]) =>
      new Set(launches.map(({ output }) => output.fromRow)).size;
    const planOf = (target: NvdlaTarget, input: Shape4, kernels: number, k: number) => {
      const change = {
        kernel: { h: k, w: k },
        padding: { top: (k - 1) / 2, left: (k - 1) / 2, bottom: (k - 1) / 2, right: (k - 1) / 2 },
        output: { channels: kernels, height: 0, width: 0 },
      };
      const plan = planConvolution(workOf(target, change, input));
      if ('reason' in plan) throw new Error(plan.reason);
      return plan.launches;
    };
    const [small, full] = ['nv_small', 'nv_full'].map((name) => open.find((target) => target.name === name)!) as [
      NvdlaTarget,
      NvdlaTarget,
    ];

    /** The same core on a memory of a byte in sixteen cycles. */
    const slow = (target: NvdlaTarget): NvdlaTarget => {
      const [module] = target.modules;
      const [mode] = module!.powerModes;
      const dramBandwidth = { ...mode!.dramBandwidth, value: gigabytesPerSecond(mode!.dlaClock.value / 16_000) };
      return { ...target, modules: [{ ...module!, powerModes: [{ ...mode!, dramBandwidth }] }] };
    };

    it('one launch where everything fits', () => {
      expect(planOf(full, [1, 64, 28, 28], 64, 3)).toHaveLength(1);
    });

    it('rows where the input does not fit', () => {
      const launches = planOf(small, [1, 64, 112, 112], 64, 3);
      expect([kernelsOf(launches), rowsOf(launches) > 1]).toEqual([1, true]);
    });

    it('rows whose weights stay where memory is slow', () => {
      const launches = planOf(slow(small), [1, 64, 112, 112], 64, 3);
      expect([kernelsOf(launches), rowsOf(launches) > 1]).toEqual([1, true]);
      expect(launches.map(({ reuse }) => reuse.weights)).toEqual(launches.map((_, index) => index > 0));
    });

    it('kernels whose weights stay while rows go by where neither fits and memory is slow', () => {
      // Weights a little larger than the buffer, the input much larger.
      const launches = planOf(slow(small), [1, 512, 400, 20], 320, 1);
      expect(kernelsOf(launches)).toBeGreaterThan(1);
      expect(rowsOf(launches)).toBeGreaterThan(1);
      expect(launches.filter(({ reuse }) => reuse.weights).length).toBe(launches.length - kernelsOf(launches));
    });

    it('no banks that change hands while weights stay', () => {
      for (const launches of [
        planOf(slow(small), [1, 64, 112, 112], 64, 3),
        planOf(slow(small), [1, 512, 400, 20], 320, 1),
      ]) {
        for (const [index, { reuse, cbuf, output }] of launches.entries()) {
          if (!reuse.weights) continue;
          const before = launches[index - 1]!;
          expect(before.keep.weights).toBe(true);
          expect(cbuf).toEqual(before.cbuf);
          expect(output.fromChannel).toBe(before.output.fromChannel);
        }
      }
    });
  });

  it('takes fewer kernels than a group where a group does not fit', () => {
    for (const target of open) {
      const wide = workOf(
        target,
        { kernel: { h: 7, w: 7 }, output: { channels: 64, height: 0, width: 0 } },
        [1, 1024, 7, 7],
      );
      const group = kernelGroupOf(target, 'int8');
      const few = narrowKernels(wide)!;
      expect(few, target.name).toBeLessThan(group);
      expect(
        planConvolution({ ...wide, shape: { ...wide.shape, output: { ...wide.shape.output, channels: few } } }),
      ).toHaveProperty('launches');
      const fits = workOf(
        target,
        { kernel: { h: 3, w: 3 }, output: { channels: 64, height: 0, width: 0 } },
        [1, 64, 7, 7],
      );
      expect(narrowKernels(fits)).toBeUndefined();
    }
  });

  it('says what the core cannot do', () => {
    const [target] = open;
    const wide = workOf(target!, { kernel: { h: 1, w: 40 } }, [1, 8, 1, 64]);
    expect(planConvolution(wide)).toEqual({ reason: 'its kernel is 40, and the convolution core takes at most 32' });
    const large = workOf(
      target!,
      { kernel: { h: 7, w: 7 }, output: { channels: 8, height: 0, width: 0 } },
      [1, 4096, 7, 7],
    );
    expect(planConvolution(large)).toEqual({
      reason: expect.stringMatching(/^one kernel group and the rows .* of the 32 banks of the convolution buffer$/),
    });
  });
});

describe('entries of a slice', () => {
  // entry_per_slice of networks that NVIDIA's compiler made (conformance data, cmodel/networks).
  it.each([
    ['nv_full', 'float16', 100, 1, 0, false, 2],
    ['nv_full', 'float16', 16, 11, 0, false, 3],
    ['nv_full', 'int8', 20, 12, 0, false, 3],
    ['nv_full', 'int8', 4, 37, 6, true, 2],
    ['nv_large', 'int8', 100, 1, 0, false, 2],
    ['nv_large', 'int8', 4, 32, 2, true, 3],
    ['nv_small', 'int8', 500, 1, 0, false, 63],
    ['nv_small', 'int8', 4, 20, 2, true, 11],
    ['nv_small', 'int8', 4, 37, 6, true, 22],
  ] as const)(
    'on %s %s, %i channels, %i columns (+%i), image %s: %i',
    (name, precision, channels, width, padding, image, entries) => {
      const target = open.find((candidate) => candidate.name === name)!;
      expect(entriesPerSlice({ channels, width, padding, image }, precision, target)).toBe(entries);
    },
  );
});
