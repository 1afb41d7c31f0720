import { binary, image, type NodeSpec, network, withConstant } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { scaleRules } from './scale.ts';

const norm = (attributes: NodeSpec['attributes'], variance: 'constant' | 'run-time' = 'constant') =>
  network({
    shapes: { x: image, y: image, ...(variance === 'run-time' && { v: [8] }) },
    constants: { s: [8], b: [8], m: [8], ...(variance === 'constant' && { v: [8] }) },
    nodes: [
      { op: 'BatchNormalization', inputs: ['x', 's', 'b', 'm', 'v'], outputs: ['y'], attributes: attributes ?? {} },
    ],
  });

describeRules(scaleRules, [
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
]);
