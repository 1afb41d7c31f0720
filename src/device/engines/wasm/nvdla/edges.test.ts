/**
 * Where arithmetic is easily wrong by one: ties of every rounding shift, ends of every saturation, edges of lookup
 * tables. Every int8 goes through each of them, on every configuration.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NvdlaSdp, Pipeline, SdpUnit } from '../../../../program/layer.ts';
import type { Shape4 } from '../../../../program/surface.ts';
import { targets } from '../../../../targets/find.ts';
import { isNvdla, type NvdlaTarget } from '../../../../targets/target.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import { featureCube, vectorCube } from '../../../testing/cubes.ts';
import { atomsOf, idleUnit, plainConv, plainSdp, scaling } from '../../../testing/nvdla/convolutions.ts';
import { Twins } from '../../../testing/nvdla/twins.ts';
import type { LinearTable, LookupTable } from '../../reference/nvdla/lookup-table.ts';

const side = 8;

const shapeOf = ({ memoryAtom }: NvdlaTarget): Shape4 => [1, memoryAtom, side, side];

/** All bytes, every channel beginning with another. */
function everyByte(bus: Bus, target: NvdlaTarget): Cube {
  const cube = featureCube(bus, shapeOf(target), atomsOf(target));
  bus.write(
    cube.address,
    Uint8Array.from(
      { length: cube.size },
      (_, at) => Math.floor(at / target.memoryAtom) + (at % target.memoryAtom) * 37,
    ),
  );
  return cube;
}

type Units = Pick<NvdlaSdp<Cube>, 'x1' | 'x2' | 'y'> & { readonly convert?: NvdlaSdp<Cube>['convert'] };

const addition = (operand: Cube, aluShift: number, truncate: number, activation: 'none' | 'relu'): SdpUnit<Cube> => ({
  ...idleUnit,
  alu: 'sum',
  source: 'point',
  operand,
  operandUse: 'alu',
  aluShift,
  truncate,
  activation,
});

