/**
 * The open NVDLA: which operations one launch does together, which it cannot do at all, and which inputs it reads as pixels. A program
 * runs once for each element of the batch, so all of a loadable has one batch.
 */

import type { Precision } from '../../base/data-type.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32Reader } from '../../graph/tensor.ts';
import { atomElements } from '../../program/nvdla/convolution-buffer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { LaunchPolicy } from '../assign.ts';
import type { Backend } from '../backend.ts';
import { type ConvOperation, type PointOperation, surfaceShape } from '../operation.ts';
import type { Placement } from '../place.ts';
import { phasesOf } from './deconvolution.ts';
import { LaunchCycles } from './launch-cycles.ts';
import { lowerNvdla } from './lower.ts';
import { freeUnits, stepsOf } from './lowering.ts';
import { resizeObstacle } from './pixel-copies.ts';
import { type ConvolutionPlan, type ConvolutionWork, narrowKernels, planConvolution } from './plan-convolution.ts';
import { averageAsConvolution, planPooling, pooledPixels, pooledShape, poolingFlies } from './pooling.ts';

export function nvdlaBackend(graph: Graph, precision: Precision, target: NvdlaTarget): Backend {
  const elements = atomElements(target, precision) as 8 | 16 | 32;
  const read = float32Reader();
  return {
    policy: launchPolicy(graph, target, precision),
    featureFormat: () => `chw${elements}`,
    surfaceOf: ([, channels, height, width]) => [1, channels, height, width],
    wholeAtoms: true,
    hostApart: false,
    loadableOf: ({ output }) => `${surfaceShape(graph, output)?.[0]}`,
    inputObstacle: (input, format, placement, asked) =>
      format === 'dla_linear'
        ? 'the open NVDLA reads features and pixels'
        : format === 'dla_hwc4'
          ? noPixels(input, placement, asked, { target, precision })
          : noFeatures(format, elements),
    lower: (scaleOf) => lowerNvdla({ target, precision, scaleOf, read }),
  };
}

/** `chw32` asks for features, whatever the width of the atoms. */
const noFeatures = (format: 'chw32' | 'chw16', elements: number): string | undefined =>
  format === 'chw32' || elements === 16 ? undefined : `features are chw${elements} there`;

/**
 * Why an input cannot be read as pixels: beside what holds for every image, the convolution has no groups and no dilated columns, and all
 * of its rows fit the convolution buffer. Pixels of one component have to be asked for: no golden shows the hardware with them.
 */
function noPixels(
  input: string,
  { operations, surfaces }: Placement,
  asked: boolean,
  core: Pick<ConvolutionWork, 'target' | 'precision'>,
): string | undefined {
  const [n, channels, height, width] = surfaces.get(input)!.shape;
  if (!asked && channels === 1) return 'it has one channel';
  for (const operation of operations) {
    if (operation.kind !== 'conv' || operation.input !== input) continue;
    const { shape, pool } = operation;
    const pixels = [n, channels === 1 ? 1 : 4, height, width] as const;
    const pooled = pool && pooledPixels(shape, pool);
    const plan = planConvolution({ ...core, input: pixels, image: true, shape, pooled });
    if ('reason' in plan) return `${operation.nodes.at(-1)!.name}: ${plan.reason}`;
  }
  return undefined;
}

function launchPolicy(graph: Graph, target: NvdlaTarget, precision: Precision): LaunchPolicy {
  const shapeOf = (value: string): Shape4 => surfaceShape(graph, value)!;
  const work = ({ input, shape }: ConvOperation): ConvolutionWork => ({
    target,
    precision,
    input: shapeOf(input),
    image: false,
    shape,
  });
  /** Cached: fusing asks for the same operations many times. */
  const plans = new Map<string, { readonly plan: ConvolutionPlan; readonly narrow: number | undefined }>();
  const planOf = (operation: ConvOperation) => {
    const asked = work(operation);
    const key = JSON.stringify([asked.input, asked.shape]);
    const known = plans.get(key) ?? { plan: planConvolution(asked), narrow: narrowKernels(asked) };
    plans.set(key, known);
    return known;
  };
  const convolutionObstacle = (operation: ConvOperation): string | undefined => {
    const { plan, narrow } = planOf(operation);
    return 'reason' in plan && narrow === undefined ? plan.reason : undefined;
  };
  /** The convolutions that a deconvolution becomes. */
  const convolutions = (operation: ConvOperation): readonly ConvOperation[] => {
    if (!operation.shape.transposed) return [operation];
    const [, , height, width] = shapeOf(operation.input);
    return phasesOf(operation.shape, [height, width]).map(({ shape }) => ({ ...operation, shape }));
  };
  /** Whether its launches write the result in place, so that operations behind it can join them. */
  const isDirect = (operation: ConvOperation): boolean =>
    !operation.shape.transposed && planOf(operation).narrow === undefined;
  return {
    precision,
    mixes: false,
    joinsAverages: true,
    halfOperators: new Set(),
    adapt: (operation) =>
      operation.kind === 'pool' ? (averageAsConvolution(operation, shapeOf(operation.input)) ?? operation) : operation,
    obstacle(operation) {
      switch (operation.kind) {
        case 'resize':
          return resizeObstacle(operation, shapeOf(operation.input));
        case 'pool': {
          const plan = planPooling(operation.pool, shapeOf(operation.input));
          return 'reason' in plan ? plan.reason : undefined;
        }
        case 'conv':
          return convolutions(operation)
            .map(convolutionObstacle)
            .find((reason) => reason !== undefined);
        default:
          return undefined;
      }
    },
    fits: (operation) =>
      !(operation.kind === 'conv' && operation.point.operand && !isDirect(operation)) && isOneLaunch(operation, target),
    poolFuses(convolution, pool) {
      const { shape } = convolution;
      const { channels, height, width } = shape.output;
      const cube: Shape4 = [1, channels, height, width];
      const windows = planPooling(pool, cube);
      if (!('pools' in windows) || windows.pools.length > 1 || !isDirect(convolution)) return false;
      const pooled = pooledPixels(shape, pool);
      if (!poolingFlies(pool, pooled.width, precision, target)) return false;
      const [apart, together] = [planOf(convolution).plan, planConvolution({ ...work(convolution), pooled })];
      if (!('launches' in together) || !('launches' in apart)) return false;
      const alone = new LaunchCycles(target, precision).pooling(cube, pooledShape(cube, pool));
      return together.cost <= apart.cost + alone;
    },
  };
}

/** CDP's table stands alone; SDP has one in Y. */
function isOneLaunch(operation: ConvOperation | PointOperation, target: NvdlaTarget): boolean {
  const { point } = operation;
  if (point.table !== undefined && !target.nvdla.lookupTable) return isTableAlone(operation);
  return stepsOf(point) <= freeUnits(point, target);
}

const isTableAlone = ({ kind, input, point }: ConvOperation | PointOperation): boolean =>
  kind === 'point' &&
  point.table?.input === input &&
  point.multiply === undefined &&
  point.add === undefined &&
  stepsOf({ ...point, low: point.low === 0 ? -1 : point.low }) === 0;
