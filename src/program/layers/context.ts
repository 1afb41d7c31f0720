/** Helpers of the rules of layers: lookups, and refusals of numbers and shapes that do not fit. */

import { fail } from '../../base/errors.ts';
import type { NvdlaTarget, Target } from '../../targets/target.ts';
import { elementsPerAtom } from '../geometry.ts';
import type { Layer } from '../layer.ts';
import type { ConvolutionPrecision } from '../nvdla/convolution-buffer.ts';
import type { BlobTable, Program } from '../program.ts';
import type { ElementType, Surface } from '../surface.ts';

export interface LayerContext {
  readonly program: Program;
  readonly layer: Layer;
  readonly blobs: BlobTable | undefined;
  readonly constants: ReadonlyMap<number, string>;
  readonly target: Target | undefined;
}

export function wrong(
  context: LayerContext,
  message: string,
  expected: string | number,
  actual: string | number,
): never {
  return fail('program/invalid', message, { layer: context.layer.name }, { expected, actual });
}

export function surfaceOf({ program, layer }: LayerContext, id: number, field: string): Surface {
  const surface = program.surfaces[id];
  if (surface !== undefined) return surface;
  return fail('program/invalid', `${field} is no surface`, { layer: layer.name }, { actual: id });
}

export function whole(context: LayerContext, field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  wrong(context, `${field} is out of range`, `an integer in [${least}, ${most}]`, value);
}

export function sameShape(
  context: LayerContext,
  what: string,
  actual: readonly number[],
  expected: readonly number[],
): void {
  if (actual.length === expected.length && actual.every((dim, axis) => dim === expected[axis])) return;
  wrong(context, `the shape of ${what} does not fit`, expected.join('×'), actual.join('×'));
}

/** Checks that a surface is a constant of a type, with one of a few element counts where it is a vector. */
export function constant(
  context: LayerContext,
  id: number,
  field: string,
  dtype: ElementType,
  counts: readonly number[],
): void {
  const surface = surfaceOf(context, id, field);
  const place = { layer: context.layer.name, value: surface.name };
  if (!context.constants.has(id)) fail('program/invalid', `${field} is not a constant`, place);
  if (surface.format !== 'vector' || surface.dtype !== dtype || !counts.includes(surface.shape[1])) {
    fail('program/invalid', `${field} does not fit`, place, {
      expected: `${dtype} vector of ${[...new Set(counts)].join(' or ')}`,
      actual: `${surface.dtype} ${surface.format} of ${surface.shape[1]}`,
    });
  }
}

/**
 * Checks that a layer that only moves or selects integers keeps their type and scale. Inside a stock loadable nothing says a scale:
 * the one of an input or output that is said stands beside none.
 */
export function unchanged(context: LayerContext, input: Surface, output: Surface): void {
  if (input.dtype !== output.dtype) wrong(context, 'the type changes', input.dtype, output.dtype);
  const known = input.scale !== undefined && output.scale !== undefined;
  if (known && input.scale !== output.scale) wrong(context, 'the scale changes', `${input.scale}`, `${output.scale}`);
}

/** Checks that a layer that has FP16 alone goes from one surface of float16 to another of its shape. */
export function checkHalves(
  context: LayerContext,
  name: string,
  launch: { readonly input: number; readonly output: number },
): void {
  const [input, output] = (['input', 'output'] as const).map((side) => {
    const surface = surfaceOf(context, launch[side], `${name}.${side}`);
    same(context, `the type of ${name}.${side}`, surface.dtype, 'float16');
    return surface;
  });
  sameShape(context, `${name}.output`, output!.shape, input!.shape);
}

/** The type of a surface that is cut into atoms. */
export function atoms(context: LayerContext, id: number, field: string): ElementType {
  const { dtype, format } = surfaceOf(context, id, field);
  if (elementsPerAtom(format) === 1) wrong(context, `${field} is not cut into atoms`, 'chw8, chw16 or chw32', format);
  return dtype;
}

/** The precision of a type, if the configuration has it. */
export function precisionOf(
  context: LayerContext,
  type: ElementType,
  field: string,
  { nvdla, name }: NvdlaTarget,
): ConvolutionPrecision {
  const precision = nvdla.precisions.find((candidate) => candidate === type);
  return precision ?? wrong(context, `${name} has no ${field} of this type`, nvdla.precisions.join(', '), type);
}

/** Requires that a field has the one value that the hardware allows. */
export function same(context: LayerContext, field: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) wrong(context, `${field} is not what the hardware does`, `${expected}`, `${actual}`);
}
