/**
 * Resize and Upsample. TensorRT names the way coordinates are computed by three settings; ONNX has grown its own names
 * over the opsets. The mapping: `half_pixel` is (HALF_PIXEL, FORMULA), `pytorch_half_pixel` is (HALF_PIXEL, UPPER),
 * `asymmetric` is (ASYMMETRIC, FORMULA); `round_prefer_floor` is HALF_DOWN, `round_prefer_ceil` is HALF_UP. Upsample, and
 * Resize before opset 11, have no such attribute and are asymmetric, rounding down.
 */

import type { Node } from '../../graph/graph.ts';
import { intAttribute, intsAttribute, stringAttribute } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = {
  operators: ['Resize', 'Upsample'],
  source: sources.header,
  confidence: 'stated',
  severity: 'refuse',
} as const;

/** Where the scales come from: numbers, `sizes`, or `run-time` when neither is constant. */
export function scalesOf(node: Node, context: RuleContext): readonly number[] | 'sizes' | 'run-time' {
  const attribute = node.attributes.scales;
  if (attribute?.kind === 'floats') return attribute.value;
  const late = node.op === 'Resize' && context.opset >= 11;
  if (late && node.inputs[3]) return 'sizes';
  const tensor = context.constant(node.inputs[late ? 2 : 1]);
  if (!tensor) return 'run-time';
  const scales = numbers(tensor);
  return scales.length === 0 ? 'run-time' : scales;
}

export interface Interpolation {
  readonly mode: string;
  readonly coordinates: string;
  readonly rounding: string;
}

export function interpolationOf(node: Node, opset: number): Interpolation {
  const mode = stringAttribute(node, 'mode', 'nearest');
  if (node.op === 'Upsample' || opset < 11) return { mode, coordinates: 'asymmetric', rounding: 'floor' };
  return {
    mode,
    coordinates: stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel'),
    rounding: stringAttribute(node, 'nearest_mode', 'round_prefer_floor'),
  };
}

const nearest: readonly (readonly [string, string])[] = [
  ['asymmetric', 'floor'],
  ['half_pixel', 'round_prefer_floor'],
  ['half_pixel', 'round_prefer_ceil'],
];
const linear: readonly string[] = ['half_pixel', 'pytorch_half_pixel'];

export const resizeRules: readonly Rule[] = [
  {
    ...base,
    id: 'resize/mode',
    doc: 'Resize is nearest or linear.',
    test: (node, context) => {
      const { mode } = interpolationOf(node, context.opset);
      if (mode === 'nearest' || mode === 'linear') return undefined;
      return {
        message: `mode ${mode}, allowed nearest or linear`,
        values: { limit: 'nearest, linear', value: mode },
        fix: { advice: 'Use linear, or a fixed ConvTranspose.' },
      };
    },
  },
  {
    ...base,
    id: 'resize/coordinates',
    doc: 'Nearest is asymmetric + floor, half_pixel + round_prefer_floor or half_pixel + round_prefer_ceil; linear is half_pixel or pytorch_half_pixel.',
    test: (node, context) => {
      const { mode, coordinates, rounding } = interpolationOf(node, context.opset);
      if (mode !== 'nearest' && mode !== 'linear') return undefined;
      const accepted =
        mode === 'linear'
          ? linear.includes(coordinates)
          : nearest.some(([where, how]) => where === coordinates && how === rounding);
      if (accepted) return undefined;
      const value = mode === 'linear' ? coordinates : `${coordinates} + ${rounding}`;
      const limit = mode === 'linear' ? linear.join(' or ') : nearest.map((pair) => pair.join(' + ')).join(', ');
      return {
        message: `${mode} with ${value}, allowed ${limit}`,
        values: { limit, value, mode },
        fix: {
          advice:
            mode === 'linear'
              ? 'Export with align_corners=False (half_pixel); the network may need a short fine-tuning.'
              : 'Use asymmetric + floor; for integer scales most nearest modes pick the same pixels.',
        },
      };
    },
  },
  {
    ...base,
    id: 'resize/scales',
    doc: 'Resize is given by constant scales, not by output sizes.',
    test: (node, context) => {
      const scales = scalesOf(node, context);
      if (typeof scales !== 'string') return undefined;
      const input = context.shape(node.inputs[0]);
      const output = context.shape(node.outputs[0]);
      const ratios = input && output?.map((dim, axis) => dim / (input[axis] ?? 1));
      const wanted = ratios?.every(Number.isInteger) ? times(ratios) : undefined;
      return {
        message: scales === 'sizes' ? 'given by output sizes' : 'scales are computed at run time',
        values: { limit: 'constant scales', value: scales, ...(wanted && { scales: wanted }) },
        fix: {
          ...(wanted && { rewrite: 'resize-scales' }),
          advice: wanted
            ? `Give the scales ${wanted} instead of the sizes.`
            : 'Give integer scales instead of sizes; crop or pad the input so that they are integers.',
        },
      };
    },
  },
  {
    ...base,
    id: 'resize/factors',
    doc: 'Resize has four scales: 1 and 1 for batch and channels, then integers of 1…32 (nearest) or 1…4 (linear).',
    test: (node, context) => {
      const { mode } = interpolationOf(node, context.opset);
      const scales = scalesOf(node, context);
      if (typeof scales === 'string') return undefined;
      const top = mode === 'linear' ? 4 : 32;
      const right =
        scales.length === 4 &&
        scales[0] === 1 &&
        scales[1] === 1 &&
        scales.slice(2).every((scale) => Number.isInteger(scale) && scale >= 1 && scale <= top);
      if (right) return undefined;
      const limit = `1×1 and integers of 1…${top}`;
      return {
        message: `scales ${times(scales)}, allowed ${limit}`,
        values: { limit, value: times(scales), mode },
        fix: { advice: 'Choose integer scales; split a large one into several Resize nodes.' },
      };
    },
  },
  {
    ...base,
    id: 'resize/options',
    doc: 'Resize has no antialiasing, aspect-ratio policy or list of axes.',
    source: sources.reading,
    confidence: 'unverified',
    test: (node) => {
      const value = [
        intAttribute(node, 'antialias', 0) === 1 && 'antialias',
        stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch' && 'keep_aspect_ratio_policy',
        intsAttribute(node, 'axes') !== undefined && 'axes',
      ].find((name) => typeof name === 'string');
      if (typeof value !== 'string') return undefined;
      return { message: `attribute ${value} is set`, values: { limit: 'default', value } };
    },
  },
];
