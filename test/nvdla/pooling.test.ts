/** Maxima of maps that are wider than the line buffer of PDP, from ONNX to a stock loadable and through the firmware. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float32Values } from '../../src/graph/tensor.ts';
import { encodeNvdla } from '../../src/loadable/nvdla/lower/encode-nvdla.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { targets } from '../../src/targets/find.ts';
import { isNvdla } from '../../src/targets/target.ts';
import { prepared, runOn } from './run.ts';

const open = targets.filter(isNvdla);

interface Given {
  readonly kernel: number;
  readonly stride: number;
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly size: readonly [height: number, width: number];
}

const network = ({ kernel, stride, pads, size }: Given) => {
  const b = new GraphBuilder('net', { seed: 5 });
  const [top, left, bottom, right] = pads;
  b.output(b.maxPool(b.input('x', [1, 9, ...size]), { kernel, stride, padding: [top, left, bottom, right] }));
  return b.build();
};

/** That the maxima of what was rounded are the rounded maxima, and that the loadable keeps the rules of the format. */
async function holds(given: Given, names: readonly string[]): Promise<void> {
  const subject = await prepared(network(given));
  const [wanted] = Object.values(subject.expected).map(float32Values);
  for (const name of names) {
    const { outputs, compilation } = await runOn(subject, name, 'int8');
    const { plan } = compilation.network;
    expect(plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    const step = plan.tensors.find(({ name: tensor }) => tensor === plan.outputs[0])!.scale!;
    const [found] = Object.values(outputs).map(float32Values);
    const worst = wanted!.reduce((most, value, index) => Math.max(most, Math.abs(value - found![index]!)), 0);
    expect(worst, `${JSON.stringify(given)} on ${name}`).toBeLessThanOrEqual(0.5001 * step);
    // What breaks a rule of the format is not encoded.
    expect(encodeNvdla(compilation.network).length).toBeGreaterThan(0);
  }
}

const around = (size: number): Given['pads'] => [size, size, size, size];

describe('MaxPool on the open NVDLA', () => {
  it.each<[string, Given]>([
    ['5×5 over 26 columns', { kernel: 5, stride: 1, pads: around(2), size: [13, 26] }],
    ['7×7 over 20 columns', { kernel: 7, stride: 1, pads: around(3), size: [10, 20] }],
    ['9×9 over 27 columns', { kernel: 9, stride: 1, pads: around(4), size: [12, 27] }],
    ['13×13 over 23 columns', { kernel: 13, stride: 1, pads: around(6), size: [14, 23] }],
    ['3×3 over 43 columns', { kernel: 3, stride: 1, pads: around(1), size: [6, 43] }],
  ])('is exact where the last windows see only padding of their own: %s', async (_, given) => {
    await holds(
      given,
      open.map(({ name }) => name),
    );
  });

  it('is exact whatever the window, its padding and the width', async () => {
    const pad = fc.nat({ max: 7 });
    const given = fc.record({
      kernel: fc.integer({ min: 1, max: 9 }),
      stride: fc.integer({ min: 1, max: 3 }),
      pads: fc.tuple(pad, pad, pad, pad),
      size: fc.tuple(fc.integer({ min: 4, max: 9 }), fc.integer({ min: 4, max: 150 })),
    });
    await fc.assert(
      fc.asyncProperty(given, fc.constantFrom(...open.map(({ name }) => name)), async (one, name) => {
        const { kernel, stride, pads, size } = one;
        fc.pre(Math.max(...pads) < kernel && Math.min(...size) >= kernel);
        // Every window holds a pixel.
        fc.pre(
          size.every((length, axis) => {
            const [before, after] = [pads[axis]!, pads[axis + 2]!];
            return Math.floor((length + before + after - kernel) / stride) * stride - before < length;
          }),
        );
        await holds(one, [name]);
      }),
      { numRuns: 25 },
    );
  });
});
