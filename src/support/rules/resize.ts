/**
 * Resize and Upsample. TensorRT names the way coordinates are computed by three settings; ONNX has grown its own names
 * over the opsets. The mapping: `half_pixel` is (HALF_PIXEL, FORMULA), `pytorch_half_pixel` is (HALF_PIXEL, UPPER),
 * `asymmetric` is (ASYMMETRIC, FORMULA); `round_prefer_floor` is HALF_DOWN, `round_prefer_ceil` is HALF_UP. Upsample, and
 * Resize before opset 11, have no such attribute and are asymmetric, rounding down.
 */

import { resizeOf } from '../../graph/operators/resize.ts';
import { always, either, type Rule, rule, sources, span, times } from '../rule.ts';

const base = {
  operators: ['Resize', 'Upsample'],
  severity: 'refuse',
} as const;

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
      const { mode } = resizeOf(node, context);
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
      const { mode, coordinates, rounding } = resizeOf(node, context);
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
      const { extent } = resizeOf(node, context);
      if (extent.by === 'scales') return undefined;
      const input = context.shape(node.inputs[0]);
      const output = context.shape(node.outputs[0]);
      const ratios = input && output?.map((dim, axis) => dim / (input[axis] ?? 1));
      const wanted = ratios?.every(Number.isInteger) ? times(ratios) : undefined;
      return {
        message: extent.by === 'sizes' ? 'given by output sizes' : 'scales are computed at run time',
        values: { limit, value: extent.by, ...(wanted && { scales: wanted }) },
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
      const { mode, extent } = resizeOf(node, context);
      if (extent.by !== 'scales') return undefined;
      const { scales } = extent;
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
    test: (node, context, limit) => {
      const { antialias, aspectRatio, listsAxes } = resizeOf(node, context);
      const value = [
        antialias && 'antialias',
        aspectRatio !== 'stretch' && 'keep_aspect_ratio_policy',
        listsAxes && 'axes',
      ].find((name) => typeof name === 'string');
      if (typeof value !== 'string') return undefined;
      return { message: `attribute ${value} is set`, values: { limit, value } };
    },
  }),
];
