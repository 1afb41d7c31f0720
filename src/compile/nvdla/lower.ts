/**
 * What the open NVDLA makes of an operation: launches of convolution, single-point and pooling stages over parts of
 * surfaces, weights in the order of the core, tables of operands.
 */

import type { Lower } from '../emit.ts';
import type { PointOperation } from '../operation.ts';
import type { PlacedOperation } from '../place.ts';
import { lowerGather } from './gather.ts';
import { lowerDeconvolution } from './lower-deconvolution.ts';
import { lowerKernels } from './lower-kernels.ts';
import { lowerNormalise, lowerTable } from './lower-normalise.ts';
import { lowerPools } from './lower-pooling.ts';
import { type Launches, type Lowering, lowering, type NvdlaContext } from './lowering.ts';
import { lowerPixels, lowerResize } from './pixel-copies.ts';
import { pointStage, secondOperand } from './point-stage.ts';

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
    case 'normalise':
      return lowerNormalise(operation, at);
    case 'gather':
      return lowerGather(operation, at);
    case 'copy':
      return lowerGather({ ...operation, kind: 'gather', parts: [operation] }, at);
    case 'resize':
      return lowerResize(operation, at);
    case 'pixels':
      return lowerPixels(operation, at);
  }
}

/** Where the single-point processor has no table, CDP's does. */
const byTable = ({ point }: PointOperation, { target }: Lowering): boolean =>
  point.table !== undefined && !target.nvdla!.lookupTable;

function lowerPoint({ input, output, point, pool }: PointOperation, at: Lowering): Launches {
  const { surfaces } = at;
  const shape = at.shapeOf(input);
  const second = secondOperand(point, at);
  const incoming = { channels: shape[1], scales: Float64Array.of(at.scaleOf(input)) };
  const stage = pointStage(second?.point ?? point, incoming, at.scaleOf(output), at);
  const sdp = { ...stage(0, shape[1], second?.surface), input: surfaces.of(input) };
  const before = second?.before ?? [];
  if (pool === undefined) return [...before, { kind: 'sdp', sdp: { ...sdp, output: surfaces.of(output) } }];
  // PDP keeps its numbers: what rescales runs first, into a surface of the result's scale.
  const between = surfaces.inner(`${output}:unpooled`, shape, at.scaleOf(output));
  return [
    ...before,
    { kind: 'sdp', sdp: { ...sdp, output: between } },
    ...lowerPools(between, shape, output, pool, at),
  ];
}
