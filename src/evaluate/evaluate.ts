/**
 * FP32 beside the DLA on the same samples: the graph as the user gave it on onnxruntime, the compiled network on
 * a device. Samples stream through in the batches for which the network was compiled.
 */

import type { DataType, PrecisionName } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { float16Bits } from '../base/float16.ts';
import { clamp, rounders } from '../base/rounding.ts';
import type { Compilation } from '../compile/compilation.ts';
import { type Graph, staticShape } from '../graph/graph.ts';
import { isDequantize, quantizationAt } from '../graph/operators/quantization.ts';
import { lookupOf } from '../graph/operators/read.ts';
import type { Preprocess } from '../graph/preprocess.ts';
import { asFloat32, float32Values, numbers, type Tensor } from '../graph/tensor.ts';
import { observe } from '../onnx/observe.ts';
import type { OnnxRuntime } from '../onnx/session.ts';
import { writeModel } from '../onnx/write.ts';
import type { CompiledNetwork, Plan } from '../program/program.ts';
import type { TensorLoss } from '../quantize/tune/loss-causes.ts';
import { int8Values } from '../runtime/border.ts';
import type { Device } from '../runtime/device.ts';
import { loadNetwork } from '../runtime/network.ts';
import type { Feed } from './feed.ts';
import { AccuracyCount, bestOf, Divergence, type FullScale, float16FullScale, int8FullScale } from './metrics.ts';
import { rankTensors } from './rank-tensors.ts';

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
  /** Cosine of the angle between the two tensors, both as one vector over all samples; 1 when both are zero, 0 when one is. */
  readonly cosine: number;
  /**
   * Share of elements that are beyond what the DLA's type can hold, by their FP32 value: in INT8 above 127.5 or below −128.5 times the
   * scale, in FP16 from 65520 on. An element that is just the largest is not.
   */
  readonly saturated: number;
}

/** What evaluate says: FP32 beside the DLA on the same samples. */
export interface Evaluation {
  readonly network: string;
  readonly target: string;
  /** Precision of the DLA segments. */
  readonly precision: PrecisionName;
  /** Samples whose outputs were compared. */
  readonly samples: number;
  readonly calibration: string;
  /** How pictures became the samples; absent where these are tensors. */
  readonly preprocess?: Preprocess;
  /** Absent when the samples have no labels. */
  readonly accuracy?: {
    readonly fp32: Accuracy;
    readonly dla: Accuracy;
    /** Share of samples on which both give the same top-1 class. */
    readonly agreement: number;
  };
  /** The outputs of the network, over all samples; those that hold integers are left out. */
  readonly outputs: readonly TensorDivergence[];
  /** Per tensor, in execution order, measured on a few samples; empty when not asked for. */
  readonly tensors: readonly TensorDivergence[];
  /** The first tensor below 20 dB, when there is one. */
  readonly firstDivergence?: string;
  /**
   * The tensors whose own rounding costs the outputs most, first, and why; absent when not asked for, when nothing is rounded to INT8,
   * and when no output shows what is lost, since all hold integers or zeros.
   */
  readonly losses?: readonly TensorLoss[];
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
  /** What the inputs get. */
  readonly feed: Feed;
  readonly device: Device;
  readonly runtime: OnnxRuntime;
  /** How the scales were found, as the result states it. */
  readonly calibration: string;
  /** How pictures became the samples, as the result states it. */
  readonly preprocess?: Preprocess;
  /** Samples to take; all when not given. */
  readonly limit?: number;
  /**
   * Compares tensors over this many samples: 0, none, when not given. `graph` is the one that was
   * compiled then, or one with the same names.
   */
  readonly tensorSamples?: number;
  /** What `network` comes from. With it the tensors that are compared are ranked, too: by what their own rounding costs the outputs. */
  readonly compilation?: Compilation;
  /** Called with how many roundings are measured for the ranking. */
  readonly onRanking?: (done: number, total: number) => void;
  /** onnxruntime's threads. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Accuracy needs labels; outputs and tensors are compared without them just as well.
 *
 * @throws evaluate/data-set, evaluate/image, run/input, run/host-failed, loadable/target, device/memory, cancelled
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { graph, network, feed, calibration, preprocess } = options;
  const { plan } = network;
  checkGraph(graph, plan);
  const total = Math.min(feed.size, options.limit ?? feed.size);
  if (total < 1) fail('evaluate/data-set', 'there are no samples', {}, { expected: 'at least 1', actual: total });
  const compared = Math.min(total, options.tensorSamples ?? 0);
  const { accuracy, outputs } = await compareOutputs(options, total);
  const tensors = compared < 1 ? [] : await compareTensors(options, compared);
  const losses = compared < 1 ? undefined : await lossesOf(options, compared);
  const first = tensors.find(({ snr }) => snr < divergenceLimit);
  return {
    network: plan.network,
    target: plan.target,
    precision: precisionOf(plan),
    samples: total,
    calibration,
    ...(preprocess && { preprocess }),
    ...(accuracy && { accuracy }),
    outputs,
    tensors,
    ...(first && { firstDivergence: first.value }),
    ...(losses && { losses }),
  };
}

async function lossesOf(
  { compilation, feed, runtime, signal, onRanking: onProgress, ...options }: EvaluateOptions,
  limit: number,
): Promise<readonly TensorLoss[] | undefined> {
  return compilation && rankTensors(compilation, limit, { feed, runtime, signal, onProgress, ...threadsOf(options) });
}

/**
 * Every output of the network on every sample; where samples have labels, the first one holds the scores of their classes.
 * @throws as {@link evaluate}
 */
async function compareOutputs(
  { graph, quantized, network, feed, device, runtime, signal, onProgress, ...options }: EvaluateOptions,
  total: number,
): Promise<Pick<Evaluation, 'accuracy' | 'outputs'>> {
  const { plan } = network;
  const given = quantized ?? graph;
  const feeds = (inputs: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, asTyped(given, name, tensor)]));
  const session = await loadNetwork(device, network, runtime);
  try {
    const exact = quantized ? { optimise: false } : {};
    const fp32 = await runtime.createSession(writeModel(given), { ...exact, ...threadsOf(options) });
    try {
      const outputs = new Map(plan.outputs.map((name) => [name, new Divergence(name)]));
      const [real, dla] = [new AccuracyCount(), new AccuracyCount()];
      let labelled: boolean | undefined;
      let agreeing = 0;
      let done = 0;
      for await (const { inputs, labels } of feed.batches({ limit: total, signal })) {
        const expected = await fp32.run(feeds(inputs));
        const { outputs: found } = await session.run(inputs, { signal });
        for (const [name, divergence] of outputs) {
          const [a, b] = [expected[name], found[name]];
          if (a?.dtype !== 'float32' || b?.dtype !== 'float32') continue;
          const part = (tensor: Tensor) => valid(float32Values(tensor), a.shape, plan.batch, labels.length);
          divergence.add(part(a), part(b), 1, fullScaleOf(plan, name));
        }
        labelled ??= labels[0] !== undefined;
        if (labelled) {
          const output = plan.outputs[0]!;
          const scores = [expected, found].map((results) => scoresOf(output, results[output], plan.batch)) as [
            readonly Float32Array[],
            readonly Float32Array[],
          ];
          for (const [index, label] of labels.entries()) {
            const [a, b] = [scores[0][index]!, scores[1][index]!];
            checkLabel(label, a.length, feed, done + index);
            real.add(a, label);
            dla.add(b, label);
            if (bestOf(a) === bestOf(b)) agreeing++;
          }
        }
        done += labels.length;
        onProgress?.(done, total);
      }
      return {
        ...(labelled && { accuracy: { fp32: real.accuracy, dla: dla.accuracy, agreement: agreeing / done } }),
        outputs: [...outputs.values()].filter(({ elements }) => elements > 0).map(({ divergence }) => divergence),
      };
    } finally {
      await fp32.close();
    }
  } finally {
    await session.close();
  }
}

