import { image, relu, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { softmaxRules } from './softmax.ts';

const softmax = (axis: number, x: readonly number[], opset = 17) => single('Softmax', { x, y: x }, { axis }, { opset });

describeRules(softmaxRules, [
  {
    rule: 'softmax/hardware',
    target: 'xavier',
    precision: 'float16',
    passes: [relu(image)],
    fails: [[softmax(1, image), 'orin', 'xavier']],
  },
  { rule: 'softmax/promoted', passes: [relu(image)], fails: [[softmax(1, image), 'fp16', 'int8']] },
  {
    rule: 'softmax/axis',
    precision: 'float16',
    passes: [softmax(1, image), softmax(-1, image), softmax(1, [4, 10])],
    fails: [
      [softmax(0, [2, 8, 4, 4]), 1, 0],
      [softmax(1, [2, 2, 8, 4, 4]), 2, 1],
    ],
  },
  {
    rule: 'softmax/coerced',
    precision: 'float16',
    passes: [softmax(1, [1, 10, 1, 1], 12), softmax(1, image, 13), softmax(1, [1, 10], 11)],
    fails: [[softmax(1, [1, 8, 4, 4], 12), 1, 3]],
  },
  {
    rule: 'softmax/length',
    precision: 'float16',
    passes: [softmax(1, [2, 8192, 1, 1]), softmax(1, [1, 1024, 4, 4])],
    fails: [
      [softmax(1, [1, 8193, 1, 1]), 8192, 8193],
      [softmax(1, [1, 1025, 1, 2]), 1024, 1025],
    ],
  },
]);
