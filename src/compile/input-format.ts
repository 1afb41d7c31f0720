/**
 * The format of an input of the network. `dla_hwc4` is what images come in (docs/hardware/orin.md#formats): 1, 3 or 4
 * channels, the first layer a convolution of at most 4 groups. `auto` takes it where it fits, and elsewhere that of features: `chw32` in
 * INT8 and `chw16` in FP16.
 */

import { fail } from '../base/errors.ts';
import type { SurfaceFormat } from '../program/surface.ts';
import type { Backend } from './backend.ts';
import type { Placement } from './place.ts';

export type InputFormat = 'dla_hwc4' | 'dla_linear' | 'chw32' | 'chw16' | 'auto';

/** @throws compile/unsupported when a format was asked for and does not fit */
export function inputFormat(
  input: string,
  wanted: InputFormat,
  placement: Placement,
  { featureFormat, inputObstacle }: Pick<Backend, 'featureFormat' | 'inputObstacle'>,
): SurfaceFormat {
  const features = featureFormat(placement.surfaces.get(input)!.dtype);
  const format = wanted === 'auto' ? 'dla_hwc4' : wanted;
  const obstacle =
    (format === 'dla_hwc4' ? noImage(input, placement) : undefined) ??
    inputObstacle(input, format, placement, wanted !== 'auto');
  if (obstacle === undefined) return isFeatures(format) ? features : format;
  if (wanted === 'auto') return features;
  return fail('compile/unsupported', `the input cannot be ${format}: ${obstacle}`, { value: input });
}

const isFeatures = (format: InputFormat): boolean => format === 'chw32' || format === 'chw16';

function noImage(input: string, { operations, surfaces }: Placement): string | undefined {
  const channels = surfaces.get(input)!.shape[1];
  if (channels !== 1 && channels !== 3 && channels !== 4) return `it has ${channels} channels, not 1, 3 or 4`;
  for (const operation of operations) {
    const name = operation.nodes.at(-1)!.name;
    const operand = 'point' in operation ? operation.point.operand : undefined;
    if (operand?.value === input) return `${name} reads it as a second operand`;
    if (operation.kind === 'gather') {
      if (operation.parts.some((part) => part.input === input)) return `${name}, which reads it, is no convolution`;
      continue;
    }
    if (operation.input !== input) continue;
    if (operation.kind !== 'conv' || operation.shape.transposed) return `${name}, which reads it, is no convolution`;
    if (operation.shape.groups > 4) return `${name} has ${operation.shape.groups} groups, more than 4`;
  }
  return undefined;
}
