import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aligned, broadcastShape, isPerChannel } from './broadcast.ts';

const unknown = (axis: number) => `new${axis}`;

describe('broadcasting', () => {
  it.each([
    [
      [[2, 3], [3]],
      [2, 3],
    ],
    [
      [[2, 1], [1, 3], []],
      [2, 3],
    ],
    [[[2, 3], [2]], undefined],
    [[[0], [1]], [0]],
    [
      [
        ['n', 3],
        [1, 1],
      ],
      ['n', 3],
    ],
    [
      [
        ['n', 3],
        [4, 1],
      ],
      [4, 3],
    ],
    [[['n'], ['m']], ['new0']],
    [[['n'], ['n']], ['n']],
    [[], []],
  ])('of %j gives %j', (shapes, expected) => {
    expect(broadcastShape(shapes, unknown)).toEqual(expected);
  });

  it('does not ask for an order, and takes its own result back', () => {
    const shape = fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 4 });
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const result = broadcastShape([a, b], unknown)!;
        expect(broadcastShape([b, a], unknown)).toEqual(result);
        expect(broadcastShape([result, a], unknown)).toEqual(result);
      }),
    );
  });

  it('aligns shapes at their last axes', () => {
    expect(aligned([3], 3)).toEqual([1, 1, 3]);
    expect(aligned([2, 3], 1)).toEqual([2, 3]);
  });

  it.each([
    [[], true],
    [[1], true],
    [[8, 1, 1], true],
    [[1, 8, 1, 1], true],
    [[8], false],
    [[1, 4, 1, 1], false],
    [[8, 5, 5], false],
    [[1, 1, 8, 1, 1], false],
  ])('a constant of shape %j is per channel of [2, 8, 5, 5]: %s', (shape, expected) => {
    expect(isPerChannel(shape, [2, 8, 5, 5])).toBe(expected);
  });
});
