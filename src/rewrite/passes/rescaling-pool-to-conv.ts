/** An average for which the model states another scale than for what it averages → a depthwise convolution, which has a scale of its own. */

import { countsPadding, windowForm, windowOf } from '../../graph/operators/window.ts';
import type { Pass } from '../pass.ts';
import { imageShape, ints, isOp } from '../pattern.ts';
import { changesScale, depthwiseMean } from './global-pool-to-pool.ts';

export const rescalingPoolToConv: Pass = {
  name: 'rescaling-pool-to-conv',
  doc: 'AveragePool between two INT8 scales that the model states → a depthwise Conv.',
  since:
    'A pooling gives integers of the scale that it reads (docs/hardware/orin.md#int8-ranges); a convolution does not.',
  kind: 'normalize',
  match(node, view) {
    const [data = ''] = node.inputs;
    const [output = ''] = node.outputs;
    if (!isOp(node, 'AveragePool') || !changesScale(data, output, view)) return undefined;
    const image = imageShape(view, data);
    const window = windowOf(node, view);
    if (!image || window?.kernel.length !== 2 || !window.dilations.every((dilation) => dilation === 1))
      return undefined;
    const { kernel, strides, pads } = window;
    // A window that padding shares counts fewer cells, unless padding counts.
    const whole = pads.every((pad) => pad === 0);
    if (!whole && (!countsPadding(node) || windowForm(node, view)?.ceilMode)) return undefined;
    const attributes = { strides: ints(strides), pads: ints(pads) };
    return depthwiseMean(node, { channels: image.c, kernel: [kernel[0]!, kernel[1]!], output, attributes }, view);
  },
};
