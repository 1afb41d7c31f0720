import type { DataType } from '../../base/data-type.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { binary, floats, image, network, relu, scalar, single, withConstant } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { comparisonRules, elementwiseRules } from './elementwise.ts';

const drive = 'DRIVE OS 6.0.9.0';
const compare = (reader: string, type: DataType = 'float16') =>
  network({
    shapes: { a: image, b: image, c: image, y: image },
    dtypes: { c: 'bool', y: type },
    nodes: [
      { op: 'Greater', inputs: ['a', 'b'], outputs: ['c'], name: 'node' },
      { op: reader, inputs: ['c'], outputs: ['y'], attributes: { to: 10 } },
    ],
  });

const compareWith = (constant: Tensor) =>
  network({
    shapes: { a: image, c: image, y: image },
    constants: { k: constant },
    dtypes: { c: 'bool', y: 'float16' },
    nodes: [
      { op: 'Equal', inputs: ['a', 'k'], outputs: ['c'] },
      { op: 'Cast', inputs: ['c'], outputs: ['y'], attributes: { to: 10 } },
    ],
  });

describeRules(
  [...elementwiseRules, ...comparisonRules],
  [
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
      precision: 'float16',
      release: drive,
      passes: [relu(image)],
      fails: [[compare('Cast'), 'int8', 'fp16']],
    },
    {
      rule: 'comparison/constant',
      release: drive,
      passes: [compareWith(floats(2, 2)), compareWith(scalar(1)), compare('Cast')],
      fails: [[compareWith(floats(0, 1, 2)), 'one value', '3 values']],
    },
    {
      rule: 'comparison/cast',
      release: drive,
      passes: [compare('Cast')],
      fails: [
        [compare('Relu'), 'Cast to float16 or int8', 'Relu'],
        [compare('Cast', 'float32'), 'Cast to float16 or int8', 'Cast to float32'],
        [
          single('Less', { a: image, b: image, y: image }, {}, { dtypes: { y: 'bool' } }),
          'Cast to float16 or int8',
          'network output',
        ],
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
  ],
);
