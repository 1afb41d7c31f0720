/** Any file that dlakit reads, as text: what `dla inspect` prints. */

import { locate } from '../base/errors.ts';
import { preprocessText, readPreprocess } from '../graph/preprocess.ts';
import { printGraph } from '../graph/print.ts';
import { decodeLoadable, isLoadable } from '../loadable/container.ts';
import { decodeStockLoadable, isStockLoadable } from '../loadable/nvdla/format/stock-loadable.ts';
import { printStockLoadable } from '../loadable/nvdla/print/loadable.ts';
import { type ReadOptions, readModel } from '../onnx/read.ts';
import { resolve } from '../onnx/resolve.ts';
import { printPlan } from '../program/print.ts';
import { readCalibrationCache } from '../quantize/calibration-cache.ts';
import { readCalibrationJson } from '../quantize/calibration-json.ts';
import { readRanges } from '../quantize/read-ranges.ts';

/**
 * Prints a file that dlakit reads: an ONNX model (with its external data), a loadable of its own or of the open NVDLA, a
 * calibration cache, ranges in JSON, or the pre-processing beside them.
 *
 * @throws onnx/*, loadable/*, calibrate/cache-format, preprocess/*
 */
export function inspectText(bytes: Uint8Array, file?: string, external?: ReadOptions['external']): string {
  if (isLoadable(bytes)) return printPlan(decodeLoadable(bytes, file === undefined ? {} : { file }).plan);
  if (isStockLoadable(bytes)) {
    return locate(file === undefined ? {} : { file }, () => printStockLoadable(decodeStockLoadable(bytes)));
  }
  if (startsWith(bytes, 'TRT-')) {
    const { header, scales } = readCalibrationCache(bytes, file);
    return [header, ...rangeLines(scales)].join('\n');
  }
  if (startsWith(bytes, '{')) {
    const text = new TextDecoder().decode(bytes);
    if (!/"format"\s*:/.test(text)) return ['ranges', ...rangeLines(readRanges(bytes, file))].join('\n');
    if (/"format"\s*:\s*"dlakit-preprocess"/.test(text)) {
      const preprocess = readPreprocess(text, file);
      return preprocess ? `pictures: ${preprocessText(preprocess)}` : 'no pictures: the samples were tensors';
    }
    const { scales, preprocess, ...how } = readCalibrationJson(text, file);
    const method = how.percentile === undefined ? how.method : `${how.method} ${how.percentile}`;
    const pictures = preprocess ? [`pictures: ${preprocessText(preprocess)}`] : [];
    return [`calibration by ${method} over ${how.samples} samples`, ...pictures, ...rangeLines(scales)].join('\n');
  }
  return printGraph(resolve(readModel(bytes, { ...(file !== undefined && { file }), ...(external && { external }) })));
}

const rangeLines = (scales: ReadonlyMap<string, number>): readonly string[] =>
  [...scales].map(([name, scale]) => `${name}: scale ${scale}, range ±${scale * 127}`);

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  [...text].every((character, index) => bytes[index] === character.charCodeAt(0));
