/**
 * FP32 beside the DLA on the same samples: the graph as the user gave it on onnxruntime, the compiled network on
 * a device. Samples stream through in the batches for which the network was compiled.
 */

import type { DataType, PrecisionName } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import { clamp, rounders } from '../base/rounding.ts';
import { type Graph, staticShape } from '../graph/graph.ts';
import { isDequantize, quantizationAt } from '../graph/operators/quantization.ts';
import { lookupOf } from '../graph/operators/read.ts';
import { asFloat32, float32Values, numbers, type Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime } from '../onnx/session.ts';
import { withOutputs } from '../onnx/subgraph.ts';
import { writeModel } from '../onnx/write.ts';
import type { CompiledNetwork, Plan } from '../program/program.ts';
import { int8Values } from '../runtime/border.ts';
import type { Device } from '../runtime/device.ts';
import { loadNetwork } from '../runtime/network.ts';
import { batches, type DataSet, type ImageInput } from './data-set.ts';
import type { Fit } from './image.ts';
import { AccuracyCount, bestOf, Divergence } from './metrics.ts';

/** Below this signal-to-noise ratio a tensor has diverged. */
const divergenceLimit = 20;

/** Fractions of the samples, in [0, 1], whose label is among the best one and the best five classes. */
export interface Accuracy {
  readonly top1: number;
  readonly top5: number;
}

export interface TensorDivergence {
  readonly value: string;
  /** Signal-to-noise ratio in dB of the DLA's tensor, as real numbers, against FP32; Infinity when equal. */
  readonly snr: number;
  /** Share of elements at the end of the type's range: ±127 and −128, ±65504 and infinities in FP16. */
  readonly saturated: number;
}

/** What evaluate says: FP32 beside the DLA on the same samples. */
export interface Evaluation {
  readonly network: string;
  readonly target: string;
  /** Precision of the DLA segments. */
  readonly precision: PrecisionName;
  /** Samples whose classes were compared; without labels those over which tensors were. */
  readonly samples: number;
  readonly calibration: string;
  /** Absent when the samples have no labels. */
  readonly accuracy?: {
    readonly fp32: Accuracy;
    readonly dla: Accuracy;
    /** Share of samples on which both give the same top-1 class. */
    readonly agreement: number;
  };
  /** Per tensor, in execution order, measured on a few samples; empty when not asked for. */
  readonly tensors: readonly TensorDivergence[];
  /** The first tensor below 20 dB, when there is one. */
  readonly firstDivergence?: string;
}

export interface EvaluateOptions {
  /** The graph that onnxruntime executes in FP32; its input shapes are those for which the network was compiled. */
  readonly graph: Graph;
  /**
   * The network whose classes are compared, where it is not `graph`: a quantized one as it was given, which onnxruntime executes without
   * optimising it. What it takes and gives in float16, int8 or uint8 is converted.
   */
  readonly quantized?: Graph;
  readonly network: CompiledNetwork;
  readonly dataSet: DataSet;
  readonly device: Device;
  readonly runtime: OnnxRuntime;
  /** How the scales were found, as the result states it. */
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
 * Accuracy needs labels; tensors are compared without them just as well.
 *
 * @throws evaluate/data-set, also when the samples have no labels and no tensors are to be compared; evaluate/image, run/input,
 *   run/host-failed, loadable/target, device/memory, cancelled
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { graph, network, dataSet, calibration } = options;
  const { plan } = network;
  const input = imageInput(plan, options.fit);
  checkGraph(graph, plan);
  const total = Math.min(dataSet.size, options.limit ?? dataSet.size);
  if (total < 1) fail('evaluate/data-set', 'there are no samples', {}, { expected: 'at least 1', actual: total });
  const compared = Math.min(total, options.tensorSamples ?? 0);
  const labelled = (await dataSet.sample(0)).label !== undefined;
  if (!labelled && compared < 1) {
    fail('evaluate/data-set', 'the samples have no labels, and no tensors are to be compared', { file: dataSet.name });
  }
  const accuracy = labelled ? await compareClasses(options, input, total) : undefined;
  const tensors =
    compared < 1 ? [] : await compareTensors(options, input, compared, labelled ? undefined : options.onProgress);
  const first = tensors.find(({ snr }) => snr < divergenceLimit);
  return {
    network: plan.network,
    target: plan.target,
    precision: precisionOf(plan),
    samples: labelled ? total : compared,
    calibration,
    ...(accuracy && { accuracy }),
    tensors,
    ...(first && { firstDivergence: first.value }),
  };
}

