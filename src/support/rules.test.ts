/**
 * Every rule at its limit and one beyond. The last test holds this table against the list of rules: a rule without a case
 * that passes and one that fails does not get in.
 */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import { check } from './check.ts';
import { applies, type CheckOptions, ruleContext } from './rule.ts';
import { rules } from './rules.ts';
import { type ConvSpec, convolution, floats, type NodeSpec, network, scalar, single } from './testing/network.ts';
import { openNvdlaCases } from './testing/nvdla-cases.ts';
import type { RuleCase } from './testing/rule-case.ts';

const conv = (spec: ConvSpec) => convolution(spec);
const deconv = (spec: ConvSpec) => convolution({ op: 'ConvTranspose', ...spec });
const image = [1, 8, 16, 16] as const;
const pool = (op: string, kernel: readonly number[], attributes: NodeSpec['attributes'] = {}, output = [1, 8, 4, 4]) =>
  single(op, { x: [1, 8, 40, 40], y: output }, { kernel_shape: kernel, ...attributes });
const clip = (min: number | undefined, max: number | undefined) =>
  network({
    shapes: { x: image, y: image },
    constants: { ...(min !== undefined && { min: scalar(min) }), ...(max !== undefined && { max: scalar(max) }) },
    nodes: [
      { op: 'Clip', inputs: ['x', min === undefined ? '' : 'min', max === undefined ? '' : 'max'], outputs: ['y'] },
    ],
  });
const binary = (op: string, a: readonly number[], b: readonly number[], y: readonly number[]) =>
  network({ shapes: { a, b, y }, nodes: [{ op, inputs: ['a', 'b'], outputs: ['y'] }] });
const withConstant = (op: string, c: readonly number[], x: readonly number[] = image, y = x, swap = false) =>
  network({
    shapes: { x, y },
    constants: { c },
    nodes: [{ op, inputs: swap ? ['c', 'x'] : ['x', 'c'], outputs: ['y'] }],
  });
const gemm = (
  shapes: { x: number[]; y: number[] },
  w: number[],
  attributes: NodeSpec['attributes'] = {},
  op = 'Gemm',
) => single(op, shapes, attributes, { constants: { w } });
const resize = (scales: readonly number[], attributes: NodeSpec['attributes'] = {}, opset = 17) =>
  network({
    opset,
    shapes: { x: [1, 8, 4, 4], y: [1, 8, 8, 8] },
    constants: { s: floats(...scales) },
    nodes: [{ op: 'Resize', inputs: opset < 11 ? ['x', 's'] : ['x', '', 's'], outputs: ['y'], attributes }],
  });
const twice = [1, 1, 2, 2];
const floor = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
const slice = (starts: number[], ends: number[], axes: number[], steps: number[], x: number[], y: number[]) =>
  network({
    shapes: { x, y },
    constants: { starts: { int64: starts }, ends: { int64: ends }, axes: { int64: axes }, steps: { int64: steps } },
    nodes: [{ op: 'Slice', inputs: ['x', 'starts', 'ends', 'axes', 'steps'], outputs: ['y'] }],
  });
const half = slice([0], [4], [1], [1], [1, 8, 4, 4], [1, 4, 4, 4]);
const split = (axis: number, x: number[], y: number[]) =>
  network({
    shapes: { x, y0: y, y1: y },
    nodes: [{ op: 'Split', inputs: ['x'], outputs: ['y0', 'y1'], attributes: { axis } }],
  });
