/**
 * Lowering against what it means: whatever Program is lowered, the device forms its layers from the registers that the
 * firmware writes, and leaves the bytes that the layers give when they are launched as they are.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes } from '../../../base/units.ts';
import type { Cube, Launch } from '../../../device/launch.ts';
import { surfaceGeometry } from '../../../program/geometry.ts';
import { type Conv, isNvdlaSdp, type NvdlaSdp, type Pdp, type Sdp, type SdpUnit } from '../../../program/layer.ts';
import type { Program } from '../../../program/program.ts';
import type { Surface } from '../../../program/surface.ts';
import { validateProgram } from '../../../program/validate.ts';
import { targets } from '../../../targets/find.ts';
import { nvFull, nvSmall } from '../../../targets/nvdla.ts';
import { isNvdla } from '../../../targets/target.ts';
import { targetOfLoadable } from '../format/loadable-target.ts';
import { decodeStockLoadable, encodeStockLoadable } from '../format/stock-loadable.ts';
import { tagOf } from '../format/tag.ts';
import { taskDescriptors } from '../format/task-blobs.ts';
import { randomInputs, randomProgram } from '../testing/random-program.ts';
import { type Ran, runDirectly, runLowered } from '../testing/run-program.ts';
import { validateStockLoadable } from '../validate/loadable.ts';
import { lowerProgram, lowerWithPlaces } from './program.ts';

const configurations = targets.filter(isNvdla);
const cases = fc.record({
  target: fc.constantFrom(...configurations),
  seed: fc.integer({ min: 1 }),
  layers: fc.integer({ min: 1, max: 8 }),
  minor: fc.constantFrom(10 as const, 12 as const),
});

/** A cube as both sides say it: strides that are never stepped over, and channels that fill up an atom, mean nothing. */
function place(cube: Cube, base: bigint, isPlain = false) {
  const { dtype, shape, format, lineStride, surfaceStride, size } = cube;
  const address = cube.address - base;
  if (isPlain) return { address, dtype };
  if (format === 'vector') return { address, dtype, size };
  const atom = format === 'chw32' ? 32 : format === 'chw16' ? 16 : format === 'chw8' ? 8 : 1;
  const runs = format === 'dla_hwc4' ? 1 : Math.ceil(shape[1] / atom);
  return {
    address,
    dtype,
    format,
    shape: [runs * atom, shape[2], shape[3]],
    ...(shape[2] > 1 && { lineStride }),
    ...(runs > 1 && { surfaceStride }),
  };
}

/** What a launch does, without what its registers say beside it. */
function meaning(launched: Launch, baseOf: (address: bigint) => bigint): unknown {
  const cube = (of: Cube, isPlain = false) => place(of, baseOf(of.address), isPlain);
  const unit = (of: SdpUnit<Cube> | undefined) => {
    if (!of) return undefined;
    const { alu, mul, source, operand, aluOperand, mulOperand, activation, truncate, aluConvert, mulConvert } = of;
    const inRegister = source === 'layer';
    return {
      alu,
      mul,
      source,
      operand: operand && cube(operand, source === 'kernel'),
      use: of.operandUse,
      aluOperand: inRegister && alu ? aluOperand : undefined,
      mulOperand: inRegister && mul ? mulOperand : undefined,
      aluShift: alu ? of.aluShift : undefined,
      truncate,
      activation,
      aluConvert: alu && !inRegister ? aluConvert : undefined,
      mulConvert: mul && !inRegister ? mulConvert : undefined,
    };
  };
  const point = (of: Sdp<Cube>) => {
    const { x1, x2, y, input, output, convert, arithmetic, outputType } = of as NvdlaSdp<Cube>;
    return {
      units: [unit(x1), unit(x2), unit(y)],
      input: input && cube(input),
      output: output && cube(output),
      convert,
      arithmetic,
      outputType,
    };
  };
  const pooling = (of: Pdp<Cube> | undefined) =>
    of && {
      ...of,
      inputShape: undefined,
      input: of.input && cube(of.input),
      output: cube(of.output),
    };
  const convolution = ({ input, weights, ...rest }: Conv<Cube>) => ({
    ...rest,
    input: cube(input),
    weights: cube(weights),
  });
  switch (launched.kind) {
    case 'conv':
      return { conv: convolution(launched.conv), sdp: point(launched.sdp), pdp: pooling(launched.pdp) };
    case 'sdp':
      return { sdp: point(launched.sdp), pdp: pooling(launched.pdp) };
    case 'pdp':
      return { pdp: pooling(launched.pdp) };
    case 'cdp': {
      const { input, output, ...rest } = launched.cdp;
      return { ...rest, input: cube(input), output: cube(output) };
    }
    case 'rubik': {
      const { input, output, ...rest } = launched.rubik;
      return { ...rest, input: cube(input), output: cube(output) };
    }
    case 'transfer':
      return launched.transfers.map(({ source, destination, ...rest }) => ({
        ...rest,
        source: { ...source, address: source.address - baseOf(source.address) },
        destination: { ...destination, address: destination.address - baseOf(destination.address) },
      }));
    default:
      throw new Error(`a launch of ${launched.kind}`);
  }
}

