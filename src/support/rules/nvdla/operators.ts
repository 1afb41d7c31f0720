/**
 * What the configurations of the open NVDLA can run. There is no TensorRT here and no published matrix of operators: the
 * limits are those of register fields (nvdla/hw `spec/manual/*.rdl`) and of the units that a configuration has. A node
 * that breaks one runs on the host.
 */

import { type Rule, times, twoSpatialDimensions } from '../../rule.ts';
import { base, cubeOf, lacks, refused } from './base.ts';
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
/** Operators that have limits on shapes of their own. */
const shaped = ['Dropout', 'Flatten', 'Gemm', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'];

export const openNvdlaRules: readonly Rule[] = [
  {
    ...base,
    id: 'nvdla/precision',
    doc: 'Only nv_full computes in FP16.',
    source: 'nvdla/hw spec/defs',
    precisions: ['fp16'],
    test: (_, context) =>
      context.target.nvdla?.precisions.includes('float16') ? undefined : lacks(context, 'FP16 arithmetic'),
  },
  {
    ...base,
    id: 'nvdla/spatial',
    operators: images,
    doc: 'A feature cube has two spatial dimensions (a 4-D input).',
    source: 'nvdla/doc, format of feature data',
    test: twoSpatialDimensions,
  },
  {
    ...base,
    id: 'nvdla/dimensions',
    operators: [...nvdlaOperators].filter((op) => ![...images, ...shaped].includes(op)),
    doc: 'A feature cube is N×C×H×W, or N×C: tensors have four dimensions or two.',
    source: 'nvdla/doc, format of feature data',
    test: (node, context) => {
      const values = [...node.inputs, ...node.outputs].filter((name) => name !== '' && !context.constant(name));
      const shape = values.map((name) => context.shape(name)).find((found) => found && !cubeOf(found));
      return shape === undefined ? undefined : refused(times(shape) || 'no dimensions', '4 or 2 dimensions');
    },
  },
  ...openNvdlaConvolutionRules,
  ...openNvdlaPoolingRules,
  ...openNvdlaPointRules,
  ...openNvdlaMoveRules,
];
