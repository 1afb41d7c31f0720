import { describe, expect, it } from 'vitest';
import { readRanges, writeNvdlaTable } from './read-ranges.ts';

const read = (text: string) => Object.fromEntries(readRanges(new TextEncoder().encode(text), 'ranges'));
const r = (range: number) => Math.fround(range / 127);

describe('readRanges', () => {
  it.each([
    ['TRT-5105-EntropyCalibration2\nx: 3c010a14\n', { x: 0.007875937968492508 }],
    ['TRT-100300-MinMaxCalibration\nx:0: 3f800000\n', { 'x:0': 1 }],
    ['{"int8_tensor_scales": {"x": 0.5}, "fp16_nodes": []}', { x: 0.5 }],
    ['{"tensorrt": {"blob_range": {"x": 127, "y": 2}}}', { x: 1, y: r(2) }],
    ['{"x": {"scale": 0.25, "min": 0, "max": 0, "offset": 0}}', { x: 0.25 }],
    ['{"x": {"min": -3, "max": 2, "offset": 0}}', { x: r(3) }],
    ['{"x": [-1, 2]}', { x: r(2) }],
    ['x: 1.0\nlayer:0: 3.81\n# a remark\n\n', { x: r(1), 'layer:0': r(3.81) }],
    ['x: 0\n', { x: 0 }],
    ['# ranges\r\n\r\nx: 1.0\r\ny: +.5e1\r\n', { x: r(1), y: r(5) }],
    ['\ufeff{"x": [-1, 2], "y": {"min": 0, "max": 0}}', { x: r(2), y: 0 }],
    ['{"a": {"scale": 1}, "b": {"scale": 1}, "\\u0063": [0, 1]}', { a: 1, b: 1, c: r(1) }],
  ])('%j', (text, scales) => expect(read(text)).toEqual(scales));

  it.each([
    ['{"x": 0.5}', /value x: what stands beside the name is no range .*found 0\.5/],
    ['{"x": {"scale": 0.5, "offset": 3}}', /value x: what stands beside the name is no range/],
    ['{"int8_tensor_scales": {"x": null}}', /value x: a scale or range is no number .*found NaN/],
    ['{"x": [1, "2"]}', /value x: a scale or range is no number/],
    ['{"x": ', /not JSON/],
    ['x: 1\ny: high\n', /line 2: not a tensor name, a colon and a range/],
    ['{"x": [0, 1], "y": [0, 1], "\\u0078": [0, 2]}', /a second entry for "x"/],
    ['{"int8_tensor_scales": {"x": 1, "x": 2}}', /a second entry for "x"/],
    ['{"x": [2, -1]}', /value x: a scale or range is no number/],
    ['{"x": {"scale": 1e39}}', /value x: a scale or range is no number .*found Infinity/],
    ['{"x": {"scale": -1}}', /value x: a scale or range is no number .*found -1/],
    ['{"blob_range": {"x": -1}}', /value x: a scale or range is no number/],
    ['x: -3\n', /value x: a scale or range is no number/],
    ['x: 1e400\n', /value x: a scale or range is no number .*found Infinity/],
    ['x: 1\ny: 0x10\n', /line 2: not a tensor name, a colon and a range/],
    ['x: 1\ny: nan\n', /line 2: not a tensor name, a colon and a range/],
    ['x: 30123456\n', /line 1: eight digits are a scale of a calibration cache, whose first line is missing/],
    ['', /a calibration cache begins with the TensorRT version/],
    ['[1, 2]', /a calibration cache begins with the TensorRT version/],
    ['x: 1\nx: 2\n', /line 2: a second range for "x"/],
    ['x: 3c010a14\n', /line 1: a calibration cache begins with the TensorRT version/],
    ['TRT-8602-EntropyCalibration2\nx: 7fc00000\n', /line 2: the scale of "x" is not a finite number/],
  ])('refuses %j', (text, message) => expect(() => read(text)).toThrow(message));

  it('refuses what is not UTF-8', () => {
    for (const text of ['{"\u00e9": [0, 1]}', '\u00e9: 1', 'TRT-8602-EntropyCalibration2\n\u00e9: 3f800000']) {
      const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      expect(() => readRanges(bytes), text).toThrow(/expected UTF-8.*calibrate\/cache-format/);
    }
  });

  it('reads the table of NVDLA that it writes', () => {
    const scales = new Map([
      ['data', Math.fround(0.0078)],
      ['a "b"', Math.fround(1 / 3)],
    ]);
    expect(readRanges(new TextEncoder().encode(writeNvdlaTable(scales)))).toEqual(scales);
  });
});
