import { type ConvSpec, convolution, image, single } from '../testing/network.ts';
import { describeRules } from '../testing/rule-case.ts';
import { deconvolutionRules } from './deconvolution.ts';

const deconv = (spec: ConvSpec) => convolution({ op: 'ConvTranspose', ...spec });

describeRules(deconvolutionRules, [
  {
    rule: 'deconvolution/spatial',
    passes: [deconv({})],
    fails: [[single('ConvTranspose', { x: [1, 8, 16], y: [1, 8, 18] }, {}, { constants: { w: [8, 8, 3] } }), 2, 1]],
  },
  {
    rule: 'deconvolution/constant-weights',
    passes: [deconv({})],
    fails: [[single('ConvTranspose', { x: image, w: [8, 8, 3, 3], y: [1, 8, 18, 18] }), 'constant', 'run-time']],
  },
  {
    rule: 'deconvolution/kernel',
    passes: [
      deconv({ kernel: [32, 22] }),
      deconv({ kernel: [1, 64] }),
      deconv({ kernel: [96, 1] }),
      deconv({ kernel: [1, 128] }),
    ],
    fails: [
      [deconv({ kernel: [33, 1] }), '1…32, or 1×{64, 96, 128}', '33×1'],
      [deconv({ kernel: [2, 64] }), '1…32, or 1×{64, 96, 128}', '2×64'],
      [deconv({ kernel: [1, 65] }), '1…32, or 1×{64, 96, 128}', '1×65'],
    ],
  },
  {
    rule: 'deconvolution/stride',
    passes: [deconv({ attributes: { strides: [32, 2] } }), deconv({ attributes: { strides: [128, 1] } })],
    fails: [[deconv({ attributes: { strides: [33, 1] } }), '1…32, or 1×{64, 96, 128}', '33×1']],
  },
  {
    rule: 'deconvolution/square',
    passes: [deconv({ kernel: [22, 22] }), deconv({ kernel: [23, 24] }), deconv({ kernel: [32, 31] })],
    fails: [
      [deconv({ kernel: [23, 23] }), '1…22 when square', '23×23'],
      [deconv({ kernel: [32, 32] }), '1…22 when square', '32×32'],
      [deconv({ attributes: { strides: [23, 23] } }), '1…22 when square', '23×23'],
    ],
  },
  {
    rule: 'deconvolution/padding',
    passes: [
      deconv({ attributes: { strides: [2, 2] } }),
      deconv({ attributes: { auto_pad: 'VALID', strides: [2, 2] } }),
      // SAME does not stretch what the kernel leaves apart: nothing is padded or cropped.
      single(
        'ConvTranspose',
        { x: [1, 8, 5, 5], y: [1, 8, 13, 13] },
        { strides: [3, 3], auto_pad: 'SAME_UPPER' },
        { constants: { w: [8, 8, 1, 1] } },
      ),
    ],
    fails: [
      [deconv({ attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } }), 0, 'padding 1,1,1,1'],
      [
        single(
          'ConvTranspose',
          { x: image, y: [1, 8, 34, 34] },
          { strides: [2, 2], output_padding: [1, 1] },
          { constants: { w: [8, 8, 3, 3] } },
        ),
        0,
        'output 34×34 instead of 33×33',
      ],
      [
        single(
          'ConvTranspose',
          { x: image, y: [1, 8, 32, 32] },
          { strides: [2, 2], auto_pad: 'SAME_UPPER' },
          { constants: { w: [8, 8, 3, 3] } },
        ),
        0,
        'padding 0,0,1,1',
      ],
    ],
  },
  {
    rule: 'deconvolution/groups',
    passes: [deconv({})],
    fails: [[deconv({ attributes: { group: 2 } }), '1…1', 2]],
  },
  {
    rule: 'deconvolution/dilation',
    passes: [deconv({})],
    fails: [[deconv({ attributes: { dilations: [1, 2] } }), '1…1', '1×2']],
  },
  {
    rule: 'deconvolution/channels',
    passes: [deconv({ channels: 1, kernels: 8192, kernel: [1, 1], size: [1, 1] })],
    fails: [[deconv({ channels: 1, kernels: 8193, kernel: [1, 1], size: [1, 1] }), '1…8192', '1×8193']],
  },
]);
