/**
 * Operations that one launch does together on orin and xavier: any chain of point steps, and a small MaxPool behind the
 * first convolution.
 */

import type { Graph } from '../../graph/graph.ts';
import type { CheckResult } from '../../support/verdict.ts';
import type { LaunchPolicy } from '../assign.ts';
import { surfaceShape } from '../surface-shape.ts';

const onlyNvdla: Readonly<Record<string, string>> = {
  normalize: 'no engine does LRN in INT8',
  crop: 'it cuts more than channels',
  stack: 'it does not join channels',
};

export function floatScalePolicy(graph: Graph, precision: CheckResult['precision']): LaunchPolicy {
  const isImage = (value: string) =>
    graph.inputs.includes(value) && [1, 3, 4].includes(surfaceShape(graph, value)?.[1] ?? 0);
  return {
    precision,
    obstacle: (operation) => {
      if (precision !== 'int8') return 'FP16 is not emulated, only INT8';
      if (operation.kind === 'conv' && operation.shape.transposed && operation.shape.groups > 1) {
        return 'it is a grouped deconvolution';
      }
      return onlyNvdla[operation.kind];
    },
    adapt: (operation) => operation,
    joinsAverages: false,
    fits: () => true,
    // Other pools launch on their own (docs/hardware/estimate-model.md#structure).
    poolFuses: ({ input }, { mode, kernel }) => mode === 'max' && kernel.h <= 3 && kernel.w <= 3 && isImage(input),
  };
}
