/** Every network that compiles for the open NVDLA, as stock loadables in both versions of the interface: whole, sound, tagged. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile, encodeNvdla, prepare, readNetwork } from '../../src/index.ts';
import { targetOfLoadable } from '../../src/loadable/nvdla/format/loadable-target.ts';
import { decodeStockLoadable } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { tagOf } from '../../src/loadable/nvdla/format/tag.ts';
import { interfaceMinor } from '../../src/loadable/nvdla/format/task-descriptors.ts';
import { validateStockLoadable } from '../../src/loadable/nvdla/validate/loadable.ts';
import { fashionModels } from '../../src/models/fashion.ts';
import { resnet18, resnet50 } from '../../src/models/resnet.ts';
import { targets } from '../../src/targets/find.ts';
import { isNvdla } from '../../src/targets/target.ts';

const fashion = fashionModels.map(({ name, file, preprocess }) => {
  const bytes = readFileSync(new URL(`../../models/${file}`, import.meta.url));
  return { name, preprocess, graph: () => readNetwork(bytes), precisions: ['int8', 'fp16'] as const };
});
const benchmarks = [
  { name: 'ResNet-18', preprocess: undefined, graph: resnet18, precisions: ['int8', 'fp16'] as const },
  { name: 'ResNet-50', preprocess: undefined, graph: resnet50, precisions: ['int8'] as const },
];
const configurations = targets.filter(isNvdla);

describe.each([...fashion, ...benchmarks])('$name', ({ graph, precisions, preprocess }) => {
  const network = prepare(graph());
  const cases = configurations.flatMap((target) =>
    precisions
      .filter((precision) => precision === 'int8' || target.nvdla.precisions.includes('float16'))
      .map((precision) => [target.name, precision, target] as const),
  );

  it.each(cases)('is one sound loadable for %s in %s', (name, precision, target) => {
    const compiled = compile(network, { target: name, precision, ...(preprocess && { preprocess }) });
    expect([...compiled.notEmulated]).toEqual([]);
    for (const version of ['0.10', '0.12'] as const) {
      const loadable = decodeStockLoadable(encodeNvdla(compiled, { interface: version }));
      expect(validateStockLoadable(loadable, target)).toEqual([]);
      expect(targetOfLoadable(loadable)).toBe(target);
      expect(`0.${interfaceMinor(loadable, loadable.tasks[0]!)}`).toBe(version);
      const { inputs, outputs, preprocess: said } = tagOf(loadable)!;
      expect(said).toEqual(preprocess);
      const { plan } = compiled.network;
      for (const [tagged, names] of [
        [inputs, plan.inputs],
        [outputs, plan.outputs],
      ] as const) {
        expect(tagged.map((tensor) => tensor.name)).toEqual(names);
        for (const { name: tensor, shape, scale } of tagged) {
          const wanted = plan.tensors.find((candidate) => candidate.name === tensor)!;
          expect([shape, scale]).toEqual([wanted.shape, wanted.scale]);
        }
      }
    }
  });
});
