/**
 * A tuned network as the files that `dla compile` takes as they are, and that a builder of engines takes on the board:
 *
 *     NAME.onnx                      its channels balanced; in floating point it computes what it computed before
 *     NAME.cache                     scales after the equal-range rules: the board computes with those that the emulator has
 *     NAME_layer_precisions.txt      the argument of --layer-precisions, and of trtexec's --layerPrecisions; absent without FP16
 */

import { writeModel } from '../../onnx/write.ts';
import { check } from '../../support/check.ts';
import type { CheckOptions } from '../../support/rule.ts';
import { cacheHeader, writeCalibrationCache } from '../calibration-cache.ts';
import { quantize } from '../quantize.ts';
import { valuesOnDla } from '../scaled-values.ts';
import type { TunedNetwork } from './tune.ts';

/** @returns name → contents. @throws calibrate/value, calibrate/cache-format */
export function tunedFiles(
  name: string,
  { network: { graph }, scales, layerPrecisions }: TunedNetwork,
  rules: CheckOptions,
): ReadonlyMap<string, Uint8Array | string> {
  const { quantized } = quantize(graph, scales, { onDla: valuesOnDla(graph, check(graph, rules)) });
  const header = cacheHeader(rules.release);
  const files = new Map<string, Uint8Array | string>([
    [`${name}.onnx`, writeModel(graph)],
    [`${name}.cache`, writeCalibrationCache(quantized.scales, { header })],
  ]);
  if (layerPrecisions !== undefined) {
    const list = [...layerPrecisions].map(([node, precision]) => `${node}:${precision}`).join(',');
    files.set(`${name}_layer_precisions.txt`, list);
  }
  return files;
}
