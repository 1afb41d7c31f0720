import { image, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { concatRules } from './concat.ts';

describeRules(concatRules, [
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
]);
