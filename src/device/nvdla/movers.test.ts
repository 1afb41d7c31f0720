import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nvFull, nvSmall } from '../../targets/nvdla.ts';
import { Bus } from '../bus.ts';
import { referenceEngines } from '../engines/reference/engines.ts';
import type { Cube } from '../launch.ts';
import { NvdlaDevice } from './nvdla-device.ts';
import { type Rubik, runRubik } from './rubik.ts';

const base = 0x8000_0000n;

describe('Rubik', () => {
  const size = fc.record({
    channels: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 4 }),
    width: fc.integer({ min: 1, max: 5 }),
    dtype: fc.constantFrom('int8' as const, 'float16' as const),
  });

  it('merges what it split', () => {
    fc.assert(
      fc.property(size, fc.integer(), ({ channels, height, width, dtype }, seed) => {
        const bytes = dtype === 'int8' ? 1 : 2;
        const runs = Math.ceil((channels * bytes) / 32);
        const features: Cube = {
          address: base,
          shape: [1, channels, height, width],
          dtype,
          format: dtype === 'int8' ? 'chw32' : 'chw16',
          lineStride: 32 * width,
          surfaceStride: 32 * width * height,
          batchStride: 0,
          size: 32 * width * height * runs,
        };
        const planes: Cube = {
          ...features,
          address: base + 0x10000n,
          format: 'dla_linear',
          lineStride: 32,
          surfaceStride: 32 * height,
          size: 32 * height * channels,
        };
        const copy: Cube = { ...features, address: base + 0x20000n };
        const bus = new Bus();
        bus.map(base, 0x30000);
        const data = new Uint8Array(features.size);
        for (const [index] of data.entries()) {
          const channel = Math.floor(index / features.surfaceStride) * (32 / bytes) + Math.floor((index % 32) / bytes);
          data[index] = channel < channels ? (index * 31 + seed) & 0xff : 0;
        }
        bus.write(base, data);
        const common = { stride: { h: 1, w: 1 }, runStride: 0, atomBytes: 32 };
        runRubik({ mode: 'split', input: features, output: planes, ...common }, bus);
        const [last, y, x] = [channels - 1, height - 1, width - 1];
        const from =
          Math.floor((last * bytes) / 32) * features.surfaceStride + y * 32 * width + x * 32 + ((last * bytes) % 32);
        const to = last * planes.surfaceStride + y * 32 + x * bytes;
        expect(bus.read(planes.address + BigInt(to), bytes)).toEqual(data.slice(from, from + bytes));
        runRubik({ mode: 'merge', input: planes, output: copy, ...common }, bus);
        expect(bus.read(copy.address, copy.size)).toEqual(data);
      }),
      { numRuns: 60 },
    );
  });

  it('contracts runs of channels into blocks of pixels', () => {
    const bus = new Bus();
    bus.map(base, 0x1000);
    // Six runs of one channel over one pixel make a block of two rows and three columns.
    for (let run = 0; run < 6; run++) bus.write(base + BigInt(32 * run), Uint8Array.of(run + 1));
    const cube = (address: bigint, shape: Cube['shape'], lineStride: number): Cube => ({
      address,
      shape,
      dtype: 'int8',
      format: 'chw32',
      lineStride,
      surfaceStride: 32,
      batchStride: 0,
      size: 192,
    });
    const rubik: Rubik = {
      mode: 'contract',
      input: cube(base, [1, 192, 1, 1], 32),
      output: cube(base + 0x400n, [1, 1, 2, 3], 96),
      stride: { h: 2, w: 3 },
      runStride: 32,
      atomBytes: 32,
    };
    runRubik(rubik, bus);
    const pixels = Array.from({ length: 6 }, (_, index) => bus.read(base + BigInt(0x400 + 32 * index), 1)[0]);
    expect(pixels).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('BDMA', () => {
  const device = (target = nvFull): NvdlaDevice => {
    const bus = new Bus();
    bus.map(base, 0x1000);
    return new NvdlaDevice({ target, bus, engines: referenceEngines(), pace: 'stepped' });
  };
  const write = (subject: NvdlaDevice, registers: Readonly<Record<string, number>>): void => {
    for (const [name, value] of Object.entries(registers)) {
      subject.write(subject.addressOf(`NVDLA_BDMA.${name}_0`)!, value);
    }
  };
  const copy = {
    CFG_SRC_ADDR_LOW: 0x80000000,
    CFG_DST_ADDR_LOW: 0x80000800,
    CFG_CMD: 3,
    CFG_LINE: 1,
    CFG_LINE_REPEAT: 1,
    CFG_SURF_REPEAT: 1,
    CFG_SRC_LINE: 96,
    CFG_DST_LINE: 64,
    CFG_SRC_SURF: 256,
    CFG_DST_SURF: 128,
    CFG_OP: 1,
  };
  const status = (subject: NvdlaDevice): number => subject.read(subject.addressOf('NVDLA_BDMA.STATUS_0')!);

  it('copies lines and surfaces when its group is launched, then interrupts', () => {
    const subject = device();
    const data = Uint8Array.from({ length: 512 }, (_, index) => index & 0xff);
    subject.bus.write(base, data);
    write(subject, copy);
    expect(status(subject)).toBe(19 | (1 << 8));
    write(subject, { CFG_LAUNCH1: 1 });
    expect(status(subject)).toBe(20 | (1 << 10));
    while (subject.advance());
    expect(subject.interrupts).toBe(1 << 7);
    expect(status(subject)).toBe(20 | (1 << 8));
    const expected = [0, 96, 256, 352].flatMap((at) => [...data.slice(at, at + 64)]);
    expect([...subject.bus.read(base + 0x800n, 256)]).toEqual(expected);
  });

  it('is refused where the configuration has none', () => {
    expect(() => write(device(nvSmall), copy)).toThrow(/nv_small has no BDMA|no secondary memory/);
  });

  it('is refused lines or surfaces that overlap, and what is read or written outside the memory, before it copies', () => {
    const launch = (registers: Readonly<Record<string, number>>): NvdlaDevice => {
      const subject = device();
      subject.bus.write(base, new Uint8Array(512).fill(7));
      write(subject, { ...copy, ...registers, CFG_LAUNCH0: 1 });
      return subject;
    };
    for (const [registers, message] of [
      [{ CFG_SRC_LINE: 32 }, /lines of a transfer overlap/],
      [{ CFG_DST_LINE: 0, CFG_LINE_REPEAT: 0xff_ffff, CFG_SURF_REPEAT: 0 }, /lines of a transfer overlap/],
      [{ CFG_DST_SURF: 64 }, /surfaces of a transfer overlap/],
      [{ CFG_SRC_SURF: 0x1000 }, /leaves the memory/],
      [{ CFG_DST_SURF: 0xffff_ffe0 }, /leaves the memory/],
    ] as const) {
      const subject = launch(registers);
      expect(() => {
        while (subject.advance());
      }).toThrow(message);
      expect(subject.bus.read(base + 0x800n, 0x800)).toEqual(new Uint8Array(0x800));
    }
  });

  it('takes no more transfers than it has slots, and none that leave the memory', () => {
    const subject = device();
    for (let slot = 0; slot < 20; slot++) write(subject, copy);
    expect(() => write(subject, copy)).toThrow(/no free slot/);
    const far = device();
    write(far, { ...copy, CFG_DST_ADDR_LOW: 0x80000fe0, CFG_LAUNCH0: 1 });
    expect(() => {
      while (far.advance());
    }).toThrow(/leaves the memory/);
  });
});
