import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layerReads, layerWrites } from './access.ts';
import { liveRanges, rootOf, sharedArea } from './liveness.ts';
import { sampleProgram } from './testing/sample-program.ts';

const { program } = sampleProgram();
const idOf = (name: string) => program.surfaces.find((surface) => surface.name === name)!.id;
const ranges = liveRanges(program);
const rangeOf = (name: string) => ranges[idOf(name)];

describe('liveRanges', () => {
  it('runs from the first write to the last read, and counts a layer once', () => {
    expect(rangeOf('pooled')).toEqual({ first: 0, last: 2, reads: 2 });
    expect(rangeOf('inner')).toEqual({ first: 1, last: 2, reads: 1 });
    expect(rangeOf('sum')).toEqual({ first: 2, last: 3, reads: 1 });
  });

  it('starts inputs before the first launch and ends outputs after the last', () => {
    expect(rangeOf('image')).toEqual({ first: -1, last: 0, reads: 1 });
    expect(rangeOf('picked')).toEqual({ first: 6, last: 7, reads: 0 });
  });

  it('keeps constants all the time', () => {
    expect(rangeOf('Add_2:weights')).toEqual({ first: -1, last: 7, reads: 1 });
  });

  it('counts what happens to a view for its root', () => {
    expect(rangeOf('large')).toBeUndefined();
    expect(rangeOf('rest')).toBeUndefined();
    expect(rangeOf('both')).toEqual({ first: 3, last: 7, reads: 3 });
    expect(rootOf(program.surfaces, idOf('rest'))).toBe(idOf('both'));
  });

  it('knows nothing of a surface that nobody touches', () => {
    const [first] = program.surfaces;
    const unused = { ...first!, id: program.surfaces.length, name: 'unused' };
    expect(liveRanges({ ...program, surfaces: [...program.surfaces, unused] })[unused.id]).toBeUndefined();
  });

  it('throws on parents in a circle', () => {
    const surfaces = program.surfaces.map((surface) =>
      surface.name === 'both' ? { ...surface, parent: surface.id } : surface,
    );
    expect(() => rootOf(surfaces, idOf('rest'))).toThrow(RangeError);
  });
});

it('lists what each layer of the sample reads and writes', () => {
  const name = (id: number) => program.surfaces[id]!.name;
  const flow = program.layers.map((layer) => [
    layer.name,
    layerReads(layer).map(({ surface, role }) => `${role} ${name(surface)}`),
    layerWrites(layer).map(
      ({ surface, channels }) => `${name(surface)}${channels ? `[${channels.from}, ${channels.to})` : ''}`,
    ),
  ]);
  expect(flow).toEqual([
    ['Conv_0', ['input image', 'weights Conv_0:weights', 'vector Conv_0:bias', 'vector Conv_0:scale'], ['pooled']],
    ['Conv_1', ['input pooled', 'weights Conv_1:weights', 'vector Conv_1:bias', 'vector Conv_1:scale'], ['inner']],
    [
      'Add_2',
      ['input inner', 'weights Add_2:weights', 'vector Add_2:bias', 'operand pooled', 'vector Add_2:scale'],
      ['sum'],
    ],
    ['Resize_3', ['input sum'], ['large']],
    ['Copy_4', ['input large'], ['rest[0, 16)']],
    ['Copy_5', ['input large'], ['both[40, 64)']],
    ['Sigmoid_6', ['input rest', 'vector Sigmoid_6:scale'], ['picked']],
  ]);
});

describe('regions', () => {
  const steps = fc
    .record({
      from: fc.integer({ min: 0, max: 12 }),
      length: fc.integer({ min: 0, max: 20 }),
      step: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ from, length, step }) => ({ from, to: from + length, step }));
  const members = ({ from, to, step }: { from: number; to: number; step: number }): readonly number[] =>
    Array.from({ length: 40 }, (_, at) => at).filter((at) => at >= from && at < to && (at - from) % step === 0);

  it('share the pixels that lie in both', () => {
    fc.assert(
      fc.property(steps, steps, steps, steps, (rows, columns, otherRows, otherColumns) => {
        const shared = (a: typeof rows, b: typeof rows) => members(a).filter((at) => members(b).includes(at)).length;
        const [a, b] = [
          { from: 0, to: 6, rows, columns },
          { from: 4, to: 9, rows: otherRows, columns: otherColumns },
        ];
        expect(sharedArea(a, b)).toBe(2 * shared(rows, otherRows) * shared(columns, otherColumns));
      }),
    );
  });
});
