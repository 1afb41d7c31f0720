/** Kinds of layers that have FP16 alone: what the validator says of them. */

import { describe, expect, it } from 'vitest';
import { bytes } from '../base/units.ts';
import { orin } from '../targets/orin.ts';
import { xavier } from '../targets/xavier.ts';
import { surfaceGeometry } from './geometry.ts';
import type { Layer } from './layer.ts';
import { parseProgram } from './parse.ts';
import { printProgram } from './print.ts';
import type { Program } from './program.ts';
import type { Shape4, Surface } from './surface.ts';
import { validateProgram } from './validate.ts';

function surface(id: number, shape: Shape4, dtype: 'int8' | 'float16' = 'float16'): Surface {
  const format = dtype === 'int8' ? 'chw32' : 'chw16';
  const geometry = surfaceGeometry(shape, dtype, format);
  return { id, name: `s${id}`, shape, dtype, format, ...geometry, memory: 'io', offset: bytes(0) };
}

const lrn = { input: 0, size: 5, alpha: 0.5, beta: 0.75, bias: 1, output: 1 };
const softmax = { input: 1, axis: 'c', output: 2 } as const;

function program(
  change: { readonly lrn?: object; readonly softmax?: object; readonly surfaces?: readonly Surface[] } = {},
): Program {
  const common = { origin: [], after: [] };
  const layers: Layer[] = [
    { ...common, id: 0, name: 'lrn', kind: 'lrn', lrn: { ...lrn, ...change.lrn } },
    { ...common, id: 1, name: 'softmax', kind: 'softmax', softmax: { ...softmax, ...change.softmax }, after: [0] },
  ];
  const surfaces = change.surfaces ?? [0, 1, 2].map((id) => surface(id, [1, 20, 3, 4]));
  return { target: 'orin', sram: bytes(0), surfaces, layers, inputs: [0], outputs: [1, 2], constants: [] };
}

const shapes: Shape4[] = [
  [1, 20, 3, 4],
  [1, 20, 3, 4],
];

describe('LRN and Softmax', () => {
  it('are valid, and print to text that is read back', () => {
    expect(() => validateProgram(program(), undefined, orin)).not.toThrow();
    expect(parseProgram(printProgram(program()))).toEqual(program());
  });

  it.each([
    ['a window without a middle', program({ lrn: { size: 4 } }), /lrn.*no middle.*expected an odd lrn.size, found 4/],
    ['a share that is no float32', program({ lrn: { alpha: 0.1 } }), /lrn.alpha is no float32/],
    ['a negative exponent', program({ lrn: { beta: -1 } }), /lrn.beta.*expected more than 0, found -1/],
    ['no bias', program({ lrn: { bias: 0 } }), /lrn.bias.*expected more than 0, found 0/],
    [
      'integers',
      program({ surfaces: [surface(0, shapes[0]!, 'int8'), ...shapes.map((shape, at) => surface(at + 1, shape))] }),
      /the type of lrn.input.*expected float16, found int8/,
    ],
    [
      'a result of another shape',
      program({ surfaces: [...shapes.map((shape, at) => surface(at, shape)), surface(2, [1, 20, 4, 3])] }),
      /the shape of softmax.output does not fit.*expected 1×20×3×4, found 1×20×4×3/,
    ],
  ])('are refused with %s', (_, wrong, message) => {
    expect(() => validateProgram(wrong, undefined, orin)).toThrow(message);
  });

  it('go to the hardware that has them', () => {
    expect(() => validateProgram({ ...program(), target: 'xavier' }, undefined, xavier)).toThrow(
      /softmax: xavier has no engine for this layer/,
    );
  });
});
