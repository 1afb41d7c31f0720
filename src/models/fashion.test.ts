import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { readModel } from '../onnx/read.ts';
import { resolve } from '../onnx/resolve.ts';
import { quantize } from '../quantize/quantize.ts';
import { dummyRanges } from '../quantize/scales.ts';
import { rewrite } from '../rewrite/rewrite.ts';
import { check } from '../support/check.ts';
import { findRelease } from '../targets/find.ts';
import { orin } from '../targets/orin.ts';
import { fashionModel, fashionModels } from './fashion.ts';

const release = findRelease(orin, 'JetPack 6.0');
const layers: Readonly<Record<string, number>> = {
  'fashion-resnet20': 23,
  'fashion-mobilenetv2': 34,
  'fashion-resnet8-wide-dense': 11,
  'fashion-resnet8-wide-sparse24': 11,
};

describe.each(fashionModels)('$name', (recipe) => {
  const { input, output, preprocess } = recipe;
  const shape = input.shape.map((dim) => (dim === 'batch' ? 4 : dim));
  const file = readFileSync(new URL(`../../models/${recipe.file}`, import.meta.url));
  const graph = rewrite(resolve(readModel(file), { shapes: new Map([[input.name, shape]]) })).graph;
  const checked = check(graph, { target: orin, release, precision: 'int8' });
  const options = { target: orin, release, preprocess, sparsity: 'enable' as const };
  const { network, notEmulated } = compile(
    quantize(graph, dummyRanges(graph), { ranges: 'dummy' }).quantized,
    checked,
    options,
  );
  const [segment, ...others] = network.plan.segments;
  if (segment?.kind !== 'dla') throw new Error('a DLA segment wanted');

  it('compiles to one DLA segment without a host segment', () => {
    expect(others).toEqual([]);
    expect(notEmulated.size).toBe(0);
    expect(segment.program.layers).toHaveLength(layers[recipe.name]!);
    expect(network.plan).toMatchObject({ batch: 4, inputs: [input.name], outputs: [output], preprocess });
    expect(network.plan.tensors.map((tensor) => tensor.shape)).toEqual([shape, [4, 10]]);
  });

  it('takes images', () => {
    expect(segment.program.surfaces[segment.program.inputs[0]!]).toMatchObject({ format: 'dla_hwc4', shape });
  });

  it('runs sparse exactly where it was pruned', () => {
    const sparse = segment.program.layers.filter((layer) => layer.kind === 'conv' && layer.conv.sparse);
    expect(sparse.length > 0).toBe(recipe.name.endsWith('sparse24'));
  });

  it('is found by name', () => {
    expect(fashionModel(`/some/folder/${recipe.file}`)).toBe(recipe);
    expect(fashionModel(recipe.name)).toBe(recipe);
  });
});

it('knows no other networks', () => expect(fashionModel('resnet50.onnx')).toBeUndefined());
