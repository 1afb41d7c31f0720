import { image, relu, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { reduceRules } from './reduce.ts';

const reduce = (axes: number[], y: number[], keepdims = 1) =>
  single('ReduceMax', { x: [2, 8, 4, 4], y }, { axes, keepdims });
const drive = 'DRIVE OS 6.0.9.0';

describeRules(reduceRules, [
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
]);
