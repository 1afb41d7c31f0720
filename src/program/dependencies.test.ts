import { describe, expect, it } from 'vitest';
import { withDependencies } from './dependencies.ts';
import type { Layer } from './layer.ts';
import type { Program } from './program.ts';
import { sampleProgram } from './testing/sample-program.ts';

const { program } = sampleProgram();
const afters = (changed: Program): readonly (readonly number[])[] =>
  withDependencies(changed).map(({ after }) => after);
const without = (layers: readonly Layer[]): readonly Layer[] => layers.map((layer) => ({ ...layer, after: [] }));
const writing = (layer: Layer, output: number): Layer => {
  if (layer.kind !== 'conv' || layer.pdp) throw new Error('no convolution without pooling');
  return { ...layer, sdp: { ...layer.sdp, output } };
};

describe('withDependencies', () => {
  it('finds the waits of a Program that has none, and keeps those that it has', () => {
    const found = afters({ ...program, layers: without(program.layers) });
    // Those that follow from others are left out: layer 2 reads layer 0's output too.
    expect(found).toEqual([[], [0], [1], [2], [3], [3], [4]]);
    const more = program.layers.map((layer, index) => (index === 3 ? { ...layer, after: [0, 2] } : layer));
    expect(afters({ ...program, layers: more })[3]).toContain(2);
  });

  it('lets nothing be overwritten that an earlier layer still reads', () => {
    // Layer 1 reads what layer 0 wrote; layer 2 now overwrites it.
    const first = program.layers[0]!;
    const written = first.kind === 'conv' && first.pdp ? first.pdp.output! : -1;
    const layers = program.layers.slice(0, 3).map((layer, index) => (index === 2 ? writing(layer, written) : layer));
    const image: Layer = { ...layers[2]!, after: [] };
    if (image.kind !== 'conv') throw new Error('no convolution');
    const { operand: _, ...sdp } = image.sdp as typeof image.sdp & { operand?: unknown };
    const apart = { ...image, conv: { ...image.conv, input: program.inputs[0]! }, sdp } as Layer;
    const found = afters({ ...program, layers: [...without(layers.slice(0, 2)), apart] });
    expect(found[2]).toEqual([1]);
  });
});
