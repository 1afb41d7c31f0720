/** What the open NVDLA moves: whole channels by the convolution core, pixels by passes through the single-point processor. */

import { concatAxis, sliceCuts, splitOf } from '../../../graph/operators/movement.ts';
import { resizeOf } from '../../../graph/operators/resize.ts';
import { always, type Rule, rule, span, times } from '../../rule.ts';
import { base, cubeOf, notConstant, refused } from './base.ts';

const source = 'nvdla/doc, format of feature data';

export const openNvdlaMoveRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'nvdla/reshape',
    operators: ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'],
    doc: 'A reshape moves nothing: it goes from N×C×1×1 to N×C, or back.',
    limits: always('N×C×1×1 to N×C, or back', source),
    test: (node, context, limit) => {
      const [from, to] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (!from || !to) return undefined;
      const [before, after] = [cubeOf(from), cubeOf(to)];
      if (before && after && times(before) === times(after)) return undefined;
      return refused(`${times(from)} to ${times(to)}`, limit);
    },
  }),
  rule({
    ...base,
    id: 'nvdla/axis',
    operators: ['Concat', 'Split'],
    doc: 'Concat and Split work along channels, rows or columns, not along the batch.',
    limits: always('1, 2 or 3', source),
    test: (node, context, limit) => {
      const rank = context.shape(node.inputs[0])?.length;
      if (rank === undefined) return undefined;
      const axis = node.op === 'Split' ? splitOf(node, context, rank).axis : concatAxis(node, context, rank);
      return axis !== 0 ? undefined : refused(axis, limit, 'axis');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/concat-constant',
    operators: ['Concat'],
    doc: 'What Concat joins is computed at run time.',
    limits: always('run-time', source),
    test: ({ inputs }, context, limit) => {
      const constant = inputs.find((name) => context.constant(name));
      return constant === undefined ? undefined : refused(constant, limit, 'constant input');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/slice-bounds',
    operators: ['Slice'],
    doc: 'The bounds and steps of Slice are constants.',
    limits: always('constant', source),
    test: (node, context) => {
      const late = node.inputs.slice(1).find((name) => name !== '' && !context.constant(name));
      return late === undefined ? undefined : notConstant('bound', late);
    },
  }),
  rule({
    ...base,
    id: 'nvdla/slice',
    operators: ['Slice'],
    doc: 'Slice takes some channels or some pixels, not both, and no part of the batch; pixels may have steps above 0.',
    limits: always('channels, or rows and columns', source),
    test: (node, context, limit) => {
      const [input, output] = [cubeOf(context.shape(node.inputs[0])), cubeOf(context.shape(node.outputs[0]))];
      if (!input || !output) return undefined;
      const rank = context.shape(node.inputs[0])!.length;
      const cut = [0, 1, 2, 3].filter((axis) => input[axis] !== output[axis]);
      const cuts = sliceCuts(node, context, rank);
      if (cuts === 'run-time') return undefined;
      const wrong = cuts.find(({ axis, step }) => step < 1 || (step > 1 && axis < 2));
      if (wrong) return refused(`step ${wrong.step} along axis ${wrong.axis}`, '1, of pixels from 1');
      if (!cut.includes(0) && !(cut.includes(1) && cut.length > 1)) return undefined;
      return refused(`${times(input)} to ${times(output)}`, limit);
    },
  }),
  rule({
    ...base,
    id: 'nvdla/resize',
    operators: ['Resize', 'Upsample'],
    doc: (range) =>
      `Resize repeats every pixel a whole number of times, ${span(range)} in each direction: nearest, asymmetric + floor or half_pixel + round.`,
    limits: always([1, 8], 'nvdla/doc, SDP: strides of cubes; no unit interpolates'),
    test: (node, context, [low, high]) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (input?.length !== 4 || output?.length !== 4) return undefined;
      const { mode, coordinates, rounding } = resizeOf(node, context);
      const factors = output.map((size, axis) => size / input[axis]!);
      const whole = factors.every((factor, axis) =>
        axis < 2 ? factor === 1 : Number.isInteger(factor) && factor >= low && factor <= high,
      );
      if (!whole) return refused(times(factors), `1×1 and whole numbers of ${span([low, high])}`, 'factors');
      if (mode !== 'nearest') return refused(mode, 'nearest', 'mode');
      const steady =
        coordinates === 'asymmetric'
          ? rounding === 'floor' || (rounding === 'round_prefer_floor' && Math.max(...factors) <= 2)
          : (coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel') && rounding.startsWith('round');
      return steady
        ? undefined
        : refused(
            `${coordinates} + ${rounding}`,
            'asymmetric + floor, half_pixel + round_prefer_floor',
            'nearest with',
          );
    },
  }),
];
