import { image, network, relu, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { generalRules } from './general.ts';

describeRules(generalRules, [
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
    fails: [
      [single('Relu', { x: image, y: image }, {}, { dtypes: { x: 'int32' } }), 'float32 or float16', 'int32'],
      [single('Relu', { x: image, y: image }, {}, { dtypes: { x: 'float64' } }), 'float32 or float16', 'float64'],
    ],
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
]);