/** Addresses counted from the surface that lies at or before them, so that two runs compare. */
function meanings(ran: Ran, surfaces: number): readonly unknown[] {
  const starts = Array.from({ length: surfaces }, (_, id) => ran.cube(id).address);
  const sorted = [...new Set(starts)].sort((a, b) => (a < b ? -1 : 1));
  const baseOf = (address: bigint): bigint => {
    const start = sorted.findLast((candidate) => candidate <= address) ?? 0n;
    // The surface's number is in the base, so that only the same place compares equal.
    return start - BigInt(starts.indexOf(start)) * 0x1_0000_0000n;
  };
  return ran.launches.map((launched) => meaning(launched, baseOf));
}

describe('a lowered Program', () => {
  it('is formed again by the device, and gives the bytes that its layers give', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(cases, ({ target, seed, layers, minor }) => {
        const random = { ...randomProgram(target, seed, layers), target };
        const { program, blobs } = random;
        validateProgram(program, blobs, target);
        for (const layer of program.layers) kinds.add(layer.kind);
        const inputs = randomInputs(program, seed + 1);
        const [direct, lowered] = [runDirectly(random, inputs), runLowered(random, inputs, minor)];
        const [wanted, formed] = [direct, lowered].map((ran) => meanings(ran, program.surfaces.length));
        expect(formed).toHaveLength(program.layers.length);
        // Engines overtake each other where nobody waits.
        for (const one of wanted!) expect(formed).toContainEqual(one);
        expect(lowered.outputs).toEqual(direct.outputs);
      }),
      { numRuns: 250 },
    );
    expect([...kinds].sort()).toEqual(['bdma', 'cdp', 'conv', 'pdp', 'pixels', 'rubik', 'sdp']);
  });

  it('keeps every rule of the format, in both versions of the interface', () => {
    fc.assert(
      fc.property(cases, ({ target, seed, layers, minor }) => {
        const { program, blobs } = randomProgram(target, seed, layers);
        const loadable = decodeStockLoadable(encodeStockLoadable(lowerProgram(program, blobs, target, { minor })));
        expect(validateStockLoadable(loadable, target)).toEqual([]);
        targetOfLoadable(loadable, target.name);
      }),
      { numRuns: 300 },
    );
  });

  it('pools what is wider than the line buffer in stripes', () => {
    const wide = (width: number) => {
      const shape = [1, 32, 5, width] as const;
      const surface = (id: number, of: readonly [number, number, number, number]): Surface => ({
        id,
        name: `s${id}`,
        shape: of,
        dtype: 'int8',
        format: 'chw32',
        memory: 'io',
        offset: bytes(0),
        ...surfaceGeometry(of, 'int8', 'chw32'),
      });
      const pdp: Pdp<number> = {
        input: 0,
        mode: 'max',
        kernel: { h: 3, w: 3 },
        stride: { h: 1, w: 1 },
        padding: { top: 1, left: 1, bottom: 1, right: 1 },
        countPadding: true,
        output: 1,
      };
      const program: Program = {
        target: 'nv_full',
        sram: bytes(0),
        surfaces: [surface(0, shape), surface(1, shape)],
        layers: [{ kind: 'pdp', pdp, id: 0, name: 'pool', origin: [], after: [] }],
        inputs: [0],
        outputs: [1],
        constants: [],
      };
      return { program, blobs: new Map(), target: nvFull };
    };
    const stripes = (subject: ReturnType<typeof wide>): readonly number[] => {
      const loadable = lowerProgram(subject.program, subject.blobs, nvFull);
      expect(validateStockLoadable(loadable, nvFull)).toEqual([]);
      const [pool] = taskDescriptors(loadable, loadable.tasks[0]!).operations;
      if (pool?.type !== 'pdp') throw new Error('unreachable');
      const { splitNum, partialWidthFirst, partialWidthMid, partialWidthLast } = pool.op;
      return [splitNum, partialWidthFirst, partialWidthMid, partialWidthLast];
    };
    // Three rows of 42 columns of 32 elements of 14 bits are 7 KiB (docs/hardware/nvdla-timing.md#pooling-line-buffer).
    expect(stripes(wide(42))[0]).toBe(1);
    // The last window alone would read nothing new.
    expect(stripes(wide(43))).toEqual([2, 41, 0, 2]);
    expect(stripes(wide(100))).toEqual([3, 42, 42, 16]);
    const subject = wide(100);
    const inputs = randomInputs(subject.program, 4);
    expect(runLowered(subject, inputs, 12).outputs).toEqual(runDirectly(subject, inputs).outputs);
  });

  it('has an address for every cube in 0.10, and offsets in 0.12', () => {
    const { program, blobs } = randomProgram(nvSmall, 5, 8);
    const cubes = ([10, 12] as const).map((minor) => {
      const loadable = lowerProgram(program, blobs, nvSmall, { minor });
      const [task] = loadable.tasks;
      return taskDescriptors(loadable, task!).operations.flatMap((operation) =>
        Object.values(operation.surfaces).flatMap((cube) =>
          typeof cube === 'object' && 'address' in cube && cube.address >= 0
            ? [{ offset: cube.offset + loadable.addresses[cube.address]!.offset, own: cube.offset }]
            : [],
        ),
      );
    });
    expect(cubes[0]!.map(({ offset }) => offset)).toEqual(cubes[1]!.map(({ offset }) => offset));
    expect(cubes[0]!.every(({ own }) => own === 0)).toBe(true);
    expect(cubes[1]!.some(({ own }) => own > 0)).toBe(true);
  });

  it('loads a table once that several layers look up', () => {
    const counts = Array.from({ length: 60 }, (_, seed) => {
      const { program, blobs } = randomProgram(nvFull, seed + 1, 12);
      const wanted = program.layers.flatMap((layer) => {
        if (layer.kind === 'cdp') return layer.cdp.lookup ? [layer.cdp.lookup] : [];
        const { lookup } = 'sdp' in layer && isNvdlaSdp(layer.sdp) ? layer.sdp : {};
        return lookup ? [lookup] : [];
      });
      const loadable = lowerProgram(program, blobs, nvFull);
      const { luts } = taskDescriptors(loadable, loadable.tasks[0]!);
      expect(luts).toHaveLength(new Set(wanted).size);
      return wanted.length - luts.length;
    });
    expect(Math.max(...counts)).toBeGreaterThan(0);
  });

  it('says what it was made for when it is asked to', () => {
    const { program, blobs } = randomProgram(nvSmall, 5, 6);
    const tag = {
      target: 'nv_small',
      network: 'net',
      inputs: [{ name: 'image', shape: [1, 1, 2, 2], dtype: 'int8' as const, scale: 0.5 }],
      outputs: [],
      preprocess: { mean: [0.5], std: [0.25], channelOrder: 'gray' as const },
    };
    expect(tagOf(lowerProgram(program, blobs, nvSmall))).toBeUndefined();
    const { loadable, layers } = lowerWithPlaces(program, blobs, nvSmall, { tag });
    // The name of the layer that each operation is of.
    expect(layers.length).toBeGreaterThan(program.layers.length);
    expect(tagOf(loadable)).toEqual({ ...tag, layers: layers.map(({ name }) => name) });
  });
});
