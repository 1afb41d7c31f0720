/**
 * FP32 beside INT8 on the same labelled samples: the graph as the user gave it on onnxruntime, the compiled network on
 * a device. Samples stream through in the batches for which the network was compiled.
 */

import { fail } from '../base/errors.ts';
import { type Graph, staticShape } from '../graph/graph.ts';
import { float32Values, type Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime } from '../onnx/session.ts';
import { withOutputs } from '../onnx/with-outputs.ts';
import { writeModel } from '../onnx/write.ts';
import type { CompiledNetwork, Plan } from '../program/program.ts';
import { int8Values } from '../runtime/border.ts';
import type { Device } from '../runtime/device.ts';
import { loadNetwork } from '../runtime/network.ts';
import { batches, type DataSet, type ImageInput } from './data-set.ts';
import type { Evaluation, TensorDivergence } from './evaluation.ts';
import type { Fit } from './image.ts';
import { AccuracyCount, bestOf, Divergence } from './metrics.ts';

/** Below this signal-to-noise ratio a tensor has diverged. */
const divergenceLimit = 20;

export interface EvaluateOptions {
  /** What FP32 executes; its input shapes are those for which the network was compiled. */
  readonly graph: Graph;
  readonly network: CompiledNetwork;
  readonly dataSet: DataSet;
  readonly device: Device;
  readonly runtime: OnnxRuntime;
  /** For the result: how the scales were found. */
  readonly calibration: string;
  /** How images become the input's size; `exact` when not given. */
  readonly fit?: Fit;
  /** Samples of the data set to take; all when not given. */
  readonly limit?: number;
  /**
   * Compares tensors over this many samples: 0, none, when not given. `graph` is the one that was
   * compiled then, or one with the same names.
   */
  readonly tensorSamples?: number;
  /** onnxruntime's threads. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * @throws evaluate/data-set, evaluate/image, run/input, run/host-failed, loadable/target, device/memory, cancelled
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { graph, network, dataSet, device, runtime, signal, onProgress } = options;
  const { plan } = network;
  const input = imageInput(plan, options.fit);
  checkGraph(graph, plan);
  const total = Math.min(dataSet.size, options.limit ?? dataSet.size);
  if (total < 1) fail('evaluate/data-set', 'there are no samples', {}, { expected: 'at least 1', actual: total });
  const output = plan.outputs[0]!;
  const session = await loadNetwork(device, network, runtime);
  try {
    const fp32 = await runtime.createSession(writeModel(graph), threadsOf(options));
    try {
      const [real, integer] = [new AccuracyCount(), new AccuracyCount()];
      let agreeing = 0;
      let done = 0;
      for await (const { inputs, labels } of batches(dataSet, input, { limit: total, signal })) {
        const expected = scoresOf(output, (await fp32.run(inputs))[output], plan.batch);
        const found = scoresOf(output, (await session.run(inputs, { signal })).outputs[output], plan.batch);
        for (const [index, label] of labels.entries()) {
          const [a, b] = [expected[index]!, found[index]!];
          checkLabel(label, a.length, dataSet, done + index);
          real.add(a, label);
          integer.add(b, label);
          if (bestOf(a) === bestOf(b)) agreeing++;
        }
        done += labels.length;
        onProgress?.(done, total);
      }
      const tensors = await compareTensors(options, input);
      const first = tensors.find(({ snr }) => snr < divergenceLimit);
      return {
        network: plan.network,
        target: plan.target,
        samples: done,
        calibration: options.calibration,
        fp32: real.accuracy,
        int8: integer.accuracy,
        agreement: agreeing / done,
        tensors,
        ...(first && { firstDivergence: first.value }),
      };
    } finally {
      await fp32.close();
    }
  } finally {
    await session.close();
  }
}

/**
 * The distance of every int8 tensor from its real one, in execution order. Tensors that the graph does not have under
 * the same name, or in another shape, are left out.
 * @throws as {@link evaluate}
 */
async function compareTensors(
  options: Omit<EvaluateOptions, 'calibration'>,
  input: ImageInput = imageInput(options.network.plan, options.fit),
): Promise<readonly TensorDivergence[]> {
  const { graph, network, dataSet, device, runtime, signal, tensorSamples = 0 } = options;
  if (tensorSamples < 1) return [];
  const names = comparable(graph, network.plan);
  const produced = names.filter((name) => !graph.inputs.includes(name));
  const session = await loadNetwork(device, network, runtime);
  try {
    const reference = await runtime.createSession(writeModel(withOutputs(graph, produced)), {
      optimise: false,
      ...threadsOf(options),
    });
    try {
      const found = new Map<string, Divergence>();
      for await (const { inputs, labels } of batches(dataSet, input, { limit: tensorSamples, signal })) {
        const expected = { ...(await reference.run(inputs)), ...inputs };
        const { dumps } = await session.run(inputs, { dump: names, signal });
        for (const { name, tensor, scale } of dumps) {
          const real = expected[name];
          if (scale === undefined || !real || real.dtype !== 'float32' || tensor.dtype !== 'int8') continue;
          // What fills up a last batch is not data.
          const elements = (tensor.bytes.length / network.plan.batch) * labels.length;
          const divergence = found.get(name) ?? new Divergence(name);
          found.set(name, divergence);
          divergence.add(float32Values(real).subarray(0, elements), int8Values(tensor).subarray(0, elements), scale);
        }
      }
      return [...found.values()].map(({ divergence }) => divergence);
    } finally {
      await reference.close();
    }
  } finally {
    await session.close();
  }
}

/** Names of DLA tensors that the graph has too, with as many elements, in execution order. */
function comparable(graph: Graph, plan: Plan): readonly string[] {
  const names = new Set<string>();
  for (const segment of plan.segments) {
    if (segment.kind !== 'dla') continue;
    const { surfaces, constants } = segment.program;
    const constant = new Set(constants.map(({ surface }) => surface));
    for (const { id, name, shape } of surfaces) {
      const own = staticShape(graph, name);
      if (constant.has(id) || !own || graph.values.get(name)?.dtype !== 'float32') continue;
      if (own.reduce((product, dim) => product * dim, 1) === shape.reduce((product, dim) => product * dim, 1)) {
        names.add(name);
      }
    }
  }
  return [...names];
}

/** The one image input of a network. @throws evaluate/data-set when it has none, or several */
export function imageInput(plan: Plan, fit?: Fit): ImageInput {
  const [name] = plan.inputs;
  const tensor = plan.tensors.find((candidate) => candidate.name === name);
  if (plan.inputs.length !== 1 || !tensor || tensor.dtype !== 'float32') {
    return fail(
      'evaluate/data-set',
      'images are evaluated on networks with one float32 input',
      {},
      { actual: plan.inputs.join(', ') },
    );
  }
  return { name: tensor.name, shape: tensor.shape, preprocess: plan.preprocess, fit };
}

function checkGraph(graph: Graph, plan: Plan): void {
  const [output] = plan.outputs;
  if (output === undefined || !graph.outputs.includes(output)) {
    fail(
      'evaluate/data-set',
      'the FP32 graph has another output than the compiled network',
      {},
      {
        expected: output ?? 'an output',
        actual: graph.outputs.join(', '),
      },
    );
  }
}

/** The scores of each sample of a batch. */
function scoresOf(name: string, tensor: Tensor | undefined, batch: number): readonly Float32Array[] {
  if (tensor?.dtype !== 'float32') {
    return fail(
      'evaluate/data-set',
      'the output holds no scores',
      { value: name },
      {
        expected: 'float32',
        actual: tensor?.dtype ?? 'nothing',
      },
    );
  }
  const values = float32Values(tensor);
  const classes = values.length / batch;
  if (!Number.isInteger(classes) || classes < 1) {
    fail(
      'evaluate/data-set',
      'the output has no scores for each sample',
      { value: name },
      { actual: tensor.shape.join('×') },
    );
  }
  return Array.from({ length: batch }, (_, index) => values.subarray(index * classes, (index + 1) * classes));
}

function checkLabel(
  label: number | undefined,
  classes: number,
  dataSet: DataSet,
  index: number,
): asserts label is number {
  if (label === undefined) fail('evaluate/data-set', 'the samples have no labels', { file: dataSet.name });
  if (label >= classes) {
    fail(
      'evaluate/data-set',
      `the label of sample ${index} is no class of the network`,
      { file: dataSet.name },
      {
        expected: `0 to ${classes - 1}`,
        actual: label,
      },
    );
  }
}

const threadsOf = ({ threads }: { readonly threads?: number }) => (threads === undefined ? {} : { threads });
