/** The layer of each operation on orin and xavier: one launch. */

import { rounders } from '../../base/rounding.ts';
import { asFloat32, type Tensor } from '../../graph/tensor.ts';
import type { JetsonSdp, Pipeline } from '../../program/layer.ts';
import { runsSparse } from '../../sparsify/eligibility.ts';
import type { JetsonTarget } from '../../targets/target.ts';
import type { ConstantData, Lower, SurfaceTable } from '../emit.ts';
import { quantizeKernels } from '../kernels.ts';
import type { ConvOperation, Point } from '../operation.ts';
import type { PlacedOperation } from '../place.ts';
import { halfKernels, halfPoint, withBias } from './float16.ts';
import { quantizePoint } from './point.ts';

export interface JetsonContext {
  readonly target: JetsonTarget;
  readonly scaleOf: (value: string) => number;
  readonly sparsity: boolean;
  /** Gives the elements of a tensor until it is called again. */
  readonly read: (tensor: Tensor) => Float32Array;
}

const roundingOf = ({ target }: JetsonContext) => rounders[target.rounding.value];

export const lowerJetson =
  (context: JetsonContext): Lower =>
  (operation, name, surfaces) => [lower(operation, name, surfaces, context)];

function lower(
  operation: PlacedOperation,
  name: string,
  surfaces: SurfaceTable,
  context: JetsonContext,
): Pipeline<number> {
  switch (operation.kind) {
    case 'conv':
    case 'point': {
      const output = surfaces.of(operation.output);
      const pdp = operation.pool && { ...operation.pool, output };
      if (operation.kind === 'conv') {
        const { conv, scales, bias } = convolution(operation, surfaces, context);
        const sdp = singlePoint(withBias(operation.point, bias), scales, operation.output, name, surfaces, context);
        return pdp ? { kind: 'conv', conv, sdp, pdp } : { kind: 'conv', conv, sdp: { ...sdp, output } };
      }
      const scales = Float64Array.of(scaleAt(operation.input, surfaces));
      const sdp = {
        ...singlePoint(operation.point, scales, operation.output, name, surfaces, context),
        input: surfaces.of(operation.input),
      };
      return pdp ? { kind: 'sdp', sdp, pdp } : { kind: 'sdp', sdp: { ...sdp, output } };
    }
    case 'pool': {
      const pdp = {
        ...operation.pool,
        input: surfaces.of(operation.input),
        output: surfaces.of(operation.output),
      };
      return { kind: 'pdp', pdp };
    }
    case 'resize': {
      const [input, output] = [surfaces.of(operation.input), surfaces.of(operation.output)];
      if (operation.resize.mode === 'nearest')
        return { kind: 'resize', resize: { ...operation.resize, input, output } };
      const { scale } = operation.resize;
      const ratio = scaleAt(operation.input, surfaces) / scaleAt(operation.output, surfaces);
      const factor = Math.fround(ratio / (4 * scale.h * scale.w));
      return { kind: 'resize', resize: { ...operation.resize, factor, input, output } };
    }
    case 'copy': {
      const { inputChannel, outputChannel, channels } = operation;
      const copy = { input: surfaces.of(operation.input), inputChannel, outputChannel, channels };
      return { kind: 'copy', copy: { ...copy, output: surfaces.of(operation.output) } };
    }
    case 'normalize': {
      const [input, output] = [surfaces.of(operation.input), surfaces.of(operation.output)];
      const [alpha, beta, bias] = [operation.alpha, operation.beta, operation.bias].map(Math.fround);
      const lrn = { input, size: operation.size, alpha: alpha!, beta: beta!, bias: bias!, output };
      return { kind: 'lrn', lrn };
    }
    case 'softmax': {
      const [input, output] = [surfaces.of(operation.input), surfaces.of(operation.output)];
      return { kind: 'softmax', softmax: { input, axis: operation.axis, output } };
    }
    case 'pixels':
    case 'gather':
      throw new Error(`only the open NVDLA does a ${operation.kind}`);
  }
}

