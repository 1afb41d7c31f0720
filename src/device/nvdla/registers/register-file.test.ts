import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import { RegisterFile } from './register-file.ts';
import { addressOf, registerAt, registerMap, registerNamed } from './register-map.ts';
import { maskOf } from './register-table.ts';

const place = (file: RegisterFile, name: string) => registerNamed(file.map, `NVDLA_${name}_0`)!;

describe('the register map', () => {
  it.each(['v1', 'v2'] as const)(
    'of %s gives every register one place, with fields that do not overlap',
    (generation) => {
      const map = registerMap(generation);
      let registers = 0;
      for (const block of Object.values(map.blocks)) {
        for (const register of block.table.byName.values()) {
          registers++;
          expect(registerAt(map, block.base + register.offset)).toEqual({ block, register });
          expect(registerNamed(map, `NVDLA_${block.name}.${register.name}_0`)).toEqual({ block, register });
          let seen = 0;
          for (const field of register.fields.values()) {
            expect(seen & maskOf(field), `${block.name}.${register.name}.${field.name}`).toBe(0);
            seen |= maskOf(field);
          }
        }
        expect(block.table.byOffset.size).toBe(block.table.byName.size);
      }
      expect(registers).toBe(395);
    },
  );

  // nvdla/sw opendla_initial.h and opendla_small.h.
  it.each([
    ['v1', 'NVDLA_SDP.D_CVT_SCALE_0', 0xb0c4],
    ['v2', 'NVDLA_SDP.D_CVT_SCALE_0', 0x90c4],
    ['v1', 'NVDLA_GLB.S_INTR_STATUS_0', 0x000c],
    ['v2', 'NVDLA_GLB.S_INTR_STATUS_0', 0x100c],
    ['v2', 'NVDLA_CDMA.D_BANK_0', 0x30bc],
  ] as const)('of %s has %s', (generation, name, address) => {
    expect(addressOf(registerNamed(registerMap(generation), name)!)).toBe(address);
  });

  it('knows no other names and addresses', () => {
    const map = registerMap('v2');
    for (const name of ['NVDLA_SDP.D_NOTHING_0', 'NVDLA_XYZ.S_STATUS_0', 'S_STATUS', 'NVDLA_constructor.x_0']) {
      expect(registerNamed(map, name)).toBeUndefined();
    }
    expect(registerAt(map, 0x90fc)).toBeUndefined();
    expect(registerAt(map, -4)).toBeUndefined();
  });
});

describe('the register file', () => {
  it('writes to the group of the producer pointer and reads it back', () => {
    const file = new RegisterFile(registerMap('v2'));
    const scale = place(file, 'SDP.D_CVT_SCALE');
    file.write(scale, 7);
    file.write(place(file, 'SDP.S_POINTER'), 1);
    expect(file.read(scale)).toBe(0);
    file.write(scale, 9);
    file.write(place(file, 'SDP.S_POINTER'), 0);
    expect(file.read(scale)).toBe(7);
    expect(file.current('SDP').value('D_CVT_SCALE')).toBe(7);
  });

  it('changes writable bits only', () => {
    const v1 = new RegisterFile(registerMap('v1'));
    const v2 = new RegisterFile(registerMap('v2'));
    for (const [file, stride, banks] of [
      [v1, 0xffffffe0, 0x000f000f],
      [v2, 0xffffffff, 0x001f001f],
    ] as const) {
      file.write(place(file, 'CDMA.D_LINE_STRIDE'), 0xffffffff);
      expect(file.read(place(file, 'CDMA.D_LINE_STRIDE'))).toBe(stride);
      file.write(place(file, 'CDMA.D_BANK'), 0xffffffff);
      expect(file.read(place(file, 'CDMA.D_BANK'))).toBe(banks);
      file.write(place(file, 'SDP.D_PERF_OUT_SATURATION'), 5);
      expect(file.read(place(file, 'SDP.D_PERF_OUT_SATURATION'))).toBe(0);
    }
  });

  it('keeps an enabled group as it was when it was enabled', () => {
    const file = new RegisterFile(registerMap('v2'));
    file.write(place(file, 'PDP.D_DST_LINE_STRIDE'), 64);
    file.write(place(file, 'PDP.D_OP_ENABLE'), 1);
    file.write(place(file, 'PDP.D_DST_LINE_STRIDE'), 128);
    expect(file.current('PDP').value('D_DST_LINE_STRIDE')).toBe(64);
    expect(file.read(place(file, 'PDP.D_OP_ENABLE'))).toBe(1);
  });

  it('shows groups as idle, running and pending, and takes them in turn', () => {
    const file = new RegisterFile(registerMap('v2'));
    const status = (): number => file.read(place(file, 'CDP.S_STATUS'));
    expect(status()).toBe(0);
    file.write(place(file, 'CDP.S_POINTER'), 1);
    file.write(place(file, 'CDP.D_OP_ENABLE'), 1);
    expect(status()).toBe(2 << 16);
    expect(file.ready('CDP')).toBe(false);
    file.write(place(file, 'CDP.S_POINTER'), 0);
    file.write(place(file, 'CDP.D_OP_ENABLE'), 1);
    expect(status()).toBe((2 << 16) | 1);
    expect(file.ready('CDP')).toBe(true);
    expect(file.complete('CDP')).toBe(0);
    expect(status()).toBe(1 << 16);
    expect(file.read(place(file, 'CDP.S_POINTER'))).toBe(1 << 16);
    expect(file.complete('CDP')).toBe(1);
    expect(status()).toBe(0);
    expect(file.consumer('CDP')).toBe(0);
  });

  it('refuses addresses without a register', () => {
    const file = new RegisterFile(registerMap('v2'));
    expect(() => file.place(0x90fc)).toThrow(DlakitError);
  });

  it('reads fields as two’s complement on demand', () => {
    const file = new RegisterFile(registerMap('v2'));
    file.write(place(file, 'SDP.D_CVT_SCALE'), 0xfffe);
    const view = file.current('SDP');
    expect(view.field('D_CVT_SCALE', 'CVT_SCALE')).toBe(0xfffe);
    expect(view.signed('D_CVT_SCALE', 'CVT_SCALE')).toBe(-2);
    file.write(place(file, 'SDP.D_CVT_OFFSET'), 0xffffffff);
    expect(view.signed('D_CVT_OFFSET', 'CVT_OFFSET')).toBe(-1);
    expect(() => view.field('D_CVT_SCALE', 'NOTHING')).toThrow(/has no field/);
  });
});
