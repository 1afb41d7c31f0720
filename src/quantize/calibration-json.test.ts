import { describe, expect, it } from 'vitest';
import type { Calibration } from './calibrate.ts';
import { readCalibrationJson, writeCalibrationJson } from './calibration-json.ts';

const calibration: Calibration = {
  method: 'percentile',
  percentile: 99.9,
  samples: 1000,
  scales: new Map([
    ['z', Math.fround(0.1)],
    ['10', 2 ** -20],
    ['__proto__', 1],
  ]),
  largest: new Map([
    ['z', 13.25],
    ['10', 0],
    ['__proto__', 127],
  ]),
};

describe('calibration as JSON', () => {
  it('round-trips, order included', () => {
    const text = writeCalibrationJson(calibration);
    expect(readCalibrationJson(text)).toEqual(calibration);
    expect([...readCalibrationJson(text).scales.keys()]).toEqual(['z', '10', '__proto__']);
  });

  it.each([
    ['{', /not JSON/],
    ['[]', /calibrate\/cache-format/],
    [writeCalibrationJson(calibration).replace('"version": 1', '"version": 2'), /version/],
    [writeCalibrationJson(calibration).replace('"scale": 1,', '"scale": 0.1,'), /not a float32/],
    [writeCalibrationJson(calibration).replace('"scale": 1,', '"scale": -1,'), /value __proto__: tensors\.2\.scale/],
    [writeCalibrationJson(calibration).replace('"name": "10"', '"name": "z"'), /second scale for "z"/],
  ])('refuses %#', (text, message) => {
    expect(() => readCalibrationJson(text, 'c.json')).toThrow(message);
  });
});
