/**
 * Every operator on every configuration: it becomes hardware layers that give what onnxruntime gives in floating point, within
 * what quantizing loses, or a rule that is named sends it to the host. Nothing is left to the host without one, and every
 * loadable keeps the rules of the stock format.
 */

import { describe, expect, it } from 'vitest';
import { lowerProgram } from '../../src/loadable/nvdla/lower/program.ts';
import { validateStockLoadable } from '../../src/loadable/nvdla/validate/loadable.ts';
import type { CompiledNetwork } from '../../src/program/program.ts';
import { nvdlaOperators } from '../../src/support/rules/nvdla/operators.ts';
import { findNvdla, targets } from '../../src/targets/find.ts';
import { isNvdla } from '../../src/targets/target.ts';
import { operatorCases } from './operators.ts';
import { prepared, runOn, signalToNoise, worstPart } from './run.ts';

const configurations = targets
  .filter(isNvdla)
  .flatMap(({ name, nvdla }) => [
    [name, 'int8'] as const,
    ...(nvdla.precisions.includes('float16') ? [[name, 'fp16'] as const] : []),
  ]);

/** What the stock loadables of a network, in both versions of the interface, break of the format's rules. */
const problemsOf = ({ plan, blobs }: CompiledNetwork) =>
  plan.segments.flatMap((segment) => {
    if (segment.kind === 'host') return [];
    const target = findNvdla(plan.target);
    const loadables = ([10, 12] as const).map((minor) => lowerProgram(segment.program, blobs, target, { minor }));
    return loadables.flatMap((loadable) => validateStockLoadable(loadable, target));
  });

it('has a case for every operator that the open NVDLA runs', () => {
  const covered = new Set(operatorCases.flatMap(({ graph }) => graph.nodes.map(({ op }) => op)));
  // Before opset 10 Resize was called so; reshapes of one pixel are all the same to it.
  for (const op of ['Upsample', 'Squeeze', 'Unsqueeze']) covered.add(op);
  expect([...nvdlaOperators].filter((op) => !covered.has(op))).toEqual([]);
});

describe.each(operatorCases.map((item) => [item.title, item] as const))('%s', (_, { graph, rule, range }) => {
  it('runs on every configuration', async () => {
    const subject = await prepared(graph, range);
    for (const [target, precision] of configurations) {
      const where = `${target} ${precision}`;
      const { outputs, compilation } = await runOn(subject, target, precision);
      expect([...compilation.notEmulated], where).toEqual([]);
      const rules = compilation.checked.verdicts.flatMap(({ refusals }) => refusals.map((refusal) => refusal.rule));
      if (rule === undefined) {
        expect(rules, where).toEqual([]);
        expect(
          compilation.network.plan.segments.map(({ kind }) => kind),
          where,
        ).toEqual(['dla']);
      } else expect(rules, where).toContain(rule);
      expect(problemsOf(compilation.network), where).toEqual([]);
      for (const name of graph.outputs) {
        const [found, wanted] = [outputs[name]!, subject.expected[name]!];
        expect(found.shape, where).toEqual(wanted.shape);
        if (precision === 'fp16') expect(worstPart(found, wanted), where).toBeLessThan(0.003);
        // 30 dB: what 8 bits leave of numbers that use their range.
        else expect(signalToNoise(found, wanted), where).toBeGreaterThan(1000);
      }
    }
  });
});
