/**
 * The format of an input of the network. `dla_hwc4` is what images come in (docs/hardware/orin.md#formats): 1, 3 or 4
 * channels, the first layer a convolution of at most 4 groups. `auto` takes it where it fits, and `chw32` elsewhere.
 */

import { fail } from '../base/errors.ts';
import type { SurfaceFormat } from '../program/surface.ts';
import { type ConvolutionWork, planConvolution } from './nvdla/plan-convolution.ts';
import { pooledPixels } from './nvdla/plan-pooling.ts';
import type { Placement } from './place.ts';

export type InputFormat = 'dla_hwc4' | 'dla_linear' | 'chw32' | 'auto';

/** @throws compile/unsupported when `dla_hwc4` was asked for and does not fit */
export function inputFormat(
  input: string,
  wanted: InputFormat,
  placement: Placement,
  {
    feature = 'chw32',
    nvdla,
  }: { readonly feature?: SurfaceFormat; readonly nvdla?: Pick<ConvolutionWork, 'target' | 'precision'> } = {},
): SurfaceFormat {
  if (wanted === 'dla_linear') {
    if (!nvdla) return wanted;
    return fail('compile/unsupported', 'the input cannot be dla_linear: the open NVDLA reads features and pixels', {
      value: input,
    });
  }
  if (wanted === 'chw32') return feature;
  const obstacle = noImage(input, placement) ?? (nvdla ? noPixels(input, wanted, placement, nvdla) : undefined);
  if (obstacle === undefined) return 'dla_hwc4';
  if (wanted === 'auto') return feature;
  return fail('compile/unsupported', `the input cannot be dla_hwc4: ${obstacle}`, { value: input });
}

/**
 * Whether the open NVDLA can read an input as pixels: beside the above, the convolution has no groups and no dilated
 * columns, and all of its rows fit the convolution buffer. Pixels of one component have to be asked for: no golden shows
 * the hardware with them.
 */
function noPixels(
  input: string,
  wanted: InputFormat,
  { operations, surfaces }: Placement,
  core: Pick<ConvolutionWork, 'target' | 'precision'>,
): string | undefined {
  const [n, channels, height, width] = surfaces.get(input)!.shape;
  if (wanted === 'auto' && channels === 1) return 'it has one channel';
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
