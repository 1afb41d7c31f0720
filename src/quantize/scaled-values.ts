/** Which tensors have a scale: the float inputs of the network and everything that nodes compute in floating point. */

import { consumers, type Graph, producers } from '../graph/graph.ts';
import type { CheckResult } from '../support/verdict.ts';

const isFloat = (graph: Graph, value: string): boolean => {
  const dtype = graph.values.get(value)?.dtype;
  return dtype === 'float32' || dtype === 'float16';
};

/** In the order in which they come into being: inputs, then the outputs of the nodes. */
export function scaledValues(graph: Graph): readonly string[] {
  const computed = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
  return [...graph.inputs, ...computed].filter((value) => isFloat(graph, value));
}

/** The values that nodes on the DLA read or give; what vanishes when the engine is built hands such values on. */
export function valuesOnDla(graph: Graph, { verdicts }: CheckResult): ReadonlySet<string> {
  const elsewhere = new Set(verdicts.filter(({ refusals }) => refusals.length > 0).map(({ node }) => node));
  const nodes = graph.nodes.filter(({ name }) => !elsewhere.has(name));
  return new Set(nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
}

const sameLaunch = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Add', 'Sub', 'Mul', 'Max', 'Min']);
const linearActivations = new Set(['Relu', 'Clip', 'LeakyRelu', 'PRelu']);

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