/** What an output can hold at most: that of its int8 form, without end where it never has one. */
function fullScaleOf({ tensors }: Plan, name: string): FullScale {
  const scale = tensors.find((tensor) => tensor.name === name)?.scale;
  return scale === undefined
    ? { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY }
    : int8FullScale(scale);
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
 * the same name, or in another shape, are left out. The DLA's tensors of one run are held as they are, the real ones no longer than
 * they are looked at.
 * @throws as {@link evaluate}
 */
async function compareTensors(
  { graph, network, feed, device, runtime, signal, ...options }: EvaluateOptions,
  total: number,
): Promise<readonly TensorDivergence[]> {
  const { plan } = network;
  const names = comparable(graph, plan);
  const produced = names.filter((name) => !graph.inputs.includes(name));
  const session = await loadNetwork(device, network, runtime);
  try {
    const reference = await observe(runtime, graph, produced, threadsOf(options));
    try {
      const found = new Map<string, Divergence>();
      for await (const { inputs, labels } of feed.batches({ limit: total, signal })) {
        const { dumps } = await session.run(inputs, { dump: names, signal });
        const ofDla = new Map(dumps.map((dump) => [dump.name, dump]));
        for (const { name } of dumps) if (!found.has(name)) found.set(name, new Divergence(name));
        const compare = (name: string, real: Tensor): void => {
          if (signal?.aborted) fail('cancelled', 'the work was cancelled');
          const dump = ofDla.get(name);
          if (dump === undefined || real.dtype !== 'float32') return;
          const { tensor, scale } = dump;
          const values = valid(float32Values(real), real.shape, plan.batch, labels.length);
          const divergence = found.get(name)!;
          if (tensor.dtype === 'int8' && scale !== undefined) {
            divergence.add(values, int8Values(tensor), scale, int8FullScale(scale));
          } else if (tensor.dtype === 'float16') divergence.add(values, asFloat32(tensor), 1, float16FullScale);
        };
        for (const name of names) if (Object.hasOwn(inputs, name)) compare(name, inputs[name]!);
        await reference.run(inputs, compare);
      }
      return [...found.values()].filter(({ elements }) => elements > 0).map(({ divergence }) => divergence);
    } finally {
      await reference.close();
    }
  } finally {
    await session.close();
  }
}

/** The elements of the samples that there are: a last batch is filled up with zeros, which do not count. */
function valid(values: Float32Array, shape: readonly number[], batch: number, samples: number): Float32Array {
  return shape[0] === batch ? values.subarray(0, (values.length / batch) * samples) : values;
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
  if (dtype === tensor.dtype) return tensor;
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

function checkLabel(label: number | undefined, classes: number, feed: Feed, index: number): asserts label is number {
  if (label === undefined) fail('evaluate/data-set', 'the samples have no labels', { file: feed.name });
  if (label >= classes) {
    fail(
      'evaluate/data-set',
      `the label of sample ${index} is no class of the network`,
      { file: feed.name },
      {
        expected: `0 to ${classes - 1}`,
        actual: label,
      },
    );
  }
}

const threadsOf = ({ threads }: { readonly threads?: number }) => (threads === undefined ? {} : { threads });
