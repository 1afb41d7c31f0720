/**
 * TensorRT's calibration cache (docs/hardware/dla-software.md#calibration-cache). Line 1 is `TRT-<version>-<calibrator>`;
 * each further line is `tensor name: hhhhhhhh`, eight hexadecimal digits that are the big-endian bits of the float32
 * scale. Names may contain colons and spaces: the last colon separates. Writing gives back what was read, to the bit.
 */

import { fail } from '../base/errors.ts';
import type { Release } from '../targets/target.ts';

export interface CalibrationCache {
  /** `TRT-8502-EntropyCalibration2` */
  readonly header: string;
  /** In the order of the file. Zero is read, since TensorRT writes it for tensors that were zero throughout; no tensor on the DLA can have it. */
  readonly scales: ReadonlyMap<string, number>;
}

/** TensorRT of JetPack 6.0 with the calibrator that DLA requires (docs/hardware/orin.md#limits). */
export const defaultHeader = 'TRT-8602-EntropyCalibration2';

/**
 * The first line of a cache for a release. 8.5.2 is 8502; since version 10 the minor version has two digits (seen: TRT-8001, TRT-8600;
 * docs/hardware/dla-software.md#calibration-cache).
 * @param version another than the release's
 */
export function cacheHeader({ tensorrt: [major, minor, patch] }: Release, version?: number): string {
  const own = major * (major < 10 ? 1000 : 10_000) + minor * 100 + patch;
  return `TRT-${version ?? own}-EntropyCalibration2`;
}

const headerForm = /^TRT-\d{1,8}-[A-Za-z][A-Za-z0-9]{0,63}$/;
const scratch = new DataView(new ArrayBuffer(4));

/** @throws calibrate/cache-format with the line */
export function readCalibrationCache(source: string | Uint8Array, file?: string): CalibrationCache {
  const place = (line: number) => ({ ...(file !== undefined && { file }), line });
  const lines = decode(source, place(1))
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  const header = lines[0]!;
  if (!headerForm.test(header)) {
    fail('calibrate/cache-format', 'a calibration cache begins with the TensorRT version', place(1), {
      expected: 'TRT-<version>-<calibrator>',
      actual: excerpt(header),
    });
  }
  const scales = new Map<string, number>();
  lines.slice(1).forEach((line, index) => {
    if (line === '') return;
    const at = place(index + 2);
    const colon = line.lastIndexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const digits = line.slice(colon + 1).trim();
    if (name === '' || !/^[0-9a-fA-F]{8}$/.test(digits)) {
      fail('calibrate/cache-format', 'not a tensor name, a colon and eight hexadecimal digits', at, {
        expected: 'name: hhhhhhhh',
        actual: excerpt(line),
      });
    }
    scratch.setUint32(0, Number.parseInt(digits, 16));
    const scale = scratch.getFloat32(0);
    if (!(scale >= 0) || scale === Number.POSITIVE_INFINITY || Object.is(scale, -0)) {
      fail('calibrate/cache-format', `the scale of ${excerpt(name)} is not a finite number from 0 up`, at, {
        expected: 'float32 ≥ 0',
        actual: `${scale} (${digits})`,
      });
    }
    if (scales.has(name)) {
      fail('calibrate/cache-format', `a second scale for ${excerpt(name)}`, at, { expected: 'one line a tensor' });
    }
    scales.set(name, scale);
  });
  return { header, scales };
}

/**
 * The cache as text. Scales must be float32 numbers.
 *
 * @throws calibrate/value when a scale is not a float32 number from 0 up; calibrate/cache-format when a name or the
 *   header cannot be written
 */
export function writeCalibrationCache(
  scales: ReadonlyMap<string, number>,
  options: { readonly header?: string } = {},
): string {
  const header = options.header ?? defaultHeader;
  if (!headerForm.test(header))
    fail('calibrate/cache-format', `${excerpt(header)} cannot be the first line of a cache`);
  const lines = [...scales].map(([name, scale]) => {
    if (name === '' || /[\n\r]/.test(name))
      fail('calibrate/cache-format', 'a tensor name has a line break or is empty', { value: name });
    if (!(scale >= 0) || Math.fround(scale) !== scale || Object.is(scale, -0)) {
      fail('calibrate/value', 'a scale is not a float32 number from 0 up', { value: name }, { actual: scale });
    }
    scratch.setFloat32(0, scale);
    return `${name}: ${scratch.getUint32(0).toString(16).padStart(8, '0')}`;
  });
  return `${[header, ...lines].join('\n')}\n`;
}

function decode(source: string | Uint8Array, place: { readonly line: number }): string {
  if (typeof source === 'string') return source;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(source);
  } catch {
    return fail('calibrate/cache-format', 'a calibration cache is text, and these bytes are not', place, {
      expected: 'UTF-8',
    });
  }
}

const excerpt = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
