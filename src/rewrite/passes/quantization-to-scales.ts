import type { GraphPass } from '../pass.ts';
import { readQuantization } from '../quantization/read-quantization.ts';

export const quantizationToScales: GraphPass = {
  name: 'quantization-to-scales',
  doc: 'QuantizeLinear, DequantizeLinear and operators on int8 → a plain network with the scales that they state.',
  since:
    'Before TensorRT 11.4.1 the DLA takes INT8 scales from a calibration, never from Q/DQ nodes (docs/hardware/dla-software.md#quantization-dialects).',
  kind: 'normalize',
  rewrite: (graph) => readQuantization(graph),
};
