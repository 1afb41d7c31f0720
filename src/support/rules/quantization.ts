/**
 * Quantized networks. Before TensorRT 11.4.1 the DLA takes scales from a calibration and refuses Q/DQ in the graph
 * (docs/hardware/dla-software.md#quantization-dialects); reading them away is a rewrite. What cannot be read away is named here: its
 * integers are others than the DLA's, int8 of one scale for each tensor and zero point 0.
 */

import type { Node } from '../../graph/graph.ts';
import {
  integerOperator,
  integerOperatorNames,
  isDequantize,
  isPerTensor,
  isQuantize,
  isSymmetricInt8,
  quantizationAt,
} from '../../graph/operators/quantization.ts';
import { elementCount, numbers } from '../../graph/tensor.ts';
import { type Rule, type RuleContext, rule, sources } from '../rule.ts';

/** Whether a node makes or takes quantized integers. */
export const isQuantized = (node: Node): boolean =>
  isQuantize(node) || isDequantize(node) || Boolean(integerOperator(node));

const base = { severity: 'refuse', generations: ['orin', 'xavier', 'nvdla'] } as const;
const quantizers = ['QuantizeLinear', 'DequantizeLinear'];
const source = `${sources.guide10}; NVIDIA/Model-Optimizer pull request 1661`;

/** The quantization of what a node gives or takes as integers, and their type. */
function integersOf(node: Node, context: RuleContext) {
  const found = quantizationAt(node, context, 1);
  const value = isQuantize(node) ? node.outputs[0] : node.inputs[0];
  const dtype = context.graph.values.get(value ?? '')?.dtype ?? found?.zero?.dtype;
  return found && { ...found, dtype };
}

export const quantizationRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'quantization/explicit',
    operators: [...quantizers, ...integerOperatorNames],
    doc: 'INT8 scales come from a calibration: quantized integers in the graph are refused before TensorRT 11.4.1.',
    limits: [{ value: 'scales of a calibration', until: [11, 4, 1], source, evidence: 'documented' }],
    test: ({ op }, _, limit) => ({
      message: `${op} is a quantization that the graph states`,
      values: { limit, value: op },
      fix: { advice: 'Read it into scales: prepare and compile do, and dla qdq writes the files for the board.' },
    }),
  }),
  rule({
    ...base,
    id: 'quantization/per-tensor',
    operators: quantizers,
    doc: 'An activation has one scale for the whole tensor; only weights have one for each channel.',
    limits: [{ value: 1, source, evidence: 'documented' }],
    test: (node, context, limit) => {
      const found = integersOf(node, context);
      if (!found || isPerTensor(found)) return undefined;
      const value = elementCount(found.scale.shape);
      return {
        message: `${value} scales of an activation, one for each channel, allowed ${limit}`,
        values: { limit, value },
        fix: { advice: 'Quantize activations per tensor, and weights alone per channel.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'quantization/symmetric',
    operators: quantizers,
    doc: 'Quantized integers are int8 of zero point 0.',
    limits: [{ value: 'int8 of zero point 0', source, evidence: 'documented' }],
    test: (node, context, limit) => {
      const found = integersOf(node, context);
      if (!found || isSymmetricInt8(found.dtype, found.zero)) return undefined;
      const zeros = new Set(found.zero ? numbers(found.zero) : [0]);
      const value = `${found.dtype ?? 'integers'} of zero point ${[...zeros].slice(0, 3).join(', ')}`;
      const newer =
        found.dtype === 'uint8'
          ? 'DLA software from 3.16 on takes uint8 with trtexec --uint8AsymmetricQuantizationDLA (TensorRT ≥ 10.11). Otherwise let'
          : 'Let';
      return {
        message: `${value}, allowed ${limit}`,
        values: { limit, value },
        fix: {
          advice: `${newer} it be int8 about 0 over the same range (--asymmetric requantize), or a Clip without a scale (--asymmetric clip).`,
        },
      };
    },
  }),
];
