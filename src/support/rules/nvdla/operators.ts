/**
 * What the configurations of the open NVDLA can run. There is no TensorRT here and no published matrix of operators: the
 * limits are those of register fields (nvdla/hw `spec/manual/*.rdl`) and of the units that a configuration has. A node
 * that breaks one runs on the host.
 */

import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import { isNvdla } from '../../../targets/target.ts';
import { always, outside, type Rule, rule, span, spatialDimensions, times } from '../../rule.ts';
import { base, cubeOf, lacks, refused, registers } from './base.ts';
import { openNvdlaConvolutionRules } from './convolution.ts';
import { openNvdlaMoveRules } from './move.ts';
import { openNvdlaPointRules } from './point.ts';
import { openNvdlaPoolingRules } from './pooling.ts';

/** Operators that become hardware layers, or vanish into one, where the rules below hold. */
export const nvdlaOperators: ReadonlySet<string> = new Set([
  'Abs',
  'Add',
  'AveragePool',
  'BatchNormalization',
  'Clip',
  'Concat',
  'Conv',
  'ConvTranspose',
  'Div',
  'Dropout',
  'Flatten',
  'Gemm',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Identity',
  'LRN',
  'LeakyRelu',
  'Max',
  'MaxPool',
  'Min',
  'Mul',
  'PRelu',
  'Relu',
  'Reshape',
  'Resize',
  'Sigmoid',
  'Slice',
  'Split',
  'Squeeze',
  'Sub',
  'Sum',
  'Tanh',
  'Unsqueeze',
  'Upsample',
]);

/** Operators over images alone. */
const images = ['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LRN'];
/** Operators that move nothing. */
const renaming = ['Dropout', 'Flatten', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'];
/** Operators that have limits on shapes of their own. */
const shaped = [...renaming, 'Gemm'];

export const openNvdlaRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'nvdla/precision',
    doc: 'Only nv_full computes in FP16.',
    limits: always('FP16 arithmetic', 'nvdla/hw spec/defs'),
    precisions: ['float16'],
    test: (_, context, limit) =>
      isNvdla(context.target) && context.target.nvdla.precisions.includes('float16')
        ? undefined
        : lacks(context, limit),
  }),
  rule({
    ...base,
    id: 'nvdla/spatial',
    operators: images,
    doc: 'A feature cube has two spatial dimensions (a 4-D input).',
    limits: always(2, 'nvdla/doc, format of feature data'),
    test: spatialDimensions,
  }),
  rule({
    ...base,
    id: 'nvdla/dimensions',
    operators: [...nvdlaOperators].filter((op) => ![...images, ...shaped].includes(op)),
    doc: 'A feature cube is N×C×H×W, or N×C: tensors have four dimensions or two.',
    limits: always('4 or 2 dimensions', 'nvdla/doc, format of feature data'),
    test: (node, context, limit) => {
      const values = [...node.inputs, ...node.outputs].filter((name) => name !== '' && !context.constant(name));
      const shape = values.map((name) => context.shape(name)).find((found) => found && !cubeOf(found));
      return shape === undefined ? undefined : refused(times(shape) || 'no dimensions', limit);
    },
  }),
  rule({
    ...base,
    id: 'nvdla/extent',
    operators: [...nvdlaOperators].filter((op) => !renaming.includes(op)),
    doc: (range) => `A feature cube has ${span(range)} channels, rows and columns.`,
    limits: always(nvdlaLimits.extent, registers),
    test: (node, context, range) => {
      const values = [...node.inputs, ...node.outputs].filter((name) => name !== '' && !context.constant(name));
      const cubes = values.map((name) => cubeOf(context.shape(name))?.slice(1) ?? []);
      const wrong = cubes.flat().find((size) => size > range[1]);
      const advice = 'Split the channels over several convolutions whose results are added, or tile the image.';
      return wrong === undefined ? undefined : outside('dimension', [wrong], range, { advice });
    },
  }),
  ...openNvdlaConvolutionRules,
  ...openNvdlaPoolingRules,
  ...openNvdlaPointRules,
  ...openNvdlaMoveRules,
];
