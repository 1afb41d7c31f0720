/** A Clip in the form of the graph's opset; an infinite bound is left out. */

import { float32Tensor, type Tensor } from '../graph/tensor.ts';
import type { NewNode, View } from './pass.ts';
import { float } from './pattern.ts';

export function clipNode(
  view: View,
  name: string,
  data: string,
  output: string,
  min: number,
  max: number,
): { readonly node: NewNode; readonly constants: readonly (readonly [string, Tensor])[] } {
  const common = { name, op: 'Clip', outputs: [output] };
  if (view.opset < 11) {
    const attributes = {
      ...(Number.isFinite(min) && { min: float(min) }),
      ...(Number.isFinite(max) && { max: float(max) }),
    };
    return { node: { ...common, inputs: [data], attributes }, constants: [] };
  }
  const sides = [
    ['min', min],
    ['max', max],
  ] as const;
  const constants = sides
    .filter(([, value]) => Number.isFinite(value))
    .map(([side, value]) => ({ side, name: view.fresh(name, side), tensor: float32Tensor([], [value]) }));
  const input = (side: string) => constants.find((constant) => constant.side === side)?.name ?? '';
  const inputs = input('max') ? [data, input('min'), input('max')] : [data, input('min')];
  return { node: { ...common, inputs }, constants: constants.map((constant) => [constant.name, constant.tensor]) };
}
