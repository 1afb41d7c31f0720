/**
 * Resize and Upsample. TensorRT names the way coordinates are computed by three settings; ONNX has grown its own names
 * over the opsets. The mapping: `half_pixel` is (HALF_PIXEL, FORMULA), `pytorch_half_pixel` is (HALF_PIXEL, UPPER),
 * `asymmetric` is (ASYMMETRIC, FORMULA); `round_prefer_floor` is HALF_DOWN, `round_prefer_ceil` is HALF_UP. Upsample, and
 * Resize before opset 11, have no such attribute and are asymmetric, rounding down.
 */

import type { Node } from '../../graph/graph.ts';
import { intAttribute, intsAttribute, stringAttribute } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import { always, either, type Rule, type RuleContext, rule, sources, span, times } from '../rule.ts';

const base = {
  operators: ['Resize', 'Upsample'],
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

/** What a mode of interpolation allows: coordinates, and for `nearest` the rounding that goes with them. */
const interpolations = {
  nearest: ['asymmetric + floor', 'half_pixel + round_prefer_floor', 'half_pixel + round_prefer_ceil'],
  linear: ['half_pixel', 'pytorch_half_pixel'],
};

const isKnown = (mode: string): mode is keyof typeof interpolations => Object.hasOwn(interpolations, mode);

export const resizeRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'resize/mode',
    doc: (modes) => `Resize is ${either(modes)}.`,
    limits: always(['nearest', 'linear'], sources.header, 'header'),
    test: (node, context, modes) => {
      const { mode } = interpolationOf(node, context.opset);
      if (modes.some((allowed) => allowed === mode)) return undefined;
      return {
        message: `mode ${mode}, allowed ${either(modes)}`,
        values: { limit: modes.join(', '), value: mode },
        fix: { advice: 'Use linear, or a fixed ConvTranspose.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'resize/coordinates',
    doc: ({ nearest, linear }) => `Nearest is ${either(nearest)}; linear is ${either(linear)}.`,
    limits: always(interpolations, sources.header, 'header'),
    test: (node, context, allowed) => {
      const { mode, coordinates, rounding } = interpolationOf(node, context.opset);
      if (!isKnown(mode)) return undefined;
      const value = mode === 'linear' ? coordinates : `${coordinates} + ${rounding}`;
      if (allowed[mode].includes(value)) return undefined;
      const limit = mode === 'linear' ? allowed.linear.join(' or ') : allowed.nearest.join(', ');
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
  }),
  rule({
    ...base,
    id: 'resize/scales',
    doc: 'Resize is given by constant scales, not by output sizes.',
    limits: always('constant scales', sources.header, 'header'),
    test: (node, context, limit) => {
      const scales = scalesOf(node, context);
      if (typeof scales !== 'string') return undefined;
      const input = context.shape(node.inputs[0]);
      const output = context.shape(node.outputs[0]);
      const ratios = input && output?.map((dim, axis) => dim / (input[axis] ?? 1));
      const wanted = ratios?.every(Number.isInteger) ? times(ratios) : undefined;
      return {
        message: scales === 'sizes' ? 'given by output sizes' : 'scales are computed at run time',
        values: { limit, value: scales, ...(wanted && { scales: wanted }) },
        fix: {
          advice: wanted
            ? `Give the scales ${wanted} instead of the sizes.`
            : 'Give integer scales instead of sizes; crop or pad the input so that they are integers.',
        },
      };
    },
  }),
  rule({
    ...base,
    id: 'resize/factors',
    doc: ({ nearest, linear }) =>
      `Resize has four scales: 1 and 1 for batch and channels, then integers of ${span(nearest)} (nearest) or ${span(linear)} (linear).`,
    limits: always({ nearest: [1, 32], linear: [1, 4] }, sources.header, 'header'),
    test: (node, context, factors) => {
      const { mode } = interpolationOf(node, context.opset);
      const scales = scalesOf(node, context);
      if (typeof scales === 'string') return undefined;
      const range = mode === 'linear' ? factors.linear : factors.nearest;
      const right =
        scales.length === 4 &&
        scales[0] === 1 &&
        scales[1] === 1 &&
        scales.slice(2).every((scale) => Number.isInteger(scale) && scale >= range[0] && scale <= range[1]);
      if (right) return undefined;
      const limit = `1×1 and integers of ${span(range)}`;
      return {
        message: `scales ${times(scales)}, allowed ${limit}`,
        values: { limit, value: times(scales), mode },
        fix: { advice: 'Choose integer scales; split a large one into several Resize nodes.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'resize/options',
    doc: 'Resize has no antialiasing, aspect-ratio policy or list of axes.',
    limits: always('default', sources.reading, 'inferred'),
    test: (node, _, limit) => {
      const value = [
        intAttribute(node, 'antialias', 0) === 1 && 'antialias',
        stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch' && 'keep_aspect_ratio_policy',
        intsAttribute(node, 'axes') !== undefined && 'axes',
      ].find((name) => typeof name === 'string');
      if (typeof value !== 'string') return undefined;
      return { message: `attribute ${value} is set`, values: { limit, value } };
    },
  }),
];
