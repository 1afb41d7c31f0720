/**
 * The network that goes to the board: the prepared one without the reshapes at its outputs that move no data ([N, C, 1, 1] to
 * [N, C]). TensorRT would run them on the GPU; without them the output keeps its name and has four dimensions, as the benchmark
 * networks' have (docs/hardware/estimate-model.md#networks).
 */

import { consumers, type Graph, producers } from '../../../graph/graph.ts';
import { explicitQuantization } from '../../../quantize/explicit-quantization.ts';
import { promotedOperators } from '../../../support/rules.ts';
import type { Compilation } from '../../compilation.ts';
import { movesNothing } from '../../select/select.ts';
import type { BoardBinding } from './bindings.ts';

export function boardGraph(graph: Graph): Graph {
  const made = producers(graph);
  const readers = consumers(graph);
  const gone = new Set<string>();
  const renamed = new Map<string, string>();
  const bound = new Set([...graph.inputs, ...graph.outputs]);
  const values = new Map(graph.values);
  for (const output of graph.outputs) {
    const node = made.get(output);
    if (node === undefined || readers.has(output) || !movesNothing(node, graph)) continue;
    const source = node.inputs[0]!;
    const type = graph.values.get(source);
    if (bound.has(source) || renamed.has(source) || !made.has(source) || type === undefined) continue;
    gone.add(node.name);
    renamed.set(source, output);
    values.set(output, type);
    values.delete(source);
  }
  if (gone.size === 0) return graph;
  const rename = (value: string) => renamed.get(value) ?? value;
  return {
    ...graph,
    values,
    nodes: graph.nodes
      .filter(({ name }) => !gone.has(name))
      .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
  };
}

/**
 * The network with its precision in its types, as TensorRT from 11 on wants it: Q/DQ on the tensors of the INT8 part, FP16 types on the
 * rest of what the DLA runs, inputs and outputs of the types that they are bound as. What the GPU runs stays in float32.
 *
 * @param graph of {@link boardGraph}
 * @throws compile/unsupported for an opset before 13
 */
export function typedGraph(
  graph: Graph,
  { quantized, coverage, precisions, checked, options }: Compilation,
  bindings: readonly BoardBinding[],
): Graph {
  const onDla = new Set(checked.verdicts.filter(({ placement }) => placement === 'dla').map(({ node }) => node));
  const half = new Map<string, string>();
  for (const { name, op } of graph.nodes) {
    const asked = precisions.get(name) === 'float16' || quantized.half?.has(name) === true;
    const isHalf = asked || options.precision === 'float16' || promotedOperators.has(op);
    if (isHalf && onDla.has(name)) half.set(name, name);
  }
  const borders = new Map(
    bindings.flatMap(({ name, type }): [string, 'int8' | 'float16'][] => {
      if (type === 'int8' || type === 'fp16') return [[name, type === 'int8' ? 'int8' : 'float16']];
      return [];
    }),
  );
  const explicit = { target: options.target, stored: new Set<string>(), every: true, borders };
  // What is compiled in FP16 has ranges that mean nothing.
  const scales = options.precision === 'float16' ? new Map<string, number>() : quantized.scales;
  return explicitQuantization({ ...quantized, graph, scales, half }, coverage, explicit);
}
