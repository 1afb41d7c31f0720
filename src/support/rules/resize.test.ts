import { floats, type NodeSpec, network, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { resizeRules } from './resize.ts';

const resize = (scales: readonly number[], attributes: NodeSpec['attributes'] = {}, opset = 17) =>
  network({
    opset,
    shapes: { x: [1, 8, 4, 4], y: [1, 8, 8, 8] },
    constants: { s: floats(...scales) },
    nodes: [{ op: 'Resize', inputs: opset < 11 ? ['x', 's'] : ['x', '', 's'], outputs: ['y'], attributes }],
  });
const twice = [1, 1, 2, 2];
const floor = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };

describeRules(resizeRules, [
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
]);
