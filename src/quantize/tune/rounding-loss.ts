/**
 * What each rounding costs by itself: the noise at the network's outputs when one tensor alone, or the weights of one convolution
 * alone, has the numbers that INT8 leaves of it, and everything else is in floating point. Noises of different roundings hardly
 * depend on one another, so that those that are left after a remedy add up to what the network loses with it.
 *
 * A tensor that is far off need not matter, and one that is near may: a signal-to-noise ratio inside the network says neither.
 */

import { type Graph, type Node, producers } from '../../graph/graph.ts';
import { lookupOf } from '../../graph/operators/read.ts';
import { asFloat32, float32Tensor, float32Values, type Tensor } from '../../graph/tensor.ts';
import type { OnnxRuntime, OnnxSession } from '../../onnx/session.ts';
import { writeModel } from '../../onnx/write.ts';
import { weightScales } from '../scales.ts';

export type Feeds = Readonly<Record<string, Tensor>>;

/** One for each sample. */
export type Results = readonly Readonly<Record<string, Float32Array>>[];

/** Noise beside signal, as powers, summed over all samples; the mean over the outputs. 0 when they are equal. */
export function relativeNoise(expected: Results, found: Results): number {
  const outputs = Object.keys(expected[0] ?? {});
  let sum = 0;
  for (const output of outputs) {
    let [signal, noise] = [0, 0];
    for (const [sample, values] of expected.entries()) {
      const [a, b] = [values[output]!, found[sample]![output]!];
      for (let i = 0; i < a.length; i++) {
        const error = b[i]! - a[i]!;
        signal += a[i]! * a[i]!;
        noise += error * error;
      }
    }
    sum += noise === 0 ? 0 : noise / signal;
  }
  return sum / outputs.length;
}

/** A relative noise as signal-to-noise ratio. */
export const decibels = (noise: number): number => -10 * Math.log10(noise);

export interface LossContext {
  readonly runtime: OnnxRuntime;
  readonly threads?: number;
  readonly samples: readonly Feeds[];
  /** Of the graph in floating point. */
  readonly expected: Results;
}

/** The float outputs of a graph for every sample. @throws run/host-failed */
export async function resultsOf(
  graph: Graph,
  { runtime, threads, samples }: Omit<LossContext, 'expected'>,
): Promise<Results> {
  const session = await runtime.createSession(writeModel(graph), threads === undefined ? {} : { threads });
  try {
    return await runAll(session, graph, samples);
  } finally {
    await session.close();
  }
}

/** The float outputs of a graph, from a session that runs it. */
export async function runAll(
  session: OnnxSession,
  { outputs, values }: Graph,
  samples: readonly Feeds[],
  further: Feeds = {},
): Promise<Results> {
  const results: Record<string, Float32Array>[] = [];
  const floats = outputs.filter((name) => ['float32', 'float16'].includes(values.get(name)?.dtype ?? ''));
  for (const sample of samples) {
    const found = await session.run({ ...sample, ...further });
    results.push(Object.fromEntries(floats.map((name) => [name, asFloat32(found[name]!).slice()])));
  }
  return results;
}

/** The relative noise of the outputs when a tensor alone is rounded, for each of several scales. @throws run/host-failed */
export async function tensorLosses(
  graph: Graph,
  value: string,
  scales: readonly number[],
  { runtime, threads, samples, expected }: LossContext,
): Promise<readonly number[]> {
  const rounded = withRounding(graph, value);
  const session = await runtime.createSession(writeModel(rounded), threads === undefined ? {} : { threads });
  try {
    const losses: number[] = [];
    for (const scale of scales) {
      const found = await runAll(session, rounded, samples, { [scaleInput]: float32Tensor([], [scale]) });
      losses.push(relativeNoise(expected, found));
    }
    return losses;
  } finally {
    await session.close();
  }
}

const scaleInput = 'dlakit:scale';

/** A node behind the one before it. */
interface Step {
  readonly op: string;
  readonly operands: readonly string[];
  readonly attributes?: Node['attributes'];
}

/** The graph with one value rounded to integers of ±127, at a scale that is an input. */
function withRounding(graph: Graph, value: string): Graph {
  const values = new Map(graph.values);
  const constants = new Map(graph.constants);
  const type = graph.values.get(value)!;
  const scalar = (name: string, number: number): string => {
    constants.set(name, float32Tensor([], [number]));
    values.set(name, { dtype: 'float32', shape: [] });
    return name;
  };
  const isOutput = graph.outputs.includes(value);
  const made = producers(graph).get(value);
  const raw = isOutput ? 'dlakit:raw' : value;
  const result = isOutput ? value : 'dlakit:rounded';
  values.set(raw, type);
  values.set(result, type);
  values.set(scaleInput, { dtype: 'float32', shape: [] });
  // The bounds of a Clip are attributes before opset 11.
  const bounds = { min: { kind: 'float', value: -127 }, max: { kind: 'float', value: 127 } } as const;
  const clip: Step =
    lookupOf(graph).opset < 11
      ? { op: 'Clip', operands: [], attributes: bounds }
      : { op: 'Clip', operands: [scalar('dlakit:low', -127), scalar('dlakit:high', 127)] };
  const steps: readonly Step[] = [
    { op: 'Div', operands: [scaleInput] },
    clip,
    { op: 'Add', operands: [scalar('dlakit:half', 0.5)] },
    { op: 'Floor', operands: [] },
    { op: 'Mul', operands: [scaleInput] },
  ];
  let from = raw;
  const rounding = steps.map(({ op, operands, attributes = {} }, index): Node => {
    const name = `dlakit:${op}`;
    const output = index === steps.length - 1 ? result : name;
    values.set(output, type);
    const inputs = [from, ...operands];
    from = output;
    return { op, domain: '', attributes, origin: [], name, inputs, outputs: [output] };
  });
  const renamed = (names: readonly string[], from: string, to: string) =>
    names.map((name) => (name === from ? to : name));
  const nodes = graph.nodes.flatMap((node) => {
    const reading = { ...node, inputs: renamed(node.inputs, value, result) };
    return node === made ? [{ ...reading, outputs: renamed(node.outputs, value, raw) }, ...rounding] : [reading];
  });
  return {
    ...graph,
    inputs: [...graph.inputs, scaleInput],
    nodes: made ? nodes : [...rounding, ...nodes],
    values,
    constants,
  };
}

/** Whether a node is one whose weights may be rounded. */
export const isWeighted = ({ op }: Node): boolean => op === 'Conv' || op === 'ConvTranspose';

/** The relative noise of the outputs when the weights of a convolution alone are rounded; undefined where they are no constants. */
export async function weightsLoss(graph: Graph, node: Node, context: LossContext): Promise<number | undefined> {
  if (!isWeighted(node)) return undefined;
  const name = node.inputs[1] ?? '';
  const weights = graph.constants.get(name);
  if (weights?.dtype !== 'float32') return undefined;
  const axis = node.op === 'Conv' ? 0 : 1;
  const scales = weightScales(weights, axis);
  const inner = weights.shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const rounded = float32Values(weights).map((weight, at) => {
    const scale = scales[Math.floor(at / inner) % scales.length]!;
    return Math.round(weight / scale) * scale;
  });
  const constants = new Map(graph.constants).set(name, float32Tensor(weights.shape, rounded));
  return relativeNoise(context.expected, await resultsOf({ ...graph, constants }, context));
}
