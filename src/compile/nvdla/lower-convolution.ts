/** A convolution as launches of the core: weights in its order, and the stages behind. */

import { fail } from '../../base/errors.ts';
import { float16Bits } from '../../base/float16.ts';
import { rounders } from '../../base/rounding.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Conv, Pipeline } from '../../program/layer.ts';
import type { Region } from '../emit.ts';
import { quantizeKernels } from '../kernels.ts';
import type { ConvOperation } from '../operation.ts';
import { convStage } from './conv-stage.ts';
import { leastGains } from './int8/point.ts';
import type { Launches, Lowering } from './lowering.ts';
import { packWeights } from './pack-weights.ts';
import { type ConvolutionLaunch, type ConvolutionWork, planConvolution } from './plan-convolution.ts';
import { operandPart, type PointStage, pointStage, secondOperand, stageScales } from './point-stage.ts';
import { lowerPdp, pooledPixels } from './pooling.ts';

/** @param write the surface for a region of the result */
export function lowerConvolution(
  operation: ConvOperation,
  at: Lowering,
  write = (region: Region): number => at.surfaces.part(operation.output, region),
): Launches {
  const { surfaces } = at;
  const { input, output, shape, pool } = operation;
  const work = workOf(operation, at);
  const { image } = work;
  const second = secondOperand(operation.point, at);
  const { weights, point } = kernels({ ...operation, point: second?.point ?? operation.point }, work, at);
  const plan = launchesOf(work, at);
  const launches = plan.map((launch, index): Pipeline<number> => {
    const { fromChannel, toChannel, fromRow, toRow } = launch.output;
    const operand = second && operandPart(second.surface, launch.output, at);
    const source = image ? surfaces.of(input) : surfaces.part(input, launch.input);
    const name = plan.length === 1 ? `${at.name}:weights` : `${at.name}:weights:${index}`;
    const conv = coreLaunch(launch, work, { input: source, weights, name }, at);
    const sdp = point(fromChannel, toChannel, operand);
    if (pool === undefined) return { kind: 'conv', conv, sdp: { ...sdp, output: write(launch.output) } };
    if (toRow - fromRow !== shape.output.height) throw new Error('a pooled convolution is not split by rows');
    const rows = { fromRow: 0, toRow: at.shapeOf(output)[2] };
    return { kind: 'conv', conv, sdp, pdp: lowerPdp(pool, write({ ...launch.output, ...rows }), at) };
  });
  return [...(second?.before ?? []), ...launches];
}

export function workOf({ input, shape, pool }: ConvOperation, at: Lowering): ConvolutionWork {
  const { target, precision, surfaces } = at;
  const image = surfaces.formatOf(input) === 'dla_hwc4';
  const [n, channels, height, width] = at.shapeOf(input);
  return {
    target,
    precision,
    input: [n, image && channels > 1 ? 4 : channels, height, width],
    image,
    shape,
    pooled: pool && pooledPixels(shape, pool),
  };
}

/** @throws compile/unsupported when the core cannot do it */
export function launchesOf(work: ConvolutionWork, { name }: Lowering): readonly ConvolutionLaunch[] {
  const plan = planConvolution(work);
  if ('reason' in plan) return fail('compile/unsupported', plan.reason, { node: name });
  return plan.launches;
}

interface CoreData {
  /** Surface. */
  readonly input: number;
  /** [K, C/groups, R, S] of the whole convolution. */
  readonly weights: Int8Array | Uint16Array;
  /** Name of the packed stream. */
  readonly name: string;
}

export function coreLaunch(
  launch: ConvolutionLaunch,
  work: ConvolutionWork,
  { input, weights, name }: CoreData,
  { precision, surfaces }: Lowering,
): Conv<number> {
  const { buffer } = packWeights(work, launch, weights);
  const data = precision === 'int8' ? new Int8Array(buffer) : new Uint16Array(buffer);
  return convStage(launch, work, input, surfaces.vector(name, precision, data));
}

/** The weights that the core multiplies, and the point stage with the factors left over. */
function kernels(
  operation: ConvOperation,
  work: ConvolutionWork,
  at: Lowering,
): { weights: Int8Array | Uint16Array; point: PointStage } {
  const { point } = operation;
  const bias = operation.bias && Float64Array.from(numbers(operation.bias));
  const { channels } = operation.shape.output;
  const outputScale = at.scaleOf(operation.output);
  const stage = (scales: Float64Array) =>
    pointStage(point, { channels, scales, ...(bias && { bias }) }, outputScale, at);
  if (at.precision === 'float16') {
    const real = withImageComponents(floatWeights(operation, at), operation.weights.shape, work);
    return { weights: Uint16Array.from(real, float16Bits), point: stage(Float64Array.of(1)) };
  }
  const inputScale = at.scaleOf(operation.input);
  const accumulator = (scales: Float32Array) => Float64Array.from(scales, (scale) => inputScale * scale);
  const rounding = rounders[at.target.rounding.value];
  const { weights, scales } = quantizeKernels(operation, inputScale, rounding, at.read, (natural) => {
    const inputScales = accumulator(natural);
    const least = leastGains(point, {
      channels,
      inputScales,
      ...(bias && { bias }),
      outputScale,
      ...stageScales(point, at),
    });
    return natural.map((scale, k) => {
      const factor = inputScale * Math.abs(point.multiply?.[k % point.multiply.length] ?? 1);
      // A kernel that is multiplied by 0 gets a scale at which its weights are zero.
      return factor === 0 ? vanishing : Math.max(scale, least[k]! / factor);
    });
  });
  return {
    weights: Int8Array.from(withImageComponents(weights, operation.weights.shape, work)),
    point: stage(accumulator(scales)),
  };
}

/** A scale at which every weight is zero. */
const vanishing = 2 ** 100;

function floatWeights({ weights }: ConvOperation, { read, name: node }: Lowering): Float32Array {
  const values = read(weights);
  const wrong = values.findIndex((value) => !(Math.abs(value) < 65_520));
  if (wrong >= 0) fail('calibrate/value', 'a weight does not fit float16', { node }, { actual: values[wrong]! });
  return values;
}

/** An image of three channels has pixels of four components: the last one meets zeros. */
function withImageComponents<T extends Float32Array | Int8Array>(
  weights: T,
  [k = 1, c = 1, r = 1, s = 1]: readonly number[],
  { image, input }: ConvolutionWork,
): T {
  if (!image || input[1] === c) return weights;
  const kernel = r * s;
  const padded = (
    weights instanceof Int8Array ? new Int8Array(k * input[1] * kernel) : new Float32Array(k * input[1] * kernel)
  ) as T;
  for (let index = 0; index < k; index++) {
    padded.set(weights.subarray(index * c * kernel, (index + 1) * c * kernel), index * input[1] * kernel);
  }
  return padded;
}
