/** A calibration as JSON: the same scales as a TensorRT cache, readable, with how they were found. */

import { fail } from '../base/errors.ts';
import * as z from '../base/schema.ts';
import { perChannel, preprocessSchema } from '../graph/preprocess.ts';
import type { Calibration } from './calibrate.ts';
import { calibrationMethods } from './range-of.ts';

const positive = z
  .number()
  .positive()
  .refine((value) => Math.fround(value) === value, 'not a float32 number');

const schema = z.strictObject({
  format: z.literal('dlakit-calibration'),
  version: z.literal(1),
  method: z.enum(calibrationMethods as [Calibration['method'], ...Calibration['method'][]]),
  percentile: z.number().gt(0).lte(100).optional(),
  samples: z.number().int().positive(),
  preprocess: preprocessSchema.optional(),
  tensors: z.array(z.strictObject({ name: z.string().min(1), scale: positive, largest: z.number().nonnegative() })),
});

export function writeCalibrationJson(calibration: Calibration): string {
  const { method, percentile, samples, preprocess, scales, largest } = calibration;
  const tensors = [...scales].map(([name, scale]) => ({ name, scale, largest: largest.get(name) ?? scale * 127 }));
  const calibrated = { method, percentile, samples, preprocess, tensors };
  return `${JSON.stringify({ format: 'dlakit-calibration', version: 1, ...calibrated }, undefined, 2)}\n`;
}

/** The tensor that an issue is about. */
function tensorAt(json: unknown, [list, index]: readonly PropertyKey[] = []): { readonly value?: string } {
  if (list !== 'tensors' || typeof index !== 'number') return {};
  const { name } = (json as { readonly tensors: readonly { readonly name?: unknown }[] }).tensors[index] ?? {};
  return typeof name === 'string' ? { value: name } : {};
}

/** @throws calibrate/cache-format, preprocess/invalid, preprocess/units */
export function readCalibrationJson(text: string, file?: string): Calibration {
  const place = file !== undefined ? { file } : {};
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    fail('calibrate/cache-format', `not JSON: ${error instanceof Error ? error.message : String(error)}`, place);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    fail('calibrate/cache-format', `${issue?.path.join('.') || 'the file'}: ${issue?.message}`, {
      ...place,
      ...tensorAt(json, issue?.path),
    });
  }
  const { method, percentile, samples, preprocess, tensors } = parsed.data;
  if (preprocess) perChannel(preprocess, place);
  const names = new Set<string>();
  const twice = tensors.find(({ name }) => names.size === names.add(name).size);
  if (twice) fail('calibrate/cache-format', `a second scale for ${JSON.stringify(twice.name)}`, place);
  return {
    method,
    ...(percentile !== undefined && { percentile }),
    samples,
    ...(preprocess && { preprocess }),
    scales: new Map(tensors.map(({ name, scale }) => [name, scale])),
    largest: new Map(tensors.map(({ name, largest }) => [name, largest])),
  };
}
