import { binary, image, network, relu, scalar, single, withConstant } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { activationRules } from './activation.ts';

const clip = (min: number | undefined, max: number | undefined) =>
  network({
    shapes: { x: image, y: image },
    constants: { ...(min !== undefined && { min: scalar(min) }), ...(max !== undefined && { max: scalar(max) }) },
    nodes: [
      { op: 'Clip', inputs: ['x', min === undefined ? '' : 'min', max === undefined ? '' : 'max'], outputs: ['y'] },
    ],
  });

describeRules(activationRules, [
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
]);