const reshape = (x: number[], y: number[]) =>
  network({
    shapes: { x, y },
    constants: { s: { int64: y } },
    nodes: [{ op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
  });
const transpose = (perm: number[], x: number[]) =>
  single('Transpose', { x, y: perm.map((axis) => x[axis]!) }, { perm });
const softmax = (axis: number, x: readonly number[], opset = 17) => single('Softmax', { x, y: x }, { axis }, { opset });
const reduce = (axes: number[], y: number[], keepdims = 1) =>
  single('ReduceMax', { x: [2, 8, 4, 4], y }, { axes, keepdims });
const drive = 'DRIVE OS 6.0.9.0';
const compare = (reader: string) =>
  network({
    shapes: { a: image, b: image, c: image, y: image },
    dtypes: { c: 'bool' },
    nodes: [
      { op: 'Greater', inputs: ['a', 'b'], outputs: ['c'], name: 'node' },
      { op: reader, inputs: ['c'], outputs: ['y'], attributes: { to: 1 } },
    ],
  });
const relu = (x: readonly (number | string)[]) => single('Relu', { x, y: x });
const norm = (attributes: NodeSpec['attributes'], variance: 'constant' | 'run-time' = 'constant') =>
  network({
    shapes: { x: image, y: image, ...(variance === 'run-time' && { v: [8] }) },
    constants: { s: [8], b: [8], m: [8], ...(variance === 'constant' && { v: [8] }) },
    nodes: [
      { op: 'BatchNormalization', inputs: ['x', 's', 'b', 'm', 'v'], outputs: ['y'], attributes: attributes ?? {} },
    ],
  });

const cases: readonly RuleCase[] = [
  ...openNvdlaCases,
  {
    rule: 'general/static-shape',
    passes: [relu([1, 8, 4, 4])],
    fails: [
      [relu(['batch', 8, 4, 4]), 'static', 'batch×8×4×4'],
      [
        network({ shapes: { x: [1, 8, 4, 4] }, nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }] }),
        'static',
        'unknown',
      ],
    ],
  },
  {
    rule: 'general/type',
    passes: [relu(image)],
    fails: [[single('Relu', { x: image, y: image }, {}, { dtypes: { x: 'int32' } }), 'floating point', 'int32']],
  },
  {
    rule: 'general/batch',
    passes: [relu([4096, 1, 1, 1]), relu([64, 64, 1, 1, 1])],
    fails: [
      [relu([4097, 1, 1, 1]), 4096, 4097],
      [relu([64, 65, 1, 1, 1]), 4096, 4160],
      [relu([4097, 8]), 4096, 4097],
    ],
  },
  {
    rule: 'general/dimension',
    passes: [relu([1, 8192, 1, 1]), relu([1, 1, 8192, 8192]), relu([4096, 1, 1, 1])],
    fails: [
      [relu([1, 8193, 1, 1]), 8192, 8193],
      [relu([1, 1, 1, 8193]), 8192, 8193],
      [relu([1, 8193]), 8192, 8193],
    ],
  },
  {
    rule: 'convolution/spatial',
    passes: [conv({})],
    fails: [
      [single('Conv', { x: [1, 8, 16], y: [1, 8, 14] }, {}, { constants: { w: [8, 8, 3] } }), 2, 1],
      [single('Conv', { x: [1, 2, 8, 8, 8], y: [1, 2, 6, 6, 6] }, {}, { constants: { w: [2, 2, 3, 3, 3] } }), 2, 3],
    ],
  },
  {
    rule: 'convolution/constant-weights',
    passes: [conv({})],
    fails: [[single('Conv', { x: image, w: [8, 8, 3, 3], y: [1, 8, 14, 14] }), 'constant', 'run-time']],
  },
  {
    rule: 'convolution/constant-bias',
    passes: [single('Conv', { x: image, y: [1, 8, 14, 14] }, {}, { constants: { w: [8, 8, 3, 3], b: [8] } })],
    fails: [
      [
        network({
          shapes: { x: image, b: [8], y: [1, 8, 14, 14] },
          constants: { w: [8, 8, 3, 3] },
          nodes: [{ op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
        }),
        'constant',
        'run-time',
      ],
    ],
  },
  {
    rule: 'convolution/kernel',
    passes: [conv({ kernel: [32, 1], size: [64, 8] }), conv({ kernel: [1, 32], size: [8, 64] })],
    fails: [
      [conv({ kernel: [33, 1], size: [64, 8] }), '1…32', '33×1'],
      [conv({ kernel: [1, 33], size: [8, 64] }), '1…32', '1×33'],
    ],
  },
  {
    rule: 'convolution/stride',
    passes: [conv({ attributes: { strides: [8, 8] } }), conv({ attributes: { strides: [1, 8] } })],
    fails: [
      [conv({ attributes: { strides: [9, 1] } }), '1…8', '9×1'],
      [conv({ attributes: { strides: [1, 9] } }), '1…8', '1×9'],
    ],
  },
  {
    rule: 'convolution/padding',
    passes: [conv({ kernel: [32, 32], size: [64, 64], attributes: { pads: [31, 31, 31, 31] } })],
    fails: [
      [conv({ kernel: [32, 32], size: [64, 64], attributes: { pads: [0, 0, 32, 0] } }), '0…31', '0×0×32×0'],
      [conv({ kernel: [3, 3], attributes: { pads: [0, -1, 0, 0] } }), '0…31', '0×-1×0×0'],
    ],
  },
  {
    rule: 'convolution/padding-kernel',
    passes: [
      conv({ kernel: [3, 3], attributes: { pads: [2, 2, 2, 2] } }),
      conv({ kernel: [3, 3], attributes: { auto_pad: 'SAME_UPPER' } }),
      conv({ kernel: [3, 3], attributes: { pads: [2, 2, 2, 2], dilations: [2, 2] } }),
    ],
    fails: [
      [conv({ kernel: [3, 3], attributes: { pads: [0, 0, 3, 0] } }), 2, 3],
      [conv({ kernel: [1, 3], attributes: { pads: [1, 0, 0, 0] } }), 0, 1],
      // SAME with dilation 4 pads by 4.
      [conv({ kernel: [3, 3], attributes: { auto_pad: 'SAME_LOWER', dilations: [4, 4] } }), 2, 4],
    ],
  },
  {
    rule: 'convolution/dilation',
    passes: [conv({ size: [80, 80], attributes: { dilations: [32, 32] } })],
    fails: [[conv({ size: [80, 80], attributes: { dilations: [1, 33] } }), '1…32', '1×33']],
  },
  {
    rule: 'convolution/outputs',
    passes: [conv({ channels: 1, kernels: 8192, kernel: [1, 1], size: [1, 1] })],
    fails: [[conv({ channels: 1, kernels: 8193, kernel: [1, 1], size: [1, 1] }), '1…8192', 8193]],
  },
  {
    rule: 'convolution/groups',
    passes: [conv({ channels: 8192, kernels: 8192, kernel: [1, 1], size: [1, 1], attributes: { group: 8192 } })],
    fails: [
      [
        conv({ channels: 8193, kernels: 8193, kernel: [1, 1], size: [1, 1], attributes: { group: 8193 } }),
        '1…8192',
        8193,
      ],
    ],
  },
  {
    rule: 'convolution/cbuf',
    // INT8, 32 channels: a row of 128 pixels takes 32 entries; 8 rows fill a bank.
    passes: [
      conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] }),
      conv({ channels: 32, size: [300, 128], kernel: [32, 1], attributes: { dilations: [3, 1] } }),
    ],
    fails: [
      [conv({ channels: 32, size: [64, 128 * 16], kernel: [8, 1] }), 16, 17],
      [conv({ channels: 32, size: [300, 128], kernel: [32, 1], attributes: { dilations: [4, 1] } }), 16, 17],
      // One kernel of 8192 × 8 × 8 bytes fills the buffer alone.
      [conv({ channels: 8192, kernels: 1, kernel: [8, 8], size: [8, 8] }), 16, 32],
    ],
  },
  {
    rule: 'convolution/cbuf',
    precision: 'fp16',
    passes: [conv({ channels: 16, size: [64, 128 * 15], kernel: [8, 1] })],
    fails: [[conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] }), 16, 31]],
  },
  {
    rule: 'convolution/cbuf-risky',
    passes: [conv({ channels: 32, size: [64, 128 * 14], kernel: [8, 1] })],
    fails: [[conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] }), 16, 16]],
  },
  {
    rule: 'convolution/cbuf-untested',
    release: 'JetPack 5.1.1',
    passes: [conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] })],
    fails: [[conv({ channels: 32, size: [64, 128 * 16], kernel: [8, 1] }), 16, 17]],
  },
  {
    rule: 'fully-connected/constant-weights',
    passes: [gemm({ x: [1, 8], y: [1, 4] }, [8, 4])],
    fails: [
      [binary('MatMul', [1, 8], [8, 4], [1, 4]), 'constant', 'run-time'],
      // A constant first operand does not help.
      [withConstant('MatMul', [4, 8], [8, 1], [4, 1], true), 'constant', 'run-time'],
    ],
  },
  {
    rule: 'fully-connected/constant-bias',
    passes: [gemm({ x: [1, 8], y: [1, 4] }, [8, 4])],
    fails: [
      [
        network({
          shapes: { x: [1, 8], b: [4], y: [1, 4] },
          constants: { w: [8, 4] },
          nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
        }),
        'constant',
        'run-time',
      ],
    ],
  },
  {
    rule: 'fully-connected/gemm-form',
    passes: [gemm({ x: [1, 8], y: [1, 4] }, [4, 8], { transB: 1, beta: 3 })],
    fails: [
      [
        gemm({ x: [1, 8], y: [1, 4] }, [8, 4], { alpha: 0.5 }),
        'alpha 1, beta 1, transA 0',
        'alpha 0.5, beta 1, transA 0',
      ],
      [gemm({ x: [8, 1], y: [1, 4] }, [8, 4], { transA: 1 }), 'alpha 1, beta 1, transA 0', 'alpha 1, beta 1, transA 1'],
    ],
  },
  {
    rule: 'fully-connected/vectors',
    passes: [
      gemm({ x: [5, 8], y: [5, 4] }, [8, 4], {}, 'MatMul'),
      gemm({ x: [5, 1, 1, 8], y: [5, 1, 1, 4] }, [8, 4], {}, 'MatMul'),
    ],
    fails: [[gemm({ x: [1, 40, 8], y: [1, 40, 4] }, [8, 4], {}, 'MatMul'), 'N×C by C×K', '1×40×8 by 8×4']],
  },
  {
    rule: 'fully-connected/outputs',
    passes: [gemm({ x: [1, 8], y: [1, 8192] }, [8, 8192])],
    fails: [[gemm({ x: [1, 8], y: [1, 8193] }, [8, 8193]), '1…8192', 8193]],
  },
  {
    rule: 'fully-connected/shuffle',
    passes: [gemm({ x: [5, 1, 1, 8], y: [5, 1, 1, 4] }, [8, 4], {}, 'MatMul')],
    fails: [[gemm({ x: [1, 8], y: [1, 4] }, [8, 4]), 4, 2]],
  },
  {
    rule: 'deconvolution/spatial',
    passes: [deconv({})],
    fails: [[single('ConvTranspose', { x: [1, 8, 16], y: [1, 8, 18] }, {}, { constants: { w: [8, 8, 3] } }), 2, 1]],
  },
  {
    rule: 'deconvolution/constant-weights',
    passes: [deconv({})],
    fails: [[single('ConvTranspose', { x: image, w: [8, 8, 3, 3], y: [1, 8, 18, 18] }), 'constant', 'run-time']],
  },
  {
    rule: 'deconvolution/kernel',
    passes: [
      deconv({ kernel: [32, 22] }),
      deconv({ kernel: [1, 64] }),
      deconv({ kernel: [96, 1] }),
      deconv({ kernel: [1, 128] }),
    ],
    fails: [
      [deconv({ kernel: [33, 1] }), '1…32, or 1×{64, 96, 128}', '33×1'],
      [deconv({ kernel: [2, 64] }), '1…32, or 1×{64, 96, 128}', '2×64'],
      [deconv({ kernel: [1, 65] }), '1…32, or 1×{64, 96, 128}', '1×65'],
    ],
  },
  {
    rule: 'deconvolution/stride',
    passes: [deconv({ attributes: { strides: [32, 2] } }), deconv({ attributes: { strides: [128, 1] } })],
    fails: [[deconv({ attributes: { strides: [33, 1] } }), '1…32, or 1×{64, 96, 128}', '33×1']],
  },
  {
    rule: 'deconvolution/square',
    passes: [deconv({ kernel: [22, 22] }), deconv({ kernel: [23, 24] }), deconv({ kernel: [32, 31] })],
    fails: [
      [deconv({ kernel: [23, 23] }), '1…22 when square', '23×23'],
      [deconv({ kernel: [32, 32] }), '1…22 when square', '32×32'],
      [deconv({ attributes: { strides: [23, 23] } }), '1…22 when square', '23×23'],
    ],
  },
  {
    rule: 'deconvolution/padding',
    passes: [
      deconv({ attributes: { strides: [2, 2] } }),
      deconv({ attributes: { auto_pad: 'VALID', strides: [2, 2] } }),
    ],
    fails: [
      [deconv({ attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } }), 0, 'padding 1,1,1,1'],
      [
        single(
          'ConvTranspose',
          { x: image, y: [1, 8, 34, 34] },
          { strides: [2, 2], output_padding: [1, 1] },
          { constants: { w: [8, 8, 3, 3] } },
        ),
        0,
        'output 34×34 instead of 33×33',
      ],
      [
        single(
          'ConvTranspose',
          { x: image, y: [1, 8, 32, 32] },
          { strides: [2, 2], auto_pad: 'SAME_UPPER' },
          { constants: { w: [8, 8, 3, 3] } },
        ),
        0,
        'padding 0,0,1,1',
      ],
    ],
  },
  {
    rule: 'deconvolution/groups',
    passes: [deconv({})],
    fails: [[deconv({ attributes: { group: 2 } }), '1…1', 2]],
  },
  {
    rule: 'deconvolution/dilation',
    passes: [deconv({})],
    fails: [[deconv({ attributes: { dilations: [1, 2] } }), '1…1', '1×2']],
  },
  {
    rule: 'deconvolution/channels',
    passes: [deconv({ channels: 1, kernels: 8192, kernel: [1, 1], size: [1, 1] })],
    fails: [[deconv({ channels: 1, kernels: 8193, kernel: [1, 1], size: [1, 1] }), '1…8192', '1×8193']],
  },
  {
    rule: 'pooling/spatial',
    passes: [pool('MaxPool', [2, 2])],
    fails: [[single('MaxPool', { x: [1, 8, 16], y: [1, 8, 8] }, { kernel_shape: [2] }), 2, 1]],
  },
  {
    rule: 'pooling/window',
    passes: [pool('MaxPool', [8, 8]), pool('AveragePool', [1, 8])],
    fails: [
      [pool('MaxPool', [9, 8]), '1…8', '9×8'],
      [pool('AveragePool', [8, 9]), '1…8', '8×9'],
    ],
  },
  {
    rule: 'pooling/padding',
    passes: [
      pool('MaxPool', [8, 8], { pads: [7, 7, 7, 7] }),
      pool('MaxPool', [8, 8], { strides: [8, 8], ceil_mode: 1 }),
      // Rounded up, the last window reaches beyond the tensor by one row and column.
      pool('MaxPool', [3, 3], { strides: [2, 2], ceil_mode: 1 }),
    ],
    fails: [
      [pool('MaxPool', [8, 8], { pads: [0, 8, 0, 0] }), '0…7', '0×8×0×0'],
      // The last window of the second axis starts at 33 and ends at 41, one beyond.
      [pool('MaxPool', [8, 8], { strides: [11, 11], ceil_mode: 1, pads: [0, 0, 8, 0] }), '0…7', '0×0×8×1'],
    ],
  },
  {
    rule: 'pooling/stride',
    passes: [pool('MaxPool', [2, 2], { strides: [16, 1] })],
    fails: [[pool('MaxPool', [2, 2], { strides: [1, 17] }), '1…16', '1×17']],
  },
  {
    rule: 'pooling/dilation',
    passes: [pool('MaxPool', [2, 2], { dilations: [1, 1] })],
    fails: [[pool('MaxPool', [2, 2], { dilations: [2, 2] }), '1…1', '2×2']],
  },
  {
    rule: 'pooling/indices',
    passes: [
      network({
        shapes: { x: image, y: [1, 8, 8, 8], i: [1, 8, 8, 8] },
        dtypes: { i: 'int64' },
        nodes: [
          { op: 'MaxPool', inputs: ['x'], outputs: ['y'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
        ],
      }),
    ],
    fails: [
      [
        network({
          shapes: { x: image, y: [1, 8, 8, 8], i: [1, 8, 8, 8] },
          dtypes: { i: 'int64' },
          nodes: [
            {
              op: 'MaxPool',
              inputs: ['x'],
              outputs: ['y', 'i'],
              attributes: { kernel_shape: [2, 2], strides: [2, 2] },
            },
          ],
        }),
        1,
        2,
      ],
    ],
  },
  {
    rule: 'pooling/exclusive-average',
    target: 'xavier',
    passes: [
      pool('AveragePool', [3, 3], { pads: [1, 1, 1, 1], count_include_pad: 1 }),
      pool('AveragePool', [3, 3]),
      pool('MaxPool', [3, 3], { pads: [1, 1, 1, 1] }),
    ],
    fails: [
      [
        pool('AveragePool', [3, 3], { pads: [1, 1, 1, 1] }),
        'count_include_pad 1, or no padding',
        'count_include_pad 0',
      ],
      [
        pool('AveragePool', [3, 3], { auto_pad: 'SAME_UPPER' }),
        'count_include_pad 1, or no padding',
        'count_include_pad 0',
      ],
    ],
  },
  {
    rule: 'activation/clip-constant',
    passes: [clip(0, 6)],
    fails: [
      [
        network({
          shapes: { x: image, max: [], y: image },
          constants: { min: scalar(0) },
          nodes: [{ op: 'Clip', inputs: ['x', 'min', 'max'], outputs: ['y'] }],
        }),
        'constant',
        'run-time',
      ],
    ],
  },
  {
    rule: 'activation/clip-lower',
    passes: [clip(0, 6), single('Clip', { x: image, y: image }, { min: 0, max: 6 }, { opset: 7 })],
    fails: [
      [clip(-1, 6), 0, -1],
      [clip(undefined, 6), 0, 'none'],
      [single('Clip', { x: image, y: image }, { min: 1, max: 6 }, { opset: 7 }), 0, 1],
    ],
  },
  {
    rule: 'activation/clip-upper',
    passes: [clip(0, 1), clip(0, 127)],
    fails: [
      [clip(0, 0.5), '1…127', 0.5],
      [clip(0, 128), '1…127', 128],
      [clip(0, undefined), '1…127', 'none'],
    ],
  },
  {
    rule: 'activation/promoted',
    passes: [relu(image)],
    fails: [
      [single('Sigmoid', { x: image, y: image }), 'fp16', 'int8'],
      [single('Tanh', { x: image, y: image }), 'fp16', 'int8'],
    ],
  },
  { rule: 'activation/rank', passes: [relu(image)], fails: [[relu([1, 8]), 4, 2]] },
  {
    rule: 'prelu/constant-slope',
    passes: [withConstant('PRelu', [8, 1, 1])],
    fails: [[binary('PRelu', image, [8, 1, 1], image), 'constant', 'run-time']],
  },
  {
    rule: 'prelu/slope-rank',
    passes: [withConstant('PRelu', [8, 1, 1]), withConstant('PRelu', [1, 8, 1, 1])],
    fails: [[withConstant('PRelu', [1, 1, 8, 1, 1]), 4, 5]],
  },
  {
    rule: 'scale/form',
    passes: [
      withConstant('Add', []),
      withConstant('Mul', [1]),
      withConstant('Mul', [1, 1, 1, 1, 1]),
      withConstant('Mul', [8, 1, 1]),
      withConstant('Add', [1, 8, 1, 1], image, image, true),
      withConstant('Add', [1, 8, 16, 16]),
      withConstant('Add', [5], [1, 5]),
      binary('Add', image, image, image),
    ],
    fails: [
      [withConstant('Add', [16]), '1, C×1×1 or C×H×W', '16'],
      [withConstant('Mul', [16, 16]), '1, C×1×1 or C×H×W', '16×16'],
      [withConstant('Mul', [2, 8, 1, 1], [2, 8, 4, 4]), '1, C×1×1 or C×H×W', '2×8×1×1'],
      // The constant is larger than the tensor.
      [withConstant('Add', [1, 8, 1, 1], [1, 1, 4, 4], [1, 8, 4, 4]), '1, C×1×1 or C×H×W', '1×8×1×1'],
      [withConstant('Add', [8], [1, 40, 8]), '1, C×1×1 or C×H×W', '8'],
    ],
  },
  {
    rule: 'scale/subtract',
    passes: [binary('Sub', image, image, image), withConstant('Add', [1])],
    fails: [[withConstant('Sub', [1]), 'run-time operands', 'constant']],
  },
  {
    rule: 'scale/batch-norm',
    passes: [norm({})],
    fails: [
      [norm({ training_mode: 1 }), 'constants, inference', 'training'],
      [norm({}, 'run-time'), 'constants, inference', 'v at run time'],
    ],
  },
  {
    rule: 'elementwise/broadcast',
    passes: [
      binary('Add', image, image, image),
      binary('Mul', image, [1, 8, 1, 1], image),
      binary('Mul', [2, 1, 1, 1], [2, 8, 4, 4], [2, 8, 4, 4]),
      binary('Add', [5, 8], [5, 8], [5, 8]),
    ],
    fails: [
      [binary('Mul', image, [1, 1, 16, 16], image), 'equal, N×C×1×1 or N×1×1×1', '1×8×16×16 and 1×1×16×16'],
      [binary('Add', [2, 8, 4, 4], [1, 8, 1, 1], [2, 8, 4, 4]), 'equal, N×C×1×1 or N×1×1×1', '2×8×4×4 and 1×8×1×1'],
      [binary('Add', [1, 8, 1, 4], [1, 8, 4, 1], [1, 8, 4, 4]), 'equal, N×C×1×1 or N×1×1×1', '1×8×1×4 and 1×8×4×1'],
      [binary('Add', [1, 40, 8], [1, 40, 1], [1, 40, 8]), 'equal, N×C×1×1 or N×1×1×1', '1×40×8 and 1×40×1'],
    ],
  },
  {
    rule: 'elementwise/constant-operand',
    passes: [binary('Max', image, image, image)],
    fails: [[withConstant('Max', [1]), 'run-time operands', 'constant']],
  },
  {
    rule: 'elementwise/sum-constant',
    passes: [
      network({
        shapes: { a: image, b: image, c: image, y: image },
        nodes: [{ op: 'Sum', inputs: ['a', 'b', 'c'], outputs: ['y'] }],
      }),
      withConstant('Sum', [1]),
    ],
    fails: [
      [
        network({
          shapes: { a: image, b: image, y: image },
          constants: { c: [1] },
          nodes: [{ op: 'Sum', inputs: ['a', 'b', 'c'], outputs: ['y'] }],
        }),
        'run-time operands',
        'constant',
      ],
    ],
  },
  {
    rule: 'elementwise/divisor',
    release: drive,
    passes: [withConstant('Div', [1]), binary('Div', image, image, image)],
    fails: [[withConstant('Div', [1], image, image, true), 'run-time dividend', 'constant']],
  },
  {
    rule: 'elementwise/min-conflict',
    passes: [binary('Max', image, image, image)],
    fails: [[binary('Min', image, image, image), 'header: yes', 'README: rfe']],
  },
  {
    rule: 'elementwise/xavier-subtract',
    target: 'xavier',
    passes: [binary('Add', image, image, image)],
    fails: [[binary('Sub', image, image, image), 1, 2]],
  },
  {
    rule: 'elementwise/rank',
    passes: [binary('Add', image, image, image)],
    fails: [[binary('Add', [1, 8], [1, 8], [1, 8]), 4, 2]],
  },
  {
    rule: 'comparison/precision',
    precision: 'fp16',
    release: drive,
    passes: [relu(image)],
    fails: [[compare('Cast'), 'int8', 'fp16']],
  },
  {
    rule: 'comparison/cast',
    release: drive,
    passes: [compare('Cast')],
    fails: [
      [compare('Relu'), 'Cast', 'Relu'],
      [single('Less', { a: image, b: image, y: image }, {}, { dtypes: { y: 'bool' } }), 'Cast', 'network output'],
    ],
  },
  {
    rule: 'comparison/cast-only',
    release: drive,
    passes: [compare('Cast')],
    fails: [
      [
        single('Cast', { x: image, y: image }, { to: 10 }, { dtypes: { y: 'float16' } }),
        'Equal, Greater, Less',
        'network input',
      ],
    ],
  },
  {
    rule: 'concat/axis',
    passes: [
      single('Concat', { a: image, b: image, y: [1, 16, 16, 16] }, { axis: 1 }),
      single('Concat', { a: image, b: image, y: [1, 16, 16, 16] }, { axis: -3 }),
      single('Concat', { a: [8, 4, 4], b: [8, 4, 4], y: [16, 4, 4] }, { axis: 0 }),
    ],
    fails: [
      [single('Concat', { a: image, b: image, y: [1, 8, 32, 16] }, { axis: 2 }), 1, 2],
      [single('Concat', { a: image, b: image, y: [2, 8, 16, 16] }, { axis: 0 }), 1, 0],
      [single('Concat', { a: [1, 8], b: [1, 8], y: [1, 16] }, { axis: 1 }), -1, 1],
    ],
  },
  {
    rule: 'concat/inputs',
    passes: [single('Concat', { a: image, b: image, y: [1, 16, 16, 16] }, { axis: 1 })],
    fails: [[single('Concat', { a: image, y: image }, { axis: 1 }), 2, 1]],
  },
  {
    rule: 'concat/constant',
    passes: [single('Concat', { a: image, b: image, y: [1, 16, 16, 16] }, { axis: 1 })],
    fails: [
      [
        single('Concat', { a: image, y: [1, 16, 16, 16] }, { axis: 1 }, { constants: { c: image } }),
        'run-time inputs',
        'constant',
      ],
    ],
  },
  {
    rule: 'resize/mode',
    passes: [resize(twice, floor), resize(twice, { mode: 'linear' })],
    fails: [[resize(twice, { mode: 'cubic' }), 'nearest, linear', 'cubic']],
  },
  {
    rule: 'resize/coordinates',
    passes: [
      resize(twice),
      resize(twice, floor),
      resize(twice, { nearest_mode: 'round_prefer_ceil' }),
      resize(twice, { mode: 'linear' }),
      resize(twice, { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' }),
      resize(twice, {}, 10),
      single('Upsample', { x: [1, 8, 4, 4], y: [1, 8, 8, 8] }, { mode: 'nearest', scales: twice }, { opset: 7 }),
    ],
    fails: [
      [
        resize(twice, { coordinate_transformation_mode: 'asymmetric' }),
        'asymmetric + floor, half_pixel + round_prefer_floor, half_pixel + round_prefer_ceil',
        'asymmetric + round_prefer_floor',
      ],
      [
        resize(twice, { mode: 'linear', coordinate_transformation_mode: 'align_corners' }),
        'half_pixel or pytorch_half_pixel',
        'align_corners',
      ],
      // Before opset 11, linear is asymmetric.
      [resize(twice, { mode: 'linear' }, 10), 'half_pixel or pytorch_half_pixel', 'asymmetric'],
    ],
  },
  {
    rule: 'resize/scales',
    passes: [resize(twice, floor)],
    fails: [
      [
        network({
          shapes: { x: [1, 8, 4, 4], y: [1, 8, 8, 8] },
          constants: { sizes: { int64: [1, 8, 8, 8] } },
          nodes: [{ op: 'Resize', inputs: ['x', '', '', 'sizes'], outputs: ['y'], attributes: floor }],
        }),
        'constant scales',
        'sizes',
      ],
      [
        network({
          shapes: { x: [1, 8, 4, 4], s: [4], y: [1, 8, 8, 8] },
          nodes: [{ op: 'Resize', inputs: ['x', '', 's'], outputs: ['y'], attributes: floor }],
        }),
        'constant scales',
        'run-time',
      ],
    ],
  },
  {
    rule: 'resize/factors',
    passes: [resize([1, 1, 32, 32], floor), resize([1, 1, 4, 1], { mode: 'linear' })],
    fails: [
      [resize([1, 1, 33, 1], floor), '1×1 and integers of 1…32', '1×1×33×1'],
      [resize([1, 1, 5, 1], { mode: 'linear' }), '1×1 and integers of 1…4', '1×1×5×1'],
      [resize([1, 1, 1.5, 2], floor), '1×1 and integers of 1…32', '1×1×1.5×2'],
      [resize([1, 2, 2, 2], floor), '1×1 and integers of 1…32', '1×2×2×2'],
      [resize([2, 2], floor), '1×1 and integers of 1…32', '2×2'],
    ],
  },
  {
    rule: 'resize/options',
    passes: [resize(twice, floor)],
    fails: [
      [resize(twice, { mode: 'linear', antialias: 1 }, 18), 'default', 'antialias'],
      [resize(twice, { ...floor, axes: [2, 3] }, 18), 'default', 'axes'],
    ],
  },
  {
    rule: 'slice/rank',
    passes: [half],
    fails: [[slice([0], [4], [1], [1], [1, 8, 4], [1, 4, 4]), 4, 3]],
  },
  {
    rule: 'slice/constant',
    passes: [half],
    fails: [
      [
        network({
          shapes: { x: image, starts: [1], y: [1, 4, 16, 16] },
          constants: { ends: { int64: [4] }, axes: { int64: [1] } },
          nodes: [{ op: 'Slice', inputs: ['x', 'starts', 'ends', 'axes'], outputs: ['y'] }],
        }),
        'constant',
        'run-time',
      ],
    ],
  },
  {
    rule: 'slice/steps',
    passes: [half],
    fails: [
      [slice([0, 0], [8, 16], [1, 2], [1, 2], [1, 8, 16, 16], [1, 8, 8, 16]), 1, '1,2'],
      [slice([-1], [-9], [1], [-1], [1, 8, 4, 4], [1, 8, 4, 4]), 1, '-1'],
    ],
  },
  {
    rule: 'slice/batch',
    passes: [
      half,
      split(1, [2, 8, 4, 4], [2, 4, 4, 4]),
      split(-1, [2, 8, 4, 4], [2, 8, 4, 2]),
      // Opset 1…9 style, and an axis that is named but not cut.
      slice([0, 0], [2, 4], [0, 1], [1, 1], [2, 8, 4, 4], [2, 4, 4, 4]),
    ],
    fails: [
      [slice([0], [1], [0], [1], [2, 8, 4, 4], [1, 8, 4, 4]), '1…3', 0],
      [split(0, [2, 8, 4, 4], [1, 8, 4, 4]), '1…3', 0],
      [split(-4, [2, 8, 4, 4], [1, 8, 4, 4]), '1…3', 0],
    ],
  },
  {
    rule: 'slice/precision',
    release: 'JetPack 5.1.1',
    passes: [relu(image)],
    fails: [[half, 'fp16', 'int8']],
  },
  {
    rule: 'shuffle/rank',
    passes: [reshape([1, 8, 4, 4], [1, 16, 4, 2]), transpose([0, 2, 3, 1], [1, 8, 4, 4])],
    fails: [
      [reshape([1, 8, 4, 4], [1, 128]), '4 → 4', '4 → 2'],
      [reshape([1, 128], [1, 8, 4, 4]), '4 → 4', '2 → 4'],
      [transpose([0, 2, 1], [1, 8, 4]), '4 → 4', '3 → 3'],
    ],
  },
  {
    rule: 'shuffle/batch',
    passes: [reshape([2, 8, 4, 4], [2, 16, 4, 2]), transpose([0, 3, 1, 2], [2, 8, 4, 4])],
    fails: [
      [reshape([2, 8, 4, 4], [1, 16, 4, 4]), '2 → 2', '2 → 1'],
      [transpose([1, 0, 2, 3], [2, 8, 4, 4]), '0,…', '1,0,2,3'],
      [single('Transpose', { x: [2, 8, 4, 4], y: [4, 4, 8, 2] }), '0,…', '3,2,1,0'],
    ],
  },
  {
    rule: 'shuffle/neighbour',
    passes: [reshape([1, 8, 4, 4], [1, 16, 4, 2])],
    fails: [
      [
        network({
          shapes: { x: [1, 8, 4, 4], z: [1, 8, 4, 4], r: [1, 8, 2, 8], y: [1, 16, 2, 8], a: [1, 8, 2, 8] },
          constants: { s: { int64: [1, 8, 2, 8] } },
          nodes: [
            { op: 'Relu', inputs: ['x'], outputs: ['z'] },
            { op: 'Reshape', inputs: ['z', 's'], outputs: ['r'] },
            { op: 'Concat', inputs: ['r', 'a'], outputs: ['y'], attributes: { axis: 1 } },
          ],
        }),
        'no Slice, Split or Concat',
        'Concat',
      ],
    ],
  },
  {
    rule: 'softmax/hardware',
    target: 'xavier',
    precision: 'fp16',
    passes: [relu(image)],
    fails: [[softmax(1, image), 'orin', 'xavier']],
  },
  { rule: 'softmax/precision', passes: [relu(image)], fails: [[softmax(1, image), 'fp16', 'int8']] },
  {
    rule: 'softmax/axis',
    precision: 'fp16',
    passes: [softmax(1, image), softmax(-1, image), softmax(1, [4, 10])],
    fails: [
      [softmax(0, [2, 8, 4, 4]), 1, 0],
      [softmax(1, [2, 2, 8, 4, 4]), 2, 1],
    ],
  },
  {
    rule: 'softmax/coerced',
    precision: 'fp16',
    passes: [softmax(1, [1, 10, 1, 1], 12), softmax(1, image, 13), softmax(1, [1, 10], 11)],
    fails: [[softmax(1, [1, 8, 4, 4], 12), 1, 3]],
  },
  {
    rule: 'softmax/length',
    precision: 'fp16',
    passes: [softmax(1, [2, 8192, 1, 1]), softmax(1, [1, 1024, 4, 4])],
    fails: [
      [softmax(1, [1, 8193, 1, 1]), 8192, 8193],
      [softmax(1, [1, 1025, 1, 2]), 1024, 1025],
    ],
  },
  {
    rule: 'reduce/rank',
    release: drive,
    passes: [reduce([2, 3], [2, 8, 1, 1]), single('GlobalMaxPool', { x: image, y: [1, 8, 1, 1] })],
    fails: [[reduce([2, 3], [2, 8], 0), '4 → 4', '4 → 2']],
  },
  {
    rule: 'reduce/axes',
    release: drive,
    passes: [reduce([1, 2, 3], [2, 1, 1, 1]), reduce([-1], [2, 8, 4, 1])],
    fails: [
      [reduce([0], [1, 8, 4, 4]), '1…3', '0'],
      [single('ReduceMax', { x: [2, 8, 4, 4], y: [1, 1, 1, 1] }), '1…3', '0,1,2,3'],
    ],
  },
  {
    rule: 'unary/rank',
    release: drive,
    passes: [single('Sin', { x: image, y: image })],
    fails: [[single('Cos', { x: [1, 8], y: [1, 8] }), 4, 2]],
  },
  {
    rule: 'unary/listed',
    release: drive,
    passes: [single('Abs', { x: image, y: image })],
    fails: [[single('Atanh', { x: image, y: image }), 'header: ABS', 'README: Atanh']],
  },
  {
    rule: 'lrn/window',
    passes: [3, 5, 7, 9].map((size) => single('LRN', { x: image, y: image }, { size })),
    fails: [1, 2, 4, 11].map((size) => [single('LRN', { x: image, y: image }, { size }), '3, 5, 7, 9', size] as const),
  },
  {
    rule: 'lrn/promoted',
    passes: [relu(image)],
    fails: [[single('LRN', { x: image, y: image }, { size: 5 }), 'fp16', 'int8']],
  },
];

function optionsOf({ target = 'orin', release, precision = 'int8' }: RuleCase): CheckOptions {
  const hardware = findTarget(target);
  return { target: hardware, release: findRelease(hardware, release), precision };
}

function answer(graph: Graph, item: RuleCase) {
  const { rule } = item;
  const { verdicts } = check(graph, optionsOf(item));
  return {
    refusals: verdicts.flatMap(({ node, placement, refusals }) =>
      refusals.filter((refusal) => refusal.rule === rule).map((refusal) => ({ node, placement, refusal })),
    ),
    warnings: verdicts.flatMap(({ placement, warnings }) =>
      warnings.filter((warning) => warning.startsWith(`${rule}: `)).map((warning) => ({ placement, warning })),
    ),
  };
}

describe.each(cases)('$rule ($target $release $precision)', (item) => {
  const rule = rules.find(({ id }) => id === item.rule);

  it.each(item.passes.map((graph, index) => [index, graph] as const))('accepts case %i', (_, graph) => {
    expect(answer(graph, item)).toEqual({ refusals: [], warnings: [] });
  });

  it.each(item.fails.map(([graph, limit, value], index) => [index, limit, value, graph] as const))(
    'finds case %i: limit %s, value %s',
    (_, limit, value, graph) => {
      const { refusals, warnings } = answer(graph, item);
      if (rule?.severity === 'warn') {
        const context = ruleContext(graph, optionsOf(item));
        const found = graph.nodes.map((node) => applies(rule, node.op, context) && rule.test(node, context));
        expect(found.find((finding) => finding)).toMatchObject({ values: { limit, value } });
        expect(refusals).toEqual([]);
        expect(warnings).toHaveLength(1);
        expect(warnings[0]!.placement).toBe('dla');
        return;
      }
      expect(refusals).toHaveLength(1);
      const { node, placement, refusal } = refusals[0]!;
      expect(placement).toBe('gpu');
      expect(refusal.values).toMatchObject({ limit, value });
      expect(refusal.message.startsWith(`${node}: `)).toBe(true);
      expect(refusal.message.endsWith(`[${item.rule}]`)).toBe(true);
      expect(refusal.source).toBe(rule!.source);
    },
  );
});

describe('the list of rules', () => {
  it('has unique ids of the form layer/what', () => {
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    for (const { id } of rules) expect(id).toMatch(/^[a-z-]+\/[a-z-]+$/);
  });

  it('has a case that passes and one that fails for every rule', () => {
    const having = (kind: 'passes' | 'fails') =>
      new Set(cases.filter((item) => item[kind].length > 0).map(({ rule }) => rule));
    const failing = having('fails');
    const covered = [...having('passes')].filter((rule) => failing.has(rule));
    expect(rules.map(({ id }) => id).filter((id) => !covered.includes(id))).toEqual([]);
    expect(covered.filter((id) => !rules.some((rule) => rule.id === id))).toEqual([]);
  });

  it('has a sentence and a source for every rule', () => {
    for (const { doc, source } of rules) {
      expect(doc).toMatch(/^[A-Z].*\.$/);
      expect(source.length).toBeGreaterThan(10);
    }
  });
});
