/**
 * The launches that an operation becomes on the open NVDLA: convolution, single-point and pooling stages over parts of
 * surfaces, weights in the order of the core, tables of operands.
 */

import type { Lower } from '../emit.ts';
import { type Point, type PointOperation, plainPoint } from '../operation.ts';
import type { PlacedOperation } from '../place.ts';
import { lowerGather } from './gather.ts';
import { boundOf } from './int8/point.ts';
import { lowerDeconvolution } from './lower-deconvolution.ts';
import { lowerKernels } from './lower-kernels.ts';
import { lowerNormalize, lowerTable } from './lower-normalize.ts';
import { freeUnits, type Launches, type Lowering, lowering, type NvdlaContext, stepsOf } from './lowering.ts';
import { lowerPixels, lowerResize } from './pixel-copies.ts';
import { pointStage, secondOperand } from './point-stage.ts';
import { lowerPools } from './pooling.ts';

export const lowerNvdla =
  (context: NvdlaContext): Lower =>
  (operation, name, surfaces) =>
    launches(operation, lowering(context, surfaces, name));

function launches(operation: PlacedOperation, at: Lowering): Launches {
  switch (operation.kind) {
    case 'conv':
      return operation.shape.transposed ? lowerDeconvolution(operation, at) : lowerKernels(operation, at);
    case 'point':
      return byTable(operation, at) ? lowerTable(operation, at) : lowerPoint(operation, at);
    case 'pool': {
      const { input, output, pool } = operation;
      return lowerPools(at.surfaces.of(input), at.shapeOf(input), output, pool, at);
    }
    case 'normalize':
      return lowerNormalize(operation, at);
    case 'gather':
      return lowerGather(operation, at);
    case 'copy':
      return lowerGather({ ...operation, kind: 'gather', parts: [operation] }, at);
    case 'resize':
      return lowerResize(operation, at);
    case 'pixels':
      return lowerPixels(operation, at);
    default:
      throw new Error(`no unit of the open NVDLA does a ${operation.kind}`);
  }
}

/** Whether a table has to be CDP's, since the single-point processor has none. */
const byTable = ({ point }: PointOperation, { target }: Lowering): boolean =>
  point.table !== undefined && !target.nvdla.lookupTable;

function lowerPoint({ input, output, point, pool }: PointOperation, at: Lowering): Launches {
  const { surfaces } = at;
  const shape = at.shapeOf(input);
  const scale = at.scaleOf(output);
  const second = secondOperand(point, at);
  const pass = (stage: Point, from: number, fromScale: number, to: number): Launches[number] => {
    const incoming = { channels: shape[1], scales: Float64Array.of(fromScale) };
    const sdp = pointStage(stage, incoming, scale, at)(0, shape[1], second?.surface);
    return { kind: 'sdp', sdp: { ...sdp, input: from, output: to } };
  };
  const whole = boundsInside(second?.point ?? point, scale, at);
  // PDP keeps its numbers: what rescales runs first, into a surface of the result's scale.
  const last = pool ? surfaces.inner(`${output}:unpooled`, shape, scale) : surfaces.of(output);
  const launches: Launches[number][] = [...(second?.before ?? [])];
  if (stepsOf(whole) > freeUnits(whole, at.target)) {
    const low = surfaces.inner(`${output}:bounded`, shape, scale);
    launches.push(pass({ ...whole, high: Number.POSITIVE_INFINITY }, surfaces.of(input), at.scaleOf(input), low));
    launches.push(pass({ ...plainPoint, high: whole.high }, low, scale, last));
  } else launches.push(pass(whole, surfaces.of(input), at.scaleOf(input), last));
  return pool ? [...launches, ...lowerPools(last, shape, output, pool, at)] : launches;
}

/** The operation without bounds at which integers saturate anyway. */
function boundsInside(point: Point, scale: number, { precision }: Lowering): Point {
  if (precision === 'float16') return point;
  const low = boundOf(point.low, scale, -1) ?? Number.NEGATIVE_INFINITY;
  return { ...point, low, high: boundOf(point.high, scale, 1) ?? Number.POSITIVE_INFINITY };
}
