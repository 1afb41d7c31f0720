/** What one launch does on a configuration of the open NVDLA, and what none does. */

import type { Graph } from '../../graph/graph.ts';
import type { Target } from '../../targets/target.ts';
import type { LaunchPolicy } from '../assign.ts';
import type { ConvOperation, PointOperation, Pooling } from '../operation.ts';
import { surfaceShape } from '../window.ts';
import { stepsOf } from './plain-unit.ts';
import { type ConvolutionWork, planConvolution } from './plan-convolution.ts';
import { planPooling, poolingFlies } from './plan-pooling.ts';

export function nvdlaPolicy(graph: Graph, target: Target, precision: 'int8' | 'float16'): LaunchPolicy {
  const shapeOf = (value: string) => surfaceShape(graph, value);
  const work = ({ input, shape }: ConvOperation, pooled: boolean): ConvolutionWork => ({
    target,
    precision,
    input: shapeOf(input)!,
    image: false,
    shape,
    pooled,
  });
  return {
    precision: precision === 'int8' ? 'int8' : 'fp16',
    obstacle(operation) {
      if (operation.kind === 'resize') return 'the open NVDLA has no engine that resizes';
      if (operation.kind === 'pool') {
        const plan = planPooling(operation.pool);
        return 'reason' in plan ? plan.reason : undefined;
      }
      if (operation.kind === 'point') {
        return pointObstacle(operation, target);
      }
      if (operation.kind !== 'conv') return undefined;
      if (operation.shape.transposed) return 'deconvolutions are not lowered to the open NVDLA';
      const plan = planConvolution(work(operation, false));
      return 'reason' in plan ? plan.reason : undefined;
    },
    fits: (operation) => pointObstacle(operation, target) === undefined,
    poolFuses(convolution, pool) {
      if (pool.mode !== 'max' || !fitsPdp(pool)) return false;
      const { output } = convolution.shape;
      const width = Math.floor(
        (output.width + pool.padding.left + pool.padding.right - pool.kernel.w) / pool.stride.w + 1,
      );
      if (!poolingFlies(pool, width, precision, target)) return false;
      return 'launches' in planConvolution(work(convolution, true));
    },
  };
}

const fitsPdp = (pool: Pooling): boolean => {
  const plan = planPooling(pool);
  return 'pools' in plan && plan.pools.length === 1;
};

/** Y, where there is one, has the table or one step more than X2. */
function pointObstacle(operation: ConvOperation | PointOperation, target: Target): string | undefined {
  const { point } = operation;
  const { elementwise, lookupTable } = target.nvdla!;
  if (point.table !== undefined && !lookupTable) {
    return isTableAlone(operation) ? undefined : `the lookup table of ${target.name} is CDP's, which stands alone`;
  }
  const free = elementwise && point.table === undefined ? 2 : 1;
  return stepsOf(point) > free ? 'it needs more units than the single-point processor has' : undefined;
}

const isTableAlone = ({ kind, input, point }: ConvOperation | PointOperation): boolean =>
  kind === 'point' &&
  point.table?.input === input &&
  point.multiply === undefined &&
  point.add === undefined &&
  stepsOf({ ...point, low: point.low === 0 ? -1 : point.low }) === 0;
