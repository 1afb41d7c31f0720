/**
 * The engines of Orin's DLA and which of them a launch occupies (docs/hardware/orin.md#engines). NVIDIA's layer-wise
 * statistics count the time of three, which run in parallel: the convolution pipes (INT8 convolution, pooling, LRN and all
 * point-wise stages), Rubik (FP16 convolution, reshape and slice of channels, transpose, resize) and BDMA (copies).
 *
 * A launch has both convolution pipes: the split of the multiply-accumulates that fits NVIDIA's throughputs, 64 channels ×
 * 64 kernels × 2 pixels, is two pipes of 64 × 64, each with every other pixel. Only a convolution with one pixel leaves a
 * pipe to another launch. Two launches that share the pipes, each hiding the memory or the overhead of the other, do not fit the
 * throughputs (docs/hardware/estimate-model.md#branches).
 */

import { elementsPerAtom } from '../../program/geometry.ts';
import type { Layer } from '../../program/layer.ts';
import type { StageWork } from '../../program/layers/kind.ts';
import type { Surface } from '../../program/surface.ts';
import type { JetsonTarget } from '../../targets/target.ts';

export const orinEngines = ['cpipe', 'rubik', 'bdma'] as const;
export type OrinEngine = (typeof orinEngines)[number];

/** How many lanes each engine has. A launch takes one, or all pipes. */
export const lanesOf = ({ convolutionPipes }: Pick<JetsonTarget, 'convolutionPipes'>): Record<OrinEngine, number> => ({
  cpipe: convolutionPipes.value,
  rubik: 1,
  bdma: 1,
});

/** @param stages the work of the layer */
export function engineOf(layer: Layer, stages: readonly StageWork[], surfaces: readonly Surface[]): OrinEngine {
  switch (layer.kind) {
    case 'resize':
      return 'rubik';
    case 'copy': {
      // Whole atoms are copied as they lie; a run that cuts through one is a slice of channels.
      const { inputChannel, outputChannel, channels, output } = layer.copy;
      const { format, shape } = surfaces[output]!;
      const atom = elementsPerAtom(format);
      const last = outputChannel + channels === shape[1];
      const whole = inputChannel % atom === 0 && outputChannel % atom === 0 && (channels % atom === 0 || last);
      return whole ? 'bdma' : 'rubik';
    }
    default: {
      const [first] = stages;
      return first!.engine === 'conv' && first!.dtype === 'float16' ? 'rubik' : 'cpipe';
    }
  }
}
