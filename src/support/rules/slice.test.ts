import { image, network, relu } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { sliceRules } from './slice.ts';

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

describeRules(sliceRules, [
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
]);
