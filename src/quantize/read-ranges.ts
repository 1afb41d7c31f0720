/**
 * INT8 ranges in every form that people have them, as value → scale:
 *
 *     TRT-8602-EntropyCalibration2 …             a TensorRT calibration cache (calibration-cache.ts)
 *     { "format": "dlakit-calibration", … }      dlakit's own (calibration-json.ts)
 *     { "int8_tensor_scales": { name: scale } }  the precision configuration of NVIDIA's translator of Q/DQ networks
 *     { name: { scale, min, max, offset } }      the calibration table of NVDLA's compiler; without a scale, min and max say it
 *     { "tensorrt": { "blob_range": { name: range } } }   clip ranges, as tools of quantization-aware training write them
 *     { name: [min, max] }                       dynamic ranges
 *     name: range                                the same, one a line
 *
 * A range ±r is the scale r / 127. What could be read in two ways is refused: a number alone beside a name in JSON, which might be
 * either; a name that stands twice; a negative range; a minimum above its maximum.
 */

import { fail, type Place } from '../base/errors.ts';
import { type Preprocess, preprocessFile, readPreprocess } from '../graph/preprocess.ts';
import { readCalibrationCache } from './calibration-cache.ts';
import { readCalibrationJson } from './calibration-json.ts';

/** Ranges, and how the pictures were prepared that they were measured on, where the file says it. */
export interface MeasuredRanges {
  readonly scales: ReadonlyMap<string, number>;
  readonly preprocess?: Preprocess;
}

/**
 * @param beside what lies beside a file of a form that has no place for the pre-processing (graph/preprocess.ts)
 * @throws calibrate/cache-format, preprocess/*
 */
export function readMeasuredRanges(bytes: Uint8Array, file?: string, beside?: string): MeasuredRanges {
  const text = new TextDecoder().decode(bytes);
  if (isCalibrationJson(text)) return readCalibrationJson(text, file);
  const preprocess =
    beside === undefined ? undefined : readPreprocess(beside, file === undefined ? undefined : preprocessFile(file));
  return { scales: readRanges(bytes, file), ...(preprocess && { preprocess }) };
}

const isCalibrationJson = (text: string): boolean =>
  text.trimStart().startsWith('{') && /"format"\s*:\s*"dlakit-calibration"/.test(text);

/** @throws calibrate/cache-format, preprocess/* */
export function readRanges(bytes: Uint8Array, file?: string): ReadonlyMap<string, number> {
  const place = file === undefined ? {} : { file };
  const text = decoded(bytes, place);
  if (text.trimStart().startsWith('{')) return readJson(text, place, file);
  const first = text.split(/\r?\n/).find((line) => !isRemark(line)) ?? '';
  const word = first.slice(first.lastIndexOf(':') + 1).trim();
  return first.startsWith('TRT-') || !first.includes(':') || !decimal.test(word)
    ? readCalibrationCache(bytes, file).scales
    : readLines(text, place);
}

function decoded(bytes: Uint8Array, place: Place): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('calibrate/cache-format', 'ranges are text, and these bytes are not', place, { expected: 'UTF-8' });
  }
}

const isRemark = (line: string): boolean => line.trim() === '' || line.startsWith('#');

const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/** The calibration table of NVDLA's compiler. */
export const writeNvdlaTable = (scales: ReadonlyMap<string, number>): string =>
  `${JSON.stringify(
    Object.fromEntries([...scales].map(([name, scale]) => [name, { scale, min: 0, max: 0, offset: 0 }])),
    undefined,
    2,
  )}\n`;

const forms =
  'dlakit’s calibration, int8_tensor_scales, blob_range, NVDLA’s calibration table, or a minimum and maximum for each name';

