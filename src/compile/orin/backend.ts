/**
 * Orin and Xavier: one launch does any chain of point steps, and a small MaxPool behind the first convolution; surfaces hold the
 * whole batch; a loadable is a segment of the checker's.
 */

import type { Precision } from '../../base/data-type.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32Reader } from '../../graph/tensor.ts';
import { halfOperators } from '../../support/rules.ts';
import type { JetsonTarget } from '../../targets/target.ts';
import type { LaunchPolicy } from '../assign.ts';
import type { Backend } from '../backend.ts';
import { surfaceShape } from '../operation.ts';
import { lowerJetson } from './lower.ts';

export function orinBackend(
  graph: Graph,
  precision: Precision,
  { target, sparsity }: { readonly target: JetsonTarget; readonly sparsity: boolean },
): Backend {
  const read = float32Reader();
  return {
    policy: launchPolicy(graph, precision),
    featureFormat,
    surfaceOf: (shape) => shape,
    wholeAtoms: false,
    hostApart: true,
    loadableOf: (_, segment) => `${segment}`,
    inputObstacle: (input, format, { surfaces }) => {
      const features = featureFormat(surfaces.get(input)!.dtype);
      const isOther = (format === 'chw16' || format === 'chw32') && format !== features;
      return isOther ? `features are ${features} in this precision` : undefined;
    },
    lower: (scaleOf) => lowerJetson({ target, scaleOf, sparsity, read }),
  };
}

/** Atoms of 32 bytes (docs/hardware/orin.md#formats). */
const featureFormat = (dtype: Precision): 'chw16' | 'chw32' => (dtype === 'float16' ? 'chw16' : 'chw32');

const onlyNvdla: Readonly<Record<string, string>> = {
  crop: 'it cuts more than channels',
  stack: 'it does not join channels',
};

function launchPolicy(graph: Graph, precision: Precision): LaunchPolicy {
  const isImage = (value: string) =>
    graph.inputs.includes(value) && [1, 3, 4].includes(surfaceShape(graph, value)?.[1] ?? 0);
  return {
    precision,
    mixes: precision === 'int8',
    obstacle: (operation) => {
      if (operation.kind === 'conv' && operation.shape.transposed && operation.shape.groups > 1) {
        return 'it is a grouped deconvolution';
      }
      if (operation.kind === 'normalize' && !(operation.beta > 0)) return 'its exponent is not positive';
      return onlyNvdla[operation.kind];
    },
    halfOperators,
    adapt: (operation) => operation,
    joinsAverages: false,
    fits: () => true,
    // Other pools launch on their own (docs/hardware/estimate-model.md#structure).
    poolFuses: ({ input }, { mode, kernel }) => mode === 'max' && kernel.h <= 3 && kernel.w <= 3 && isImage(input),
  };
}
