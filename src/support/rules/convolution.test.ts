import {
  binary,
  type ConvSpec,
  convolution,
  image,
  type NodeSpec,
  network,
  single,
  withConstant,
} from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { convolutionRules, fullyConnectedRules } from './convolution.ts';

const conv = (spec: ConvSpec) => convolution(spec);
const gemm = (
  shapes: { x: number[]; y: number[] },
  w: number[],
  attributes: NodeSpec['attributes'] = {},
  op = 'Gemm',
) => single(op, shapes, attributes, { constants: { w } });

describeRules(
  [...convolutionRules, ...fullyConnectedRules],
  [
    {
      rule: 'convolution/spatial',
      passes: [conv({})],
      fails: [
        [single('Conv', { x: [1, 8, 16], y: [1, 8, 14] }, {}, { constants: { w: [8, 8, 3] } }), 2, 1],
        [single('Conv', { x: [1, 2, 8, 8, 8], y: [1, 2, 6, 6, 6] }, {}, { constants: { w: [2, 2, 3, 3, 3] } }), 2, 3],
      ],
    },
    {
      rule: 'convolution/constant-weights',
      passes: [conv({})],
      fails: [[single('Conv', { x: image, w: [8, 8, 3, 3], y: [1, 8, 14, 14] }), 'constant', 'run-time']],
    },
    {
      rule: 'convolution/constant-bias',
      passes: [single('Conv', { x: image, y: [1, 8, 14, 14] }, {}, { constants: { w: [8, 8, 3, 3], b: [8] } })],
      fails: [
        [
          network({
            shapes: { x: image, b: [8], y: [1, 8, 14, 14] },
            constants: { w: [8, 8, 3, 3] },
            nodes: [{ op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
          }),
          'constant',
          'run-time',
        ],
      ],
    },
    {
      rule: 'convolution/kernel',
      passes: [conv({ kernel: [32, 1], size: [64, 8] }), conv({ kernel: [1, 32], size: [8, 64] })],
      fails: [
        [conv({ kernel: [33, 1], size: [64, 8] }), '1…32', '33×1'],
        [conv({ kernel: [1, 33], size: [8, 64] }), '1…32', '1×33'],
      ],
    },
    {
      rule: 'convolution/stride',
      passes: [conv({ attributes: { strides: [8, 8] } }), conv({ attributes: { strides: [1, 8] } })],
      fails: [
        [conv({ attributes: { strides: [9, 1] } }), '1…8', '9×1'],
        [conv({ attributes: { strides: [1, 9] } }), '1…8', '1×9'],
      ],
    },
    {
      rule: 'convolution/padding',
      passes: [conv({ kernel: [32, 32], size: [64, 64], attributes: { pads: [31, 31, 31, 31] } })],
      fails: [
        [conv({ kernel: [32, 32], size: [64, 64], attributes: { pads: [0, 0, 32, 0] } }), '0…31', '0×0×32×0'],
        [conv({ kernel: [3, 3], attributes: { pads: [0, -1, 0, 0] } }), '0…31', '0×-1×0×0'],
      ],
    },
    {
      rule: 'convolution/padding-kernel',
      passes: [
        conv({ kernel: [3, 3], attributes: { pads: [2, 2, 2, 2] } }),
        conv({ kernel: [3, 3], attributes: { auto_pad: 'SAME_UPPER' } }),
        conv({ kernel: [3, 3], attributes: { pads: [2, 2, 2, 2], dilations: [2, 2] } }),
      ],
      fails: [
        [conv({ kernel: [3, 3], attributes: { pads: [0, 0, 3, 0] } }), 2, 3],
        [conv({ kernel: [1, 3], attributes: { pads: [1, 0, 0, 0] } }), 0, 1],
        // SAME with dilation 4 pads by 4.
        [conv({ kernel: [3, 3], attributes: { auto_pad: 'SAME_LOWER', dilations: [4, 4] } }), 2, 4],
      ],
    },
    {
      rule: 'convolution/dilation',
      passes: [conv({ size: [80, 80], attributes: { dilations: [32, 32] } })],
      fails: [[conv({ size: [80, 80], attributes: { dilations: [1, 33] } }), '1…32', '1×33']],
    },
    {
      rule: 'convolution/outputs',
      passes: [conv({ channels: 1, kernels: 8192, kernel: [1, 1], size: [1, 1] })],
      fails: [[conv({ channels: 1, kernels: 8193, kernel: [1, 1], size: [1, 1] }), '1…8192', 8193]],
    },
    {
      rule: 'convolution/groups',
      passes: [conv({ channels: 8192, kernels: 8192, kernel: [1, 1], size: [1, 1], attributes: { group: 8192 } })],
      fails: [
        [
          conv({ channels: 8193, kernels: 8193, kernel: [1, 1], size: [1, 1], attributes: { group: 8193 } }),
          '1…8192',
          8193,
        ],
      ],
    },
    {
      rule: 'convolution/cbuf',
      // INT8, 32 channels: a row of 128 pixels takes 32 entries; 8 rows fill a bank.
      passes: [
        conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] }),
        conv({ channels: 32, size: [300, 128], kernel: [32, 1], attributes: { dilations: [3, 1] } }),
      ],
      fails: [
        [conv({ channels: 32, size: [64, 128 * 16], kernel: [8, 1] }), 16, 17],
        [conv({ channels: 32, size: [300, 128], kernel: [32, 1], attributes: { dilations: [4, 1] } }), 16, 17],
        // One kernel of 8192 × 8 × 8 bytes fills the buffer alone.
        [conv({ channels: 8192, kernels: 1, kernel: [8, 8], size: [8, 8] }), 16, 32],
      ],
    },
    {
      rule: 'convolution/cbuf',
      precision: 'float16',
      passes: [conv({ channels: 16, size: [64, 128 * 15], kernel: [8, 1] })],
      fails: [[conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] }), 16, 31]],
    },
    {
      rule: 'convolution/cbuf-risky',
      passes: [conv({ channels: 32, size: [64, 128 * 14], kernel: [8, 1] })],
      fails: [[conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] }), 16, 16]],
    },
    {
      rule: 'convolution/cbuf',
      release: 'JetPack 5.1.1',
      passes: [conv({ channels: 32, size: [64, 128 * 15], kernel: [8, 1] })],
      fails: [[conv({ channels: 32, size: [64, 128 * 16], kernel: [8, 1] }), 16, 17]],
    },
    {
      rule: 'fully-connected/constant-weights',
      passes: [gemm({ x: [1, 8], y: [1, 4] }, [8, 4])],
      fails: [
        [binary('MatMul', [1, 8], [8, 4], [1, 4]), 'constant', 'run-time'],
        // A constant first operand does not help.
        [withConstant('MatMul', [4, 8], [8, 1], [4, 1], true), 'constant', 'run-time'],
      ],
    },
    {
      rule: 'fully-connected/constant-bias',
      passes: [gemm({ x: [1, 8], y: [1, 4] }, [8, 4])],
      fails: [
        [
          network({
            shapes: { x: [1, 8], b: [4], y: [1, 4] },
            constants: { w: [8, 4] },
            nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
          }),
          'constant',
          'run-time',
        ],
      ],
    },
    {
      rule: 'fully-connected/gemm-form',
      passes: [gemm({ x: [1, 8], y: [1, 4] }, [4, 8], { transB: 1, beta: 3 })],
      fails: [
        [
          gemm({ x: [1, 8], y: [1, 4] }, [8, 4], { alpha: 0.5 }),
          'alpha 1, beta 1, transA 0',
          'alpha 0.5, beta 1, transA 0',
        ],
        [
          gemm({ x: [8, 1], y: [1, 4] }, [8, 4], { transA: 1 }),
          'alpha 1, beta 1, transA 0',
          'alpha 1, beta 1, transA 1',
        ],
      ],
    },
    {
      rule: 'fully-connected/vectors',
      passes: [
        gemm({ x: [5, 8], y: [5, 4] }, [8, 4], {}, 'MatMul'),
        gemm({ x: [5, 1, 1, 8], y: [5, 1, 1, 4] }, [8, 4], {}, 'MatMul'),
      ],
      fails: [[gemm({ x: [1, 40, 8], y: [1, 40, 4] }, [8, 4], {}, 'MatMul'), 'N×C by C×K', '1×40×8 by 8×4']],
    },
    {
      rule: 'fully-connected/layer',
      release: 'JetPack 6.0',
      passes: [gemm({ x: [1, 8], y: [1, 4] }, [8, 4])],
      fails: [],
    },
    {
      rule: 'fully-connected/layer',
      release: 'JetPack 6.2',
      passes: [],
      fails: [
        [gemm({ x: [1, 8], y: [1, 4] }, [8, 4]), 'a convolution', 'matrix product'],
        [gemm({ x: [5, 1, 1, 8], y: [5, 1, 1, 4] }, [8, 4], {}, 'MatMul'), 'a convolution', 'matrix product'],
      ],
    },
    {
      rule: 'fully-connected/outputs',
      passes: [gemm({ x: [1, 8], y: [1, 8192] }, [8, 8192])],
      fails: [[gemm({ x: [1, 8], y: [1, 8193] }, [8, 8193]), '1…8192', 8193]],
    },
    {
      rule: 'fully-connected/shuffle',
      passes: [gemm({ x: [5, 1, 1, 8], y: [5, 1, 1, 4] }, [8, 4], {}, 'MatMul')],
      fails: [[gemm({ x: [1, 8], y: [1, 4] }, [8, 4]), 4, 2]],
    },
  ],
);
