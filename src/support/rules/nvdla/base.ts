/** What the rules of the open NVDLA share. */

import type { Node } from '../../../graph/graph.ts';
import { deconvolutionOf } from '../../../graph/operators/deconvolution.ts';
import type { Window } from '../../../graph/operators/window.ts';
import type { Finding, RuleContext } from '../../rule.ts';

export const base = {
  generations: ['nvdla'],
  severity: 'refuse',
} as const;

/** Where most limits of the open NVDLA come from. */
export const registers = 'nvdla/hw spec/manual, widths of register fields';

/** The window that slides over an image: of a convolution, whose weights say its size, or of a pool. */
export function windowOver(node: Node, context: RuleContext): Window | undefined {
  if (context.shape(node.inputs[0])?.length !== 4) return undefined;
  if (node.op !== 'ConvTranspose') return context.window(node);
  const deconvolution = deconvolutionOf(node, context);
  return deconvolution && { ...deconvolution, reachedPads: deconvolution.pads };
}

/** The finding that a configuration does not have what a node needs. */
export const lacks = ({ target }: RuleContext, what: string): Finding => ({
  message: `${target.name} has no ${what}`,
  values: { limit: what, value: 'none', configuration: target.name },
});

/** The finding that an input is computed at run time, where it has to be a constant. */
export const notConstant = (what: string, value: string): Finding => ({
  message: `${what} ${value} is computed at run time`,
  values: { limit: 'constant', value: 'run-time', input: value },
});

/** As a feature cube: [N, C, H, W], and [N, C] with one pixel. */
export function cubeOf(shape: readonly number[] | undefined): readonly number[] | undefined {
  if (shape?.length === 2) return [...shape, 1, 1];
  return shape?.length === 4 ? shape : undefined;
}

/** The test that a constant is one number, or one for each channel. */
export function perChannel(constant: readonly number[], result: readonly number[]): boolean {
  if (constant.length > result.length) return false;
  const missing = result.length - constant.length;
  return constant.every((dim, index) => dim === 1 || (index + missing === 1 && dim === result[1]));
}

export const refused = (value: string | number, limit: string | number, what = ''): Finding => ({
  message: `${what === '' ? '' : `${what} `}${value}, allowed ${limit}`,
  values: { limit, value },
});
