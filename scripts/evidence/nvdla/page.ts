/** docs/nvdla-accuracy.md: what the four demo networks lose on the open NVDLA. */

import { grouped, percent } from '../../../src/report/table.ts';
import { markdownTable } from '../markdown.ts';
import type { Configuration, ConfigurationAccuracy, NvdlaAccuracy } from './accuracy.ts';

/** What is measured: INT8 on four configurations over all test images, FP16 on the one that has it over the first 500. */
export const nvdlaConfigurations: readonly Configuration[] = [
  ...['nv_small', 'nv_small_256', 'nv_large', 'nv_full'].map(
    (target) => ({ target, precision: 'int8', images: 10_000 }) as const,
  ),
  { target: 'nv_full', precision: 'fp16', images: 500 },
];

/** Points of Top-1 that INT8 may lose against FP32. */
const lossBar = (network: string): number => (network === 'fashion-mobilenetv2' ? 1 : 0.5);

/** Share of the images to which FP16 gives FP32's class. */
const agreementBar = 498 / 500;

/** Points of Top-1. */
const loss = ({ fp32, top1 }: ConfigurationAccuracy): number => 100 * (fp32 - top1);

/** What misses a bar, in words. */
export const nvdlaMisses = (results: readonly NvdlaAccuracy[]): readonly string[] =>
  results.flatMap(({ network, configurations }) =>
    configurations.flatMap((found) => {
      const where = `${network} on ${found.target} in ${found.precision}`;
      const host = found.hostSegments > 0 ? [`${where} has ${found.hostSegments} host segments`] : [];
      if (found.precision === 'fp16') {
        const share = found.agreeing / found.images;
        return share < agreementBar ? [...host, `${where} agrees on ${found.agreeing} of ${found.images}`] : host;
      }
      // A hundredth of an image's worth, for the subtraction of fractions.
      return loss(found) > lossBar(network) + 1e-6
        ? [...host, `${where} loses ${loss(found).toFixed(2)} points`]
        : host;
    }),
  );

const signed = (value: number): string => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

export function nvdlaPage(results: readonly NvdlaAccuracy[], runtime: string): string {
  const rows = results.flatMap(({ network, configurations }) =>
    configurations.map((found) => [
      `\`${network}\``,
      `\`${found.target}\``,
      found.precision.toUpperCase(),
      grouped(found.images),
      percent(found.fp32, 2),
      percent(found.top1, 2),
      signed(-loss(found)),
      `${grouped(found.agreeing)}`,
      grouped(found.launches),
      grouped(found.hostSegments),
    ]),
  );
  const misses = nvdlaMisses(results);
  return [
    '# Accuracy on the open NVDLA',
    '',
    'The four networks of `models/` on Fashion-MNIST, compiled from ONNX to loadables of the open NVDLA and run through the',
    'emulated firmware, register interface and engines, bit by bit what the hardware computes',
    '([what that rests on](arithmetic.md)). FP32 is the network as it was exported, on the same images, on',
    `${runtime}. INT8 ranges come from ${grouped(results[0]?.calibrationImages ?? 0)} training images (default calibrator); FP16 needs none.`,
    'Agreement counts the images to which both give the same class.',
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'configuration' },
        { title: 'precision' },
        { title: 'images', right: true },
        { title: 'FP32 Top-1', right: true },
        { title: 'NVDLA Top-1', right: true },
        { title: 'difference, points', right: true },
        { title: 'agreement', right: true },
        { title: 'hardware layers', right: true },
        { title: 'host segments', right: true },
      ],
      rows,
    ),
    '',
    misses.length === 0
      ? 'INT8 loses at most 0.5 points (MobileNetV2: 1.0), FP16 agrees with FP32 on at least 498 of 500 images, and nothing runs on the host.'
      : `Missed: ${misses.join('; ')}.`,
  ].join('\n');
}