describe.each(targets.filter(isNvdla))('$name', (target) => {
  let twins: Twins;
  beforeEach(async () => {
    twins = await Twins.open();
  });
  afterEach(() => twins.close());

  function point(units: Units): void {
    const { input, output } = twins.both((bus) => ({
      input: everyByte(bus, target),
      output: featureCube(bus, shapeOf(target), atomsOf(target)),
    }));
    runs({ kind: 'sdp', sdp: { ...plainSdp(output), input, ...units } });
  }

  const runs = (pipeline: Pipeline<Cube>): void => expect(twins.launch(pipeline).by).toBe('kernels');

  test.each([1, 2, 3, 5, 8, 20, 26, 27])('X1 rounds ties of %i bits away from zero', (truncate) => {
    const one = 2 ** Math.min(truncate - 1, 14);
    for (const factor of [one, -one, 3, -5, 32767, -32768]) {
      for (const add of [0, 1, -129]) {
        point({ x1: scaling(add, factor, truncate) });
        point({ x1: { ...scaling(add, factor, truncate), activation: 'relu' } });
      }
    }
  });

  test.each([0, 1, 7, 8, 11, 12])('a residual addition rounds ties of %i bits away from zero', (shift) => {
    const operand = twins.both((bus) => everyByte(bus, target));
    const convert = { offset: 0, scale: 1, shift };
    for (const aluShift of [0, shift, 12, 13, 24]) {
      for (const activation of ['none', 'relu'] as const) {
        point({ x1: scaling(0, -3, 1), x2: addition(operand, aluShift, 0, activation), convert });
        point({ x1: scaling(5, 32767, 0), x2: addition(operand, aluShift, 1, activation), convert });
      }
    }
  });

  test('the output converter rounds ties away from zero, and saturates', () => {
    for (const scale of [1, -1, 3, 32767, -32768]) {
      for (const shift of [1, 2, 14, 15, 16]) {
        for (const offset of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) point({ convert: { offset, scale, shift } });
      }
    }
  });

  test('X1 and X2 saturate to 32 bits between them', () => {
    const far = { ...idleUnit, alu: 'sum', mul: true, aluOperand: 32767, aluShift: 16, mulOperand: 32767 } as const;
    for (const mulOperand of [32767, -32768, 1, -1]) {
      for (const back of [-32768, 32767]) {
        const x2: SdpUnit<Cube> = { ...idleUnit, alu: 'sum', aluOperand: back, aluShift: 16, truncate: 24 };
        point({ x1: { ...far, mulOperand }, x2 });
        point({ x1: { ...far, mulOperand, aluOperand: -32768 }, x2 });
      }
    }
  });

  test('the accumulator rounds ties away from zero before SDP', () => {
    const atom = target.memoryAtom as number;
    for (const factor of [1, -1, 64, 127, -128]) {
      for (const truncate of [1, 4, 7, 12]) {
        const { input, output, weights } = twins.both((bus) => ({
          input: everyByte(bus, target),
          output: featureCube(bus, shapeOf(target), atomsOf(target)),
          weights: vectorCube(bus, new Int8Array(atom * atom).fill(factor)),
        }));
        const conv = { ...plainConv(target, input, weights), truncate };
        runs({ kind: 'conv', conv, sdp: { ...plainSdp(output), x1: scaling(0, 1, 1) } });
      }
    }
  });

  test('averages round ties away from zero, twice', () => {
    for (const [h, w] of [
      [2, 1],
      [1, 2],
      [2, 2],
      [4, 8],
    ] as const) {
      const { input, output } = twins.both((bus) => ({
        input: everyByte(bus, target),
        output: featureCube(bus, [1, target.memoryAtom, side / h, side / w], atomsOf(target)),
      }));
      const average = { recipWidth: 65536 / w, recipHeight: 65536 / h, padValues: [0, 0, 0, 0, 0, 0, 0] };
      const pdp = {
        input,
        mode: 'average',
        kernel: { h, w },
        stride: { h, w },
        padding: { top: 0, left: 0, bottom: 0, right: 0 },
        countPadding: true,
        average,
        output,
      } as const;
      runs({ kind: 'pdp', pdp });
    }
  });

  if (target.nvdla.elementwise) {
    test('Y rounds ties away from zero, and saturates', () => {
      for (const mulOperand of [1, -1, 3, 2 ** 31 - 1, -(2 ** 31)]) {
        for (const truncate of [0, 1, 2, 31, 32, 40]) {
          point({ y: { ...scaling(0, mulOperand, truncate) } });
          point({ y: { ...scaling(2 ** 31 - 1, mulOperand, truncate) }, convert: { offset: 0, scale: 1, shift: 24 } });
        }
      }
    });
  }

  if (target.nvdla.lookupTable) {
    test.each(lookupTables())('looks up at and around the edges: $title', ({ table }) => {
      twins.load(table);
      const y: SdpUnit<Cube> = { ...idleUnit, activation: 'lut' };
      // Each of these moves another part of the tables under the 256 values.
      for (const [offset, factor] of [
        [0, 1],
        [-100, 1],
        [100, 1],
        [0, 3],
        [300, -17],
        [0, 32767],
      ] as const) {
        point({ x1: scaling(offset, factor, 0), y, convert: { offset: 0, scale: 1, shift: 7 } });
      }
    });
  }
});

/** Every choice of a table, and tables that lie apart, meet, overlap and cover each other. */
function lookupTables(): readonly { readonly title: string; readonly table: LookupTable }[] {
  const entries = (count: number, step: number): Int16Array =>
    Int16Array.from({ length: count }, (_, index) => (index % 5 === 4 ? -32768 : index * step - 9000));
  const steep = { scale: 32767, shift: -2 };
  const flat = { scale: -77, shift: 5 };
  const line = (start: number, end: number, select: number): Omit<LinearTable, 'entries'> => ({
    start,
    end,
    select,
    underflow: flat,
    overflow: steep,
  });
  const places = [
    { name: 'LE below LO', le: line(-128, -64, 0), lo: line(-20, 236, 0) },
    { name: 'LE within LO', le: line(-30, 34, 0), lo: line(-128, 128, 0) },
    { name: 'LE around LO', le: line(-4096, 4096, 7), lo: line(-64, 64, -1) },
  ];
  const choices = ['le', 'lo'] as const;
  return places.flatMap(({ name, le, lo }) =>
    (['exponential', 'linear'] as const).flatMap((spacing) =>
      choices.flatMap((outside) =>
        choices.map((hybridPriority) => ({
          title: `${name}, ${spacing}, ${outside} outside, ${hybridPriority} where both or neither`,
          table: {
            le: { ...le, spacing, offset: spacing === 'exponential' ? 2 : 0, entries: entries(65, 300) },
            lo: { ...lo, entries: entries(257, 71) },
            underflowPriority: outside,
            overflowPriority: outside === 'le' ? ('lo' as const) : ('le' as const),
            hybridPriority,
          },
        })),
      ),
    ),
  );
}
