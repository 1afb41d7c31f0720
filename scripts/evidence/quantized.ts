/**
 * The demo networks as a quantization tool writes them (test/quantization/quantizer.ts), with Q/DQ, on onnxruntime beside the emulated DLA, which takes its
 * scales from the graph: no calibration of dlakit's is asked. And the page that says how it went, docs/quantized-networks.md.
 */

import { batches } from '../../src/evaluate/data-set.ts';
import type { Accuracy } from '../../src/evaluate/evaluate.ts';
import { AccuracyCount, bestOf } from '../../src/evaluate/metrics.ts';
import { check, compile, prepare, readNetwork, rewrite, writeModel } from '../../src/index.ts';
import type { Recipe } from '../../src/models/fashion.ts';
import { calibrationOf } from '../../src/quantize/calibrate.ts';
import { grouped, percent } from '../../src/report/table.ts';
import { loadNetwork } from '../../src/runtime/network.ts';
import { type QuantizerOptions, quantized } from '../../test/quantization/quantizer.ts';
import {
  type AccuracyOptions,
  batch,
  difference,
  imageInput,
  measureRanges,
  repositoryFile,
  scoresOf,
  testImages,
} from './accuracy.ts';
import { markdownTable } from './markdown.ts';

/** Points of Top-1 that the DLA may be away from onnxruntime on the same Q/DQ network with open sums, and below it with rounded ones. */
const quantizedBar = 0.05;

export interface QuantizedAccuracy {
  readonly network: string;
  readonly sums: Sums;
  readonly images: number;
  readonly onnxruntime: Accuracy;
  readonly dla: Accuracy;
  /** Images on which both have the same first class. */
  readonly agreeing: number;
  readonly convolutions: number;
  /** Of those, how many the DLA runs. */
  readonly onDla: number;
  /** Tensors that need a scale and have none. */
  readonly missing: number;
}

/** Whether a convolution has a pair before the Add that it goes to (`rounded`), or none (`open`), as NVIDIA's tools leave it. */
export type Sums = 'open' | 'rounded';

/** Integers as weights, a scale for each output channel, and pairs before every operator that launches, and behind the network. */
const style: QuantizerOptions = {
  perChannel: true,
  weights: 'integers',
  operators: new Set([
    'Conv',
    'Gemm',
    'MatMul',
    'Add',
    'MaxPool',
    'AveragePool',
    'GlobalAveragePool',
    'Concat',
    'Flatten',
  ]),
  outputs: true,
};

export async function quantizedAccuracy(
  recipe: Recipe,
  sums: Sums,
  { device, runtime, limit, calibrationLimit }: Omit<AccuracyOptions, 'methods'>,
): Promise<QuantizedAccuracy> {
  const read = readNetwork(await repositoryFile(`models/${recipe.file}`), { batch });
  // Tools fold norms before they quantize, so that a bias has integers of its own.
  const real = rewrite(read, { passes: ['remove-no-ops', 'fold-batch-norm'] }).graph;
  const input = imageInput(recipe);
  const measured = await measureRanges({ original: real, graph: real, applied: [] }, input, runtime, calibrationLimit);
  const bytes = writeModel(quantized(real, calibrationOf(measured).scales, { ...style, openSums: sums === 'open' }));
  const network = prepare(readNetwork(bytes));
  const compilation = compile(network, { preprocess: recipe.preprocess });
  const session = await loadNetwork(device, compilation.network, runtime);
  const reference = await runtime.createSession(bytes, { optimise: false });
  const [onnxruntime, dla] = [new AccuracyCount(), new AccuracyCount()];
  let [images, agreeing] = [0, 0];
  try {
    for await (const { inputs, labels } of batches(await testImages(), input, { limit })) {
      const expected = scoresOf((await reference.run(inputs))[recipe.output]!);
      const found = scoresOf((await session.run(inputs)).outputs[recipe.output]!);
      for (const [index, label] of labels.entries()) {
        onnxruntime.add(expected[index]!, label!);
        dla.add(found[index]!, label!);
        if (bestOf(found[index]!) === bestOf(expected[index]!)) agreeing++;
      }
      images += labels.length;
    }
  } finally {
    await reference.close();
    await session.close();
  }
  const convolutions = check(network.graph).verdicts.filter(({ op }) => op === 'Conv');
  return {
    network: recipe.name,
    sums,
    images,
    onnxruntime: onnxruntime.accuracy,
    dla: dla.accuracy,
    agreeing,
    convolutions: convolutions.length,
    onDla: convolutions.filter(({ node, placement }) => placement === 'dla' && !compilation.notEmulated.has(node))
      .length,
    missing: compilation.coverage.missing.length,
  };
}

/** A sum whose convolution is not rounded before may be better than the network says, but no worse. */
const withinBar = (sums: Sums, points: number): boolean =>
  points >= -quantizedBar - 1e-6 && (sums === 'rounded' || points <= quantizedBar + 1e-6);

export const missesQuantizedBar = (results: readonly QuantizedAccuracy[]): readonly string[] =>
  results.flatMap(({ network, sums, onnxruntime, dla, convolutions, onDla, missing }) => [
    // A hundredth of an image's worth, for the subtraction of fractions.
    ...(withinBar(sums, difference(onnxruntime, dla)) ? [] : [`Top-1 of ${network} with Q/DQ, ${sums} sums`]),
    ...(onDla === convolutions && missing === 0 ? [] : [`${network} with Q/DQ is not on the DLA whole`]),
  ]);

const signed = (value: number): string => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

export function quantizedPage(results: readonly QuantizedAccuracy[], runtime: string): string {
  const [{ images } = { images: 0 }] = results;
  return [
    '# Quantized networks',
    '',
    `The demo networks with QuantizeLinear and DequantizeLinear, as a static quantizer writes them: norms folded, int8 weights with a scale for each`,
    `output channel, int32 biases, a pair before every operator but activations. ${runtime} runs them as they are, without`,
    'optimisation, in floating point between the pairs; the emulated `orin` runs what they are prepared and compiled to, with the scales',
    `that they state. ${grouped(images)} test images of Fashion-MNIST.`,
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'sums' },
        { title: 'convolutions on the DLA', right: true },
        { title: 'Top-1, Q/DQ on onnxruntime', right: true },
        { title: 'Top-1, DLA', right: true },
        { title: 'difference, points', right: true },
        { title: 'images on which both decide alike', right: true },
      ],
      results.map((result) => [
        `\`${result.network}\``,
        result.sums,
        `${result.onDla} of ${result.convolutions}`,
        percent(result.onnxruntime.top1, 2),
        percent(result.dla.top1, 2),
        signed(difference(result.onnxruntime, result.dla)),
        `${grouped(result.agreeing)} of ${grouped(result.images)}`,
      ]),
    ),
    '',
    'The DLA adds a residual within the launch of its convolution, without rounding what it adds. A network with `open` sums has no pair',
    'there either, as NVIDIA’s tools leave it; one with `rounded` sums has, and onnxruntime rounds once more than the DLA. What else',
    'differs is halves, which the DLA rounds away from zero and ONNX to even, and sums of floating-point numbers. `test/quantization`',
    'holds results to onnxruntime element by element.',
  ].join('\n');
}
