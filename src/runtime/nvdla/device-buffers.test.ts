import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../base/errors.ts';
import { Bus } from '../../device/bus.ts';
import { DeviceBuffers, memoryBases } from './device-buffers.ts';

const code = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem.code;
    throw error;
  }
  return 'none';
};

describe("the device's buffers", () => {
  it('are zeroed, hold what was written, and end where they were asked to', () => {
    const buffers = new DeviceBuffers(new Bus(), memoryBases);
    const handle = buffers.allocate(10);
    expect(buffers.read(handle)).toEqual(new Uint8Array(10));
    buffers.write(handle, Uint8Array.of(1, 2, 3), 7);
    expect(buffers.read(handle, 6)).toEqual(Uint8Array.of(0, 1, 2, 3));
    expect(buffers.read(handle, 9, 8)).toEqual(Uint8Array.of(3));
    expect(buffers.read(handle, 10, 8)).toHaveLength(0);
    expect(code(() => buffers.write(handle, Uint8Array.of(1, 2, 3), 8))).toBe('run/buffer');
    expect(code(() => buffers.write(handle, Uint8Array.of(1), -1))).toBe('run/buffer');
  });

  it('take whole pages apart from one another, in the memory that was asked for', () => {
    const buffers = new DeviceBuffers(new Bus(), { system: 0x1000n, sram: 0x10_0000n });
    const [small, large, next] = [1, 4097, 0].map((size) => buffers.address(buffers.allocate(size)));
    expect([small, large, next]).toEqual([0x1000n, 0x3000n, 0x6000n]);
    expect(buffers.address(buffers.allocate(1, { domain: 'sram' }))).toBe(0x10_0000n);
    expect(buffers.address(buffers.allocate(1, { alignment: 0x8000 }))).toBe(0x8000n);
    expect(buffers.address(buffers.allocate(1, { alignment: 1 }))).toBe(0xa000n);
  });

  it('leave their room to others when they are freed, and their handle to nobody', () => {
    const buffers = new DeviceBuffers(new Bus(), memoryBases);
    const first = buffers.allocate(4096);
    buffers.write(first, Uint8Array.of(7));
    buffers.allocate(4096);
    const at = buffers.address(first);
    buffers.free(first);
    for (const use of [() => buffers.free(first), () => buffers.read(first), () => buffers.address(first)]) {
      expect(code(use)).toBe('run/buffer');
    }
    const again = buffers.allocate(100);
    expect(again).not.toBe(first);
    expect(buffers.address(again)).toBe(at);
    expect(buffers.read(again)).toEqual(new Uint8Array(100));
  });

  it('are allocated by the ten thousand', () => {
    const buffers = new DeviceBuffers(new Bus(), memoryBases);
    const handles = Array.from({ length: 10_000 }, () => buffers.allocate(1));
    expect(buffers.address(handles.at(-1)!)).toBe(memoryBases.system + 9_999n * 0x2000n);
    for (const handle of handles) buffers.free(handle);
  });

  it('run out', () => {
    const buffers = new DeviceBuffers(new Bus({ maximum: 1 << 20 }), memoryBases);
    expect(code(() => buffers.allocate(1 << 20))).toBe('device/memory');
    expect(code(() => buffers.allocate(2 ** 40))).toBe('device/memory');
    expect(code(() => buffers.allocate(1 << 19))).toBe('none');
  });
});