/** The scores of the first output on every sample. @throws as {@link evaluate} */
async function compareClasses(
  { graph, quantized, network, dataSet, device, runtime, signal, onProgress, ...options }: EvaluateOptions,
  input: ImageInput,
  total: number,
): Promise<Evaluation['accuracy']> {
  const { plan } = network;
  const given = quantized ?? graph;
  const feeds = (inputs: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, asTyped(given, name, tensor)]));
  const output = plan.outputs[0]!;
  const session = await loadNetwork(device, network, runtime);
  try {
    const exact = quantized ? { optimise: false } : {};
    const fp32 = await runtime.createSession(writeModel(given), { ...exact, ...threadsOf(options) });
    try {
      const [real, dla] = [new AccuracyCount(), new AccuracyCount()];
      let agreeing = 0;
      let done = 0;
      for await (const { inputs, labels } of batches(dataSet, input, { limit: total, signal })) {
        const expected = scoresOf(output, (await fp32.run(feeds(inputs)))[output], plan.batch);
        const found = scoresOf(output, (await session.run(inputs, { signal })).outputs[output], plan.batch);
        for (const [index, label] of labels.entries()) {
          const [a, b] = [expected[index]!, found[index]!];
          checkLabel(label, a.length, dataSet, done + index);
          real.add(a, label);
          dla.add(b, label);
          if (bestOf(a) === bestOf(b)) agreeing++;
        }
        done += labels.length;
        onProgress?.(done, total);
      }
      return { fp32: real.accuracy, dla: dla.accuracy, agreement: agreeing / done };
    } finally {
      await fp32.close();
    }
  } finally {
    await session.close();
  }
}

/** The precision of the DLA segments, told by the elements of their surfaces. */
function precisionOf({ segments }: Plan): PrecisionName {
  const isHalf = segments.some(
    (segment) => segment.kind === 'dla' && segment.program.surfaces.some(({ dtype }) => dtype === 'float16'),
  );
  return isHalf ? 'fp16' : 'int8';
}

/**
 * The distance of every tensor of the DLA from its real one, in execution order. Tensors that the graph does not have under
 * the same name, or in another shape, are left out.
 * @throws as {@link evaluate}
 */
async function compareTensors(
  { graph, network, dataSet, device, runtime, signal, ...options }: EvaluateOptions,
  input: ImageInput,
  total: number,
  onProgress?: EvaluateOptions['onProgress'],
): Promise<readonly TensorDivergence[]> {
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
      let done = 0;
      for await (const { inputs, labels } of batches(dataSet, input, { limit: total, signal })) {
        const expected = { ...(await reference.run(inputs)), ...inputs };
        const { dumps } = await session.run(inputs, { dump: names, signal });
        for (const { name, tensor, scale } of dumps) {
          const real = expected[name];
          if (real?.dtype !== 'float32') continue;
          const values = float32Values(real);
          // A last batch is filled up with zeros; only its samples count.
          const valid = values.subarray(0, (values.length / network.plan.batch) * labels.length);
          const divergence = found.get(name) ?? new Divergence(name);
          if (tensor.dtype === 'int8' && scale !== undefined) divergence.add(valid, int8Values(tensor), scale, 127);
          else if (tensor.dtype === 'float16') divergence.add(valid, numbers(tensor), 1, 65504);
          else continue;
          found.set(name, divergence);
        }
        done += labels.length;
        onProgress?.(done, total);
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
function imageInput(plan: Plan, fit?: Fit): ImageInput {
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

/** Real numbers in the type that a network as given takes, whose integers are those of the DequantizeLinear that reads them. @throws evaluate/data-set */
function asTyped(given: Graph, name: string, tensor: Tensor): Tensor {
  const dtype = given.values.get(name)?.dtype ?? 'float32';
  const { shape } = tensor;
  if (dtype === 'float32') return tensor;
  const values = float32Values(tensor);
  if (dtype === 'float16') {
    return { dtype, shape, bytes: new Uint8Array(Uint16Array.from(values, float16Bits).buffer) };
  }
  const reader = given.nodes.find((node) => isDequantize(node) && node.inputs[0] === name);
  const quantization = reader && quantizationAt(reader, lookupOf(given), 1);
  const [scale = 1] = quantization ? asFloat32(quantization.scale) : [];
  const [zero = 0] = quantization?.zero ? numbers(quantization.zero) : [];
  const held = (low: number, high: number) => (value: number) =>
    clamp(rounders['half-even'](Math.fround(value / scale)) + zero, low, high);
  if (dtype === 'int8') return { dtype, shape, bytes: new Uint8Array(Int8Array.from(values, held(-128, 127)).buffer) };
  if (dtype === 'uint8') return { dtype, shape, bytes: Uint8Array.from(values, held(0, 255)) };
  return fail('evaluate/data-set', 'the network takes no images in such a type', { value: name }, { actual: dtype });
}

const scoreTypes: ReadonlySet<DataType> = new Set(['float32', 'float16', 'int8', 'uint8']);

/** The scores of each sample of a batch. */
function scoresOf(name: string, tensor: Tensor | undefined, batch: number): readonly Float32Array[] {
  if (tensor === undefined || !scoreTypes.has(tensor.dtype)) {
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
  // Integers have one scale, which does not change which of them is the largest.
  const values = asFloat32(tensor);
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