function readJson(text: string, place: Place, file: string | undefined): ReadonlyMap<string, number> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    fail('calibrate/cache-format', `not JSON: ${error instanceof Error ? error.message : String(error)}`, place);
  }
  const whole = objectOf(json) ?? {};
  const twice = repeatedKey(text);
  if (twice !== undefined) fail('calibrate/cache-format', `a second entry for ${JSON.stringify(twice)}`, place);
  if (typeof whole.format === 'string') return readCalibrationJson(text, file).scales;
  const named = objectOf(whole.int8_tensor_scales);
  if (named) return mapped(named, place, (value) => numberOf(value));
  const clipped = Object.values(whole)
    .map((value) => objectOf(objectOf(value)?.blob_range))
    .find((value) => value !== undefined);
  const ranges = clipped ?? objectOf(whole.blob_range);
  if (ranges) return mapped(ranges, place, (value) => ofRange(numberOf(value)));
  return mapped(whole, place, (value) => {
    if (Array.isArray(value) && value.length === 2) return ofBounds(value[0], value[1]);
    const entry = objectOf(value);
    if (!entry || !('scale' in entry || 'min' in entry)) return undefined;
    if (entry.offset !== undefined && entry.offset !== 0) return undefined;
    return entry.scale === undefined ? ofBounds(entry.min, entry.max) : numberOf(entry.scale);
  });
}

function mapped(
  entries: Readonly<Record<string, unknown>>,
  place: Place,
  scaleOf: (value: unknown) => number | undefined,
): ReadonlyMap<string, number> {
  const scales = new Map<string, number>();
  for (const [name, value] of Object.entries(entries)) {
    const scale = scaleOf(value);
    if (scale === undefined) {
      const actual = JSON.stringify(value)?.slice(0, 60);
      fail(
        'calibrate/cache-format',
        'what stands beside the name is no range',
        { ...place, value: name },
        { expected: forms, actual },
      );
    }
    scales.set(name, checked(scale, name, place));
  }
  return scales;
}

function readLines(text: string, place: Place): ReadonlyMap<string, number> {
  const scales = new Map<string, number>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (isRemark(line)) return;
    const at = { ...place, line: index + 1 };
    const colon = line.lastIndexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim();
    const word = line.slice(colon + 1).trim();
    const range = decimal.test(word) ? Number(word) : Number.NaN;
    if (/^[0-9a-fA-F]{8}$/.test(word)) {
      const detail = { expected: 'name: range', actual: line.slice(0, 60) };
      fail(
        'calibrate/cache-format',
        'eight digits are a scale of a calibration cache, whose first line is missing',
        at,
        detail,
      );
    }
    if (name === '' || Number.isNaN(range)) {
      fail('calibrate/cache-format', 'not a tensor name, a colon and a range', at, {
        expected: 'name: range',
        actual: line.slice(0, 60),
      });
    }
    if (scales.has(name)) fail('calibrate/cache-format', `a second range for ${JSON.stringify(name)}`, at);
    scales.set(name, checked(ofRange(range), name, at));
  });
  return scales;
}

/** Zero is let through: whoever quantizes refuses it by the name of its tensor, where the tensor needs a scale. */
function checked(scale: number, name: string, place: Place): number {
  if (scale >= 0 && scale < Number.POSITIVE_INFINITY) return scale;
  const detail = { expected: 'a finite number from 0 up', actual: scale };
  return fail(
    'calibrate/cache-format',
    'a scale or range is no number that it can be',
    { ...place, value: name },
    detail,
  );
}

/** A name that stands twice in one object of JSON, of which the parser would keep the last. */
function repeatedKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (const [token, key] of json.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (key !== undefined) {
      const name = JSON.parse(key) as string;
      if (open.at(-1)?.has(name)) return name;
      open.at(-1)?.add(name);
    }
  }
  return undefined;
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const numberOf = (value: unknown): number => (typeof value === 'number' ? Math.fround(value) : Number.NaN);

const ofRange = (range: number): number => Math.fround(range / 127);

const ofBounds = (min: unknown, max: unknown): number =>
  typeof min === 'number' && typeof max === 'number' && min <= max
    ? ofRange(Math.max(Math.abs(min), Math.abs(max)))
    : Number.NaN;
