/**
 * A deconvolution: a convolution for each phase, and then the phases put together; by Rubik where there is one and all have
 * one size, else by copies of pixels.
 */

import { asFloat32, float32Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import type { Region } from '../emit.ts';
import type { ConvOperation } from '../operation.ts';
import { type Phase, phasesOf, phaseWeights } from './deconvolution.ts';
import { eachVector, lowerKernels } from './lower-kernels.ts';
import type { Launches, Lowering } from './lowering.ts';
import { everyPixel, pixelCopies } from './pixel-copies.ts';

export function lowerDeconvolution(operation: ConvOperation, at: Lowering): Launches {
  const { shape } = operation;
  const [, , height, width] = at.shapeOf(operation.input);
  const phases = phasesOf(shape, [height, width]);
  const [first, ...more] = phases;
  if (more.length === 0) return lowerKernels(phaseConvolution(operation, first!), at);
  return contracts(operation, at) ? byRubik(operation, phases, at) : byCopies(operation, phases, at);
}

/** Rubik takes runs of whole atoms, one for each phase, all of one size. */
function contracts({ shape: { output, stride, groups } }: ConvOperation, { target, atom }: Lowering): boolean {
  const whole = output.height % stride.h === 0 && output.width % stride.w === 0;
  return target.nvdla.rubik && whole && (groups === 1 || output.channels % atom === 0);
}

const phaseConvolution = (operation: ConvOperation, phase: Phase): ConvOperation => ({
  ...operation,
  shape: phase.shape,
  weights: phaseWeights(operation.weights, phase),
});

function byCopies(operation: ConvOperation, phases: readonly Phase[], at: Lowering): Launches {
  const { output, shape } = operation;
  const { surfaces } = at;
  const [n] = at.shapeOf(output);
  return phases.flatMap((phase) => {
    const { channels, height, width } = phase.shape.output;
    const part = surfaces.inner(`${output}:phase`, [n, channels, height, width], at.scaleOf(output));
    const write = (region: Region) => surfaces.region(part, region);
    const to = { row: phase.row, column: phase.column, step: shape.stride };
    return [
      ...lowerKernels(phaseConvolution(operation, phase), at, write),
      ...pixelCopies(
        { input: part, from: everyPixel, output: surfaces.of(output), to, rows: height, columns: width },
        at,
      ),
    ];
  });
}

function byRubik(operation: ConvOperation, phases: readonly Phase[], at: Lowering): Launches {
  const { output, shape } = operation;
  const { surfaces, atom } = at;
  const [n] = at.shapeOf(output);
  const { channels, height, width } = phases[0]!.shape.output;
  const run = Math.ceil(channels / atom) * atom;
  const between = surfaces.inner(`${output}:phases`, [n, phases.length * run, height, width], at.scaleOf(output));
  const written =
    (from: number) =>
    (region: Region): number =>
      surfaces.region(between, {
        ...region,
        fromChannel: from + region.fromChannel,
        toChannel: from + region.toChannel,
      });
  const padded = phases.map((phase) => widened(phaseConvolution(operation, phase), run));
  const together = shape.groups === 1 ? joined(padded) : undefined;
  const convolutions = together
    ? lowerKernels(together, at, written(0))
    : padded.flatMap((phase, index) => lowerKernels(phase, at, written(index * run)));
  const rubik = { mode: 'contract', input: between, output: surfaces.of(output), stride: shape.stride } as const;
  return [...convolutions, { kind: 'rubik', rubik }];
}

/** The operation with kernels of zeros added, up to a whole atom. */
function widened(operation: ConvOperation, channels: number): ConvOperation {
  const { shape, weights, bias, point } = operation;
  const { channels: kernels } = shape.output;
  if (kernels === channels) return operation;
  const [, ...rest] = weights.shape;
  const own = asFloat32(weights);
  const values = new Float32Array((own.length / kernels) * channels);
  values.set(own);
  const fill = (vector: ArrayLike<number>, value: number) => {
    const filled = new Float32Array(channels).fill(value);
    filled.set(Array.from(vector));
    return filled;
  };
  return {
    ...operation,
    shape: { ...shape, output: { ...shape.output, channels } },
    weights: float32Tensor([channels, ...rest], values),
    ...(bias && { bias: float32Tensor([channels], fill(numbers(bias), 0)) }),
    point: eachVector(point, (vector, value) =>
      vector.length === 1 ? vector : Float64Array.from(fill(vector, value)),
    ),
  };
}

/** Phases whose kernels see the same pixels as one convolution; undefined where they do not. */
function joined(phases: readonly ConvOperation[]): ConvOperation | undefined {
  const [first] = phases as readonly [ConvOperation];
  const window = ({ shape: { kernel, dilation, padding } }: ConvOperation) =>
    JSON.stringify([kernel, dilation, padding]);
  if (phases.some((phase) => window(phase) !== window(first))) return undefined;
  const { shape, bias } = first;
  const channels = shape.output.channels * phases.length;
  const stacked = (tensors: readonly Tensor[]): Tensor =>
    float32Tensor(
      [channels, ...tensors[0]!.shape.slice(1)],
      Float32Array.from(tensors.flatMap((tensor) => Array.from(asFloat32(tensor)))),
    );
  return {
    ...first,
    shape: { ...shape, output: { ...shape.output, channels } },
    weights: stacked(phases.map(({ weights }) => weights)),
    ...(bias && { bias: stacked(phases.map((phase) => phase.bias!)) }),
  };
}
