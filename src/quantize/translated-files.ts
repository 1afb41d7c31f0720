/**
 * A quantized network as the files that NVIDIA's translator of Q/DQ networks gives, which builders of engines for TensorRT up to 10
 * read (docs/hardware/dla-software.md#quantization-dialects): the plain network, and beside it the scale of each tensor and the nodes that
 * run in FP16, as JSON, as a calibration cache and as the argument of trtexec's --layerPrecisions.
 *
 *     NAME_noqdq.onnx                            weights are the model's integers times their scales
 *     NAME_precision_config.json                 { "int8_tensor_scales": { tensor: scale }, "fp16_nodes": [node] }
 *     NAME_precision_config_calib.cache
 *     NAME_precision_config_layer_arg.txt        node:fp16,node:fp16
 *
 * TensorRT quantizes the weights anew, each output channel by its largest: that gives the model's integers where the largest integer of
 * the channel is 127, and is said of the layers where it is not.
 */

import type { Graph } from '../graph/graph.ts';
import { weightsInput } from '../graph/operators/window.ts';
import { asFloat32 } from '../graph/tensor.ts';
import { scalesAlong } from '../graph/weight-scales.ts';
import { writeModel } from '../onnx/write.ts';
import type { Release } from '../targets/target.ts';
import { cacheHeader, writeCalibrationCache } from './calibration-cache.ts';
import { fuseMark, fusesUnscaled, markFusable, type ScaleCoverage } from './coverage.ts';
import { type InferredScales, inferScales } from './infer-scales.ts';
import { quantize } from './quantize.ts';

export interface TranslateOptions extends InferredScales {
  readonly release: Release;
  /** The version in the cache's first line, `8602`; that of the release when not given. */
  readonly cacheVersion?: number;
  /** Marks results of convolutions that are added to another tensor with the scale 1, "no scale; fuse", where they have none. */
  readonly addUnaryScales?: boolean;
}

export interface TranslatedFiles {
  /** Name → contents. */
  readonly files: ReadonlyMap<string, Uint8Array | string>;
  /** Tensor → scale, as the files have it. */
  readonly scales: ReadonlyMap<string, number>;
  readonly coverage: ScaleCoverage;
  /** Convolutions and matrix products whose integers TensorRT will choose otherwise than the model. */
  readonly requantized: readonly string[];
}

/**
 * @param graph plain, with the scales that it states
 * @throws calibrate/cache-missing when no tensor that needs a scale has one
 */
export function translatedFiles(name: string, graph: Graph, options: TranslateOptions): TranslatedFiles {
  const { release } = options;
  const inferred = inferScales(graph, graph.scales ?? new Map(), options);
  const marks = options.addUnaryScales && fusesUnscaled(release) ? markFusable(graph, inferred) : inferred;
  const own = new Set(graph.values.keys());
  const { quantized, coverage } = quantize(graph, marks, { own, propagate: true });
  // The translator writes the scales that the graph states: ranges that must be equal are the builder's business.
  const scales = new Map<string, number>();
  for (const value of graph.values.keys()) {
    const scale = coverage.fused.includes(value)
      ? fuseMark
      : (marks.get(value) ?? coverage.propagated.get(value)?.scale);
    if (scale !== undefined && !graph.constants.has(value)) scales.set(value, scale);
  }
  const half = [...(quantized.half?.keys() ?? [])];
  const config = { int8_tensor_scales: Object.fromEntries(scales), fp16_nodes: half };
  const header = cacheHeader(release, options.cacheVersion);
  return {
    files: new Map<string, Uint8Array | string>([
      [`${name}_noqdq.onnx`, writeModel(graph)],
      [`${name}_precision_config.json`, `${JSON.stringify(config, undefined, 2)}\n`],
      [`${name}_precision_config_calib.cache`, writeCalibrationCache(scales, { header })],
      [`${name}_precision_config_layer_arg.txt`, half.map((node) => `${node}:fp16`).join(',')],
    ]),
    scales,
    coverage,
    requantized: requantizedLayers(graph),
  };
}

/** Layers of which a channel's largest integer is not ±127. */
function requantizedLayers(graph: Graph): readonly string[] {
  return graph.nodes.flatMap((node) => {
    const tensor = graph.constants.get(node.inputs[weightsInput(node) ?? 1] ?? '');
    if (!tensor?.scales || !['Conv', 'ConvTranspose'].includes(node.op)) return [];
    const axis = node.op === 'Conv' ? 0 : 1;
    const scales = scalesAlong(tensor, axis);
    if (scales === undefined) return [node.name];
    const inner = tensor.shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
    const largest = new Float64Array(scales.length);
    asFloat32(tensor).forEach((value, at) => {
      const channel = Math.floor(at / inner) % scales.length;
      largest[channel] = Math.max(largest[channel]!, Math.abs(value) / scales[channel]!);
    });
    return largest.every((most) => most === 0 || Math.round(most) === 127) ? [] : [node.name];
  });
}
