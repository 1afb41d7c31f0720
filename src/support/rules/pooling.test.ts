import { image, type NodeSpec, network, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { poolingRules } from './pooling.ts';

const pool = (op: string, kernel: readonly number[], attributes: NodeSpec['attributes'] = {}, output = [1, 8, 4, 4]) =>
  single(op, { x: [1, 8, 40, 40], y: output }, { kernel_shape: kernel, ...attributes });

describeRules(poolingRules, [
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
]);
