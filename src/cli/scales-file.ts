/** Scales from a calibration file: TensorRT's cache, or dlakit's JSON (which starts with a brace). */

import { readBytes } from '../host/node/files.ts';
import { readCalibrationCache } from '../quantize/calibration-cache.ts';
import { readCalibrationJson } from '../quantize/calibration-json.ts';

/** @throws file/not-found, calibrate/cache-format */
export async function readScales(file: string): Promise<ReadonlyMap<string, number>> {
  const bytes = await readBytes(file);
  return bytes[0] === 0x7b
    ? readCalibrationJson(new TextDecoder().decode(bytes), file).scales
    : readCalibrationCache(bytes, file).scales;
}
