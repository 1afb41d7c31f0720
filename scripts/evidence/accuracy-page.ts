/** docs/accuracy.md: what the four demo networks lose in INT8, for every calibrator, and how exact the emulation is. */

import { defaultMethod } from '../../src/quantize/calibrate.ts';
import { defaultPercentile } from '../../src/quantize/range-of.ts';
import { grouped, percent } from '../../src/report/table.ts';
import type { GoldenEvidence } from '../../test/golden/evidence.ts';
import { difference, type NetworkAccuracy } from './accuracy.ts';
import { markdownTable } from './markdown.ts';

/** Points of Top-1 that INT8 with default settings may be away from FP32. */
export const accuracyBar = 0.2;

const signed = (value: number): string => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

const names = { 'min-max': 'min-max', entropy: 'entropy', percentile: `percentile (${defaultPercentile})`, mse: 'mse' };

/** Default settings only: networks that are further away than the bar. */
export const missesAccuracyBar = (results: readonly NetworkAccuracy[]): readonly string[] =>
  results.flatMap(({ network, fp32, methods }) => {
    const found = methods.find(({ method }) => method === defaultMethod);
    // A hundredth of an image's worth, for the subtraction of fractions.
    return found && Math.abs(difference(fp32, found.int8)) <= accuracyBar + 1e-6 ? [] : [network];
  });

/** Images of 10,000 on which FP16 decides as FP32. */
const agreementBar = 9_990;

export const missesAgreementBar = (results: readonly NetworkAccuracy[]): readonly string[] =>
  results.flatMap(({ network, images, fp16: { agreeing } }) =>
    agreeing * 10_000 < agreementBar * images ? [`FP16 of ${network} decides as FP32 on ${agreeing} of ${images}`] : [],
  );

export function accuracyPage(
  results: readonly NetworkAccuracy[],
  exact: readonly GoldenEvidence[],
  runtime: string,
): string {
  const [{ images, calibrationImages } = { images: 0, calibrationImages: 0 }] = results;
  const rows = results.flatMap(({ network, fp32, methods }) =>
    methods.map(({ method, int8, agreement }) => [
      `\`${network}\``,
      method === defaultMethod ? `**${names[method]}** (default)` : names[method],
      percent(fp32.top1, 2),
      percent(int8.top1, 2),
      signed(difference(fp32, int8)),
      percent(agreement, 2),
    ]),
  );
  const missed = missesAccuracyBar(results);
  return [
    '# Accuracy',
    '',
    `Fashion-MNIST, ${grouped(images)} test images. FP32 is the network as it was exported, on ${runtime}. INT8 is the`,
    'compiled network on the emulated `orin`; everything runs on the DLA. The ranges come from',
    `${grouped(calibrationImages)} training images, never from test images; the default calibrator was chosen on training images too.`,
    'The entropy calibrator’s limit on what it clips (1 value in 1,000) was set by looking at 2,000 test images of',
    '`fashion-resnet20`, so its row of that network is slightly optimistic.',
    'Agreement is the share of the images to which INT8 and FP32 give the same class.',
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'calibrator' },
        { title: 'FP32 Top-1', right: true },
        { title: 'INT8 Top-1', right: true },
        { title: 'difference, points', right: true },
        { title: 'agreement', right: true },
      ],
      rows,
    ),
    '',
    missed.length === 0
      ? `With default settings INT8 is within ${accuracyBar} points of FP32 on all ${results.length} networks.`
      : `With default settings INT8 is further than ${accuracyBar} points from FP32 on ${missed.join(', ')}.`,
    '',
    'The calibrators and their parameters are stated in `src/quantize/range-of.ts`. A difference of 0.01 points is one image;',
    'two calibrators that are closer than about 0.1 points cannot be told apart by so few images.',
    '',
    '## FP16',
    '',
    'The same networks compiled in FP16, which needs no ranges.',
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'FP32 Top-1', right: true },
        { title: 'FP16 Top-1', right: true },
        { title: 'images on which both decide alike', right: true },
      ],
      results.map(({ network, images: compared, fp32, fp16 }) => [
        `\`${network}\``,
        percent(fp32.top1, 2),
        percent(fp16.accuracy.top1, 2),
        `${grouped(fp16.agreeing)} of ${grouped(compared)}`,
      ]),
    ),
    '',
    '## Exactness',
    '',
    `Every INT8 tensor of the compiled networks against the same arithmetic written in ONNX operators (\`ConvInteger\`, \`Add\`,`,
    `\`Cast\`, \`Mul\`, \`Round\`, \`Clip\`) on ${runtime} without optimisation, bit for bit ([arithmetic](arithmetic.md)).`,
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'images', right: true },
        { title: 'INT8 tensors', right: true },
        { title: 'elements', right: true },
        { title: 'first difference' },
      ],
      exact.map(({ network, images: compared, tensors, elements, difference: found }) => [
        `\`${network}\``,
        grouped(compared),
        grouped(tensors),
        grouped(elements),
        found ? `${found.name} at ${found.at?.join(', ') ?? found.kind}: ${found.a}, expected ${found.b}` : 'none',
      ]),
    ),
  ].join('\n');
}
