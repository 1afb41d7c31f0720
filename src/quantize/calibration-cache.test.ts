import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DlakitError } from '../base/errors.ts';
import { defaultHeader, readCalibrationCache, writeCalibrationCache } from './calibration-cache.ts';

const name = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter((text) => !/[\n\r]/.test(text));
const scale = fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value));

/** Lines as TensorRT writes them; the values are those of docs/hardware/dla-software.md#calibration-cache. */
const sample = `TRT-8600-EntropyCalibration2
images: 3caa54fc
input_tensor:0: 3f810204
(Unnamed Layer* 0) [Convolution]_output: 3c010204
`;

describe('calibration cache', () => {
  it('reads names with colons and spaces, and float32 bits', () => {
    const { header, scales } = readCalibrationCache(sample);
    expect(header).toBe('TRT-8600-EntropyCalibration2');
    expect([...scales]).toEqual([
      ['images', Math.fround(0.020792477)],
      ['input_tensor:0', Math.fround(128 / 127)],
      ['(Unnamed Layer* 0) [Convolution]_output', Math.fround(1 / 127)],
    ]);
    expect(writeCalibrationCache(scales, { header })).toBe(sample);
    expect(readCalibrationCache(new TextEncoder().encode(sample.replaceAll('\n', '\r\n')))).toEqual({ header, scales });
  });

  it('round-trips every name and every float32', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, scale), { selector: ([key]) => key }), (entries) => {
        const scales = new Map(entries);
        expect(readCalibrationCache(writeCalibrationCache(scales))).toEqual({ header: defaultHeader, scales });
      }),
    );
  });

  it.each([
    ['', 1, /begins with the TensorRT version/],
    ['images: 3caa54fc\n', 1, /begins with the TensorRT version/],
    ['TRT-8600-EntropyCalibration2\nimages 3caa54fc', 2, /eight hexadecimal digits/],
    ['TRT-8600-EntropyCalibration2\n\nimages: 3caa54f', 3, /eight hexadecimal digits/],
    ['TRT-8600-EntropyCalibration2\nimages: 3caa54fcc', 2, /eight hexadecimal digits/],
    ['TRT-8600-EntropyCalibration2\n: 3caa54fc', 2, /eight hexadecimal digits/],
    ['TRT-8600-EntropyCalibration2\na: 7fc00000', 2, /not a finite number/],
    ['TRT-8600-EntropyCalibration2\na: 7f800000', 2, /not a finite number/],
    ['TRT-8600-EntropyCalibration2\na: bf800000', 2, /not a finite number/],
    ['TRT-8600-EntropyCalibration2\na: 80000000', 2, /not a finite number/],
    ['TRT-8600-EntropyCalibration2\na: 3f800000\na: 3f800001', 3, /second scale/],
  ])('refuses %j at line %i', (text, line, message) => {
    const attempt = () => readCalibrationCache(text, 'c.cache');
    expect(attempt).toThrow(message);
    try {
      attempt();
    } catch (error) {
      const { problem } = error as DlakitError;
      expect(problem).toMatchObject({ code: 'calibrate/cache-format', place: { file: 'c.cache', line } });
    }
  });

  it('refuses bytes that are not text', () => {
    expect(() => readCalibrationCache(Uint8Array.of(0xff, 0xfe, 0x00))).toThrow(/not UTF-8|calibrate\/cache-format/);
  });

  it('ends with a cache or a cache-format error on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(sample.length), (noise, at) => {
        const bytes = new TextEncoder().encode(sample);
        const mutant = Uint8Array.from([...bytes.slice(0, at), ...noise, ...bytes.slice(at)]);
        try {
          readCalibrationCache(mutant);
        } catch (error) {
          expect((error as DlakitError).problem?.code).toBe('calibrate/cache-format');
        }
      }),
    );
  });

  it('does not write what could not be read back', () => {
    expect(() => writeCalibrationCache(new Map([['a', 0.1]]))).toThrow(/calibrate\/value/);
    expect(() => writeCalibrationCache(new Map([['a', -1]]))).toThrow(/calibrate\/value/);
    expect(() => writeCalibrationCache(new Map([['a\nb', 1]]))).toThrow(/calibrate\/cache-format/);
    expect(() => writeCalibrationCache(new Map(), { header: 'nonsense' })).toThrow(/calibrate\/cache-format/);
  });
});
