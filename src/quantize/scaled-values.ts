/** Which tensors need a scale: of those that may have one, the ones that exist in int8. */

import { consumers, type Graph, producers } from '../graph/graph.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import { halfOperators } from '../support/rules.ts';
import type { CheckResult } from '../support/verdict.ts';

/**
 * The values that nodes on the DLA read or give and that may have to be int8 there: not those that only operators touch which
 * TensorRT's DLAs run in FP16 alone. What vanishes when the engine is built hands such values on.
 */
export function valuesOnDla(graph: Graph, { verdicts, elsewhere }: CheckResult): ReadonlySet<string> {
  const without = verdicts.filter(
    ({ op, refusals }) => refusals.length > 0 || (elsewhere === 'gpu' && halfOperators.has(op)),
  );
  const names = new Set(without.map(({ node }) => node));
  const nodes = graph.nodes.filter(({ name }) => !names.has(name));
  return new Set(nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
}

const sameLaunch = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Add', 'Sub', 'Mul', 'Max', 'Min']);
export const linearActivations = new Set(['Relu', 'Clip', 'LeakyRelu', 'PRelu']);

/**
 * Those of {@link scaledValues} that int8 execution needs. What a convolution or element-wise operation hands to the
 * Relu, Clip, LeakyRelu or PRelu that alone reads it never exists as int8: both are one launch. (Sigmoid and Tanh look
 * the int8 value up in a table, so that they need it.) An input that nothing reads needs none either.
 */
export function neededScales(graph: Graph): readonly string[] {
  const producer = producers(graph);
  const readers = consumers(graph);
  return scaledValues(graph).filter((value) => {
    const [reader, ...others] = readers.get(value) ?? [];
    if (!reader && graph.inputs.includes(value)) return false;
    const inside =
      reader !== undefined &&
      others.length === 0 &&
      linearActivations.has(reader.op) &&
      sameLaunch.has(producer.get(value)?.op ?? '') &&
      !graph.outputs.includes(value);
    return !inside;
  });
}