/** real = scale × number: the scale of an int8 surface, 1 of a float16 one. */
const scaleAt = (value: string, surfaces: SurfaceTable): number => surfaces.drafts.get(value)!.scale;

const isHalf = (value: string, surfaces: SurfaceTable): boolean => surfaces.drafts.get(value)!.dtype === 'float16';

/** The convolution, the scales of its accumulator, and a bias that the single-point stage has to add. */
function convolution(operation: ConvOperation, surfaces: SurfaceTable, context: JetsonContext) {
  const { name } = operation.nodes[0]!;
  const { kernel, stride, dilation, padding, groups, transposed, output } = operation.shape;
  const input = surfaces.of(operation.input);
  const window = { kernel, stride, dilation, padding, padValue: 0, groups, transposed, output, truncate: 0 };
  const [k = 1, c = 1, r = 1, s = 1] = operation.weights.shape;
  const weights = (dtype: 'int8' | 'float16', data: ConstantData) =>
    surfaces.constant(`${name}:weights`, [k, c, r, s], dtype, 'kcrs', data);
  if (isHalf(operation.input, surfaces)) {
    const conv = { input, weights: weights('float16', halfKernels(operation, context.read)), ...window, sparse: false };
    const bias = operation.bias && Float64Array.from(asFloat32(operation.bias));
    return { conv, scales: Float64Array.of(1), ...(bias && { bias }) };
  }
  const inputScale = scaleAt(operation.input, surfaces);
  const quantized = quantizeKernels(operation, inputScale, roundingOf(context), context.read);
  const conv = {
    input,
    weights: weights('int8', quantized.weights),
    ...(operation.bias !== undefined && { bias: surfaces.vector(`${name}:bias`, 'int32', quantized.bias) }),
    ...window,
    sparse:
      context.sparsity &&
      runsSparse(operation.shape, { shape: operation.weights.shape, data: quantized.weights }, context.target),
  };
  return { conv, scales: new Float64Array(quantized.scales).map((scale) => inputScale * scale) };
}

function singlePoint(
  point: Point,
  scales: Float64Array,
  output: string,
  name: string,
  surfaces: SurfaceTable,
  context: JetsonContext,
): JetsonSdp<number> {
  const scaleOf = (value: string) => surfaces.drafts.get(value)?.scale ?? context.scaleOf(value);
  const vector = (what: string, values: Float32Array | undefined) =>
    values && { [what]: surfaces.vector(`${name}:${what}`, 'float32', values) };
  const { operand } = point;
  const operandOf = (scale: number | undefined) =>
    operand && { operand: { op: operand.op, input: surfaces.of(operand.value), scale: scale! } };
  if (isHalf(output, surfaces)) {
    const { scale, shift, operandScale, slope, low, high, lut } = halfPoint(point, scales, scaleOf, name);
    return {
      arithmetic: 'float16',
      ...vector('scale', scale),
      ...vector('shift', shift),
      ...operandOf(operandScale),
      ...vector('slope', slope),
      ...(low !== undefined && { low }),
      ...(high !== undefined && { high }),
      ...(lut && { lut: surfaces.vector(`${name}:lut`, 'float16', lut) }),
    };
  }
  const outputScale = scaleAt(output, surfaces);
  const stage = quantizePoint(point, scales, outputScale, scaleOf, roundingOf(context), name);
  return {
    arithmetic: 'float-scale',
    scale: surfaces.vector(`${name}:scale`, 'float32', stage.scale),
    ...vector('shift', stage.shift),
    ...operandOf(stage.operandScale),
    ...vector('slope', stage.slope),
    low: stage.low,
    high: stage.high,
    ...(stage.lut && { lut: surfaces.vector(`${name}:lut`, 'int8', stage.lut) }),
  };
}
