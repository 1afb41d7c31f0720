import { network, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { shuffleRules } from './shuffle.ts';

const reshape = (x: number[], y: number[]) =>
  network({
    shapes: { x, y },
    constants: { s: { int64: y } },
    nodes: [{ op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
  });
const transpose = (perm: number[], x: number[]) =>
  single('Transpose', { x, y: perm.map((axis) => x[axis]!) }, { perm });

describeRules(shuffleRules, [
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
]);
