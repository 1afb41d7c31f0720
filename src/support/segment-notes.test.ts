import { describe, expect, it } from 'vitest';
import { type Precision, precisionName } from '../base/data-type.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import { check } from './check.ts';
import { bindings, memoryBounds, surfaceBytes } from './segment-notes.ts';
import { network } from './testing/network.ts';

const options = (name = 'orin', precision: Precision = 'int8') => {
  const target = findTarget(name);
  return { target, release: findRelease(target), precision };
};

const first = (channels: number, width = 30, group = 1, op = 'Conv') =>
  network({
    shapes: { x: [1, channels, 8, width], y: [1, 8, 8, width] },
    constants: { w: [8, channels / group, 1, 1] },
    nodes: [{ op, name: 'first', inputs: op === 'Conv' ? ['x', 'w'] : ['x'], outputs: ['y'], attributes: { group } }],
  });
const dla = new Set(['first']);
const inputOf = (graph: ReturnType<typeof first>, name?: string, precision?: Precision) =>
  bindings(graph, dla, options(name, precision))[0]!;

describe('bindings', () => {
  it.each([
    // Rows of 30 pixels: C' is 1, 4, 4; rows are padded to 64 bytes on Orin, 32 on Xavier.
    ['orin', 'int8', 3, 128],
    ['orin', 'int8', 4, 128],
    ['orin', 'int8', 1, 64],
    ['orin', 'float16', 3, 256],
    ['xavier', 'int8', 1, 32],
    ['xavier', 'int8', 3, 128],
  ] as const)('dla_hwc4 on %s, %s, %i channels: rows of %i bytes', (target, precision, channels, pitch) => {
    const binding = inputOf(first(channels), target, precision);
    expect(binding.formats[0]).toBe(`${precisionName(precision)}:dla_hwc4`);
    expect(binding.hwc4RowPitch).toBe(pitch);
  });

  it('offers dla_hwc4 only to a convolution of 1, 3 or 4 channels and at most 4 groups', () => {
    const plain = ['int8:chw32', 'int8:dla_linear'];
    expect(inputOf(first(2)).formats).toEqual(plain);
    expect(inputOf(first(8)).formats).toEqual(plain);
    expect(inputOf(first(3, 30, 1, 'Relu')).formats).toEqual(plain);
    expect(inputOf(first(4, 30, 4)).formats).toEqual(['int8:dla_hwc4', ...plain]);
  });

  it('looks through nodes that vanish', () => {
    const graph = network({
      shapes: { x: [1, 3, 8, 8], i: [1, 3, 8, 8], y: [1, 8, 8, 8] },
      constants: { w: [8, 3, 1, 1] },
      nodes: [
        { op: 'Identity', name: 'gone', inputs: ['x'], outputs: ['i'] },
        { op: 'Conv', name: 'first', inputs: ['i', 'w'], outputs: ['y'] },
      ],
    });
    expect(bindings(graph, dla, options(), new Set(['gone']))[0]!.formats[0]).toBe('int8:dla_hwc4');
  });

  it('has no direct format for what the GPU reads', () => {
    expect(bindings(first(3), new Set(), options())).toEqual([]);
  });

  it('marks inputs of fewer than four dimensions', () => {
    const graph = network({
      shapes: { x: [1, 8], y: [1, 8] },
      nodes: [{ op: 'Relu', name: 'first', inputs: ['x'], outputs: ['y'] }],
    });
    expect(bindings(graph, dla, options()).map(({ shuffled }) => shuffled)).toEqual([true, true]);
  });
});

describe('surfaceBytes', () => {
  it.each([
    [[1, 3, 4, 5], 'int8', 4 * 5 * 32],
    [[2, 33, 4, 5], 'int8', 2 * 4 * 5 * 64],
    [[1, 16, 4, 5], 'float16', 4 * 5 * 32],
    [[1, 17, 4, 5], 'float16', 4 * 5 * 64],
    [[3, 10], 'int8', 3 * 32],
    [[], 'int8', 32],
  ] as const)('%j in %s is %i', (shape, precision, expected) => {
    expect(surfaceBytes(shape, precision)).toBe(expected);
  });
});

describe('notes', () => {
  it('come with a bound of what a segment takes of memory', () => {
    const big = [64, 64, 512, 512];
    const graph = network({
      shapes: { x: big, a: big, y: big },
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['a'] },
        { op: 'Relu', inputs: ['a'], outputs: ['y'] },
      ],
    });
    const { segments } = check(graph, options());
    expect(memoryBounds(graph, segments, 'int8')).toEqual([
      { name: '{ForeignNode[Relu_0...Relu_1]}', weights: 0, tensors: 2 ** 30 },
    ]);
  });

  it('tell formats, borders and shared ranges', () => {
    const graph = network({
      shapes: { x: [1, 3, 8, 8], a: [1, 8, 8, 8], b: [1, 8, 8, 8], y: [1, 8, 8, 8] },
      constants: { w: [8, 3, 1, 1] },
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['a'] },
        { op: 'Erf', inputs: ['a'], outputs: ['b'] },
        { op: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
      ],
    });
    expect(check(graph, options()).notes).toEqual([
      'input x (1×3×8×8): bind it as int8:dla_hwc4, int8:chw32 or int8:dla_linear (dla_hwc4 rows are 64 bytes)',
      'output y (1×8×8×8): bind it as int8:chw32 or int8:dla_linear',
      '2 tensors cross between DLA and GPU; chw32 is the format that both read without a copy',
      '2 tensors in 1 group need equal INT8 ranges (pooling, concatenation, element-wise inputs)',
    ]);
  });
});
