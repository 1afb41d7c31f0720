/** The layer of each operation on orin and xavier: one launch. */

import { rounders } from '../../base/rounding.ts';
import type { FloatScaleSdp, Pipeline } from '../../program/layer.ts';
import { runsSparse } from '../../sparsify/eligibility.ts';
import type { JetsonTarget } from '../../targets/target.ts';
import type { Lower, SurfaceTable } from '../emit.ts';
import { quantizeKernels } from '../kernels.ts';
import type { ConvOperation, Point } from '../operation.ts';
import type { PlacedOperation } from '../place.ts';
import { type QuantizedPoint, quantizePoint } from './point.ts';

export interface FloatScaleContext {
  readonly target: JetsonTarget;
  readonly scaleOf: (value: string) => number;
  readonly sparsity: boolean;
}

const roundingOf = ({ target }: FloatScaleContext) => rounders[target.rounding.value];

export const lowerFloatScale =
  (context: FloatScaleContext): Lower =>
  (operation, name, surfaces) => [lower(operation, name, surfaces, context)];

function lower(
  operation: PlacedOperation,
  name: string,
  surfaces: SurfaceTable,
  context: FloatScaleContext,
): Pipeline<number> {
  switch (operation.kind) {
    case 'conv':
    case 'point': {
      const output = surfaces.of(operation.output);
      const pdp = operation.pool && { ...operation.pool, output };
      if (operation.kind === 'conv') {
        const { conv, scales } = convolution(operation, surfaces, context);
        const sdp = singlePoint(operation.point, scales, operation.output, name, surfaces, context);
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
    case 'normalize':
    case 'pixels':
    case 'gather':
      throw new Error(`only the open NVDLA does a ${operation.kind}`);
  }
}

const scaleAt = (value: string, surfaces: SurfaceTable): number => surfaces.drafts.get(value)!.scale;

function convolution(operation: ConvOperation, surfaces: SurfaceTable, context: FloatScaleContext) {
  const { name } = operation.nodes[0]!;
  const { kernel, stride, dilation, padding, groups, transposed, output } = operation.shape;
  const input = surfaces.of(operation.input);
  const inputScale = scaleAt(operation.input, surfaces);
  const quantized = quantizeKernels(operation, inputScale, roundingOf(context));
  const [k = 1, c = 1, r = 1, s = 1] = operation.weights.shape;
  const conv = {
    input,
    weights: surfaces.constant(`${name}:weights`, [k, c, r, s], 'int8', 'kcrs', quantized.weights),
    ...(operation.bias !== undefined && { bias: surfaces.vector(`${name}:bias`, 'int32', quantized.bias) }),
    kernel,
    stride,
    dilation,
    padding,
    padValue: 0,
    groups,
    transposed,
    output,
    sparse:
      context.sparsity &&
      runsSparse(operation.shape, { shape: operation.weights.shape, data: quantized.weights }, context.target),
    truncate: 0,
  };
  return { conv, scales: Float64Array.from(quantized.scales, (scale) => inputScale * scale) };
}

function singlePoint(
  point: Point,
  scales: Float64Array,
  output: string,
  name: string,
  surfaces: SurfaceTable,
  context: FloatScaleContext,
): FloatScaleSdp<number> {
  const outputScale = scaleAt(output, surfaces);
  const scaleOf = (value: string) => surfaces.drafts.get(value)?.scale ?? context.scaleOf(value);
  const stage: QuantizedPoint = quantizePoint(point, scales, outputScale, scaleOf, roundingOf(context), name);
  const { operand } = point;
  return {
    arithmetic: 'float-scale',
    scale: surfaces.vector(`${name}:scale`, 'float32', stage.scale),
    ...(stage.shift && { shift: surfaces.vector(`${name}:shift`, 'float32', stage.shift) }),
    ...(operand && { operand: { op: operand.op, input: surfaces.of(operand.value), scale: stage.operandScale! } }),
    ...(stage.slope && { slope: surfaces.vector(`${name}:slope`, 'float32', stage.slope) }),
    low: stage.low,
    high: stage.high,
    ...(stage.lut && { lut: surfaces.vector(`${name}:lut`, 'int8', stage.lut) }),
  };
}
