/** Rules at their limits and one beyond. A rule of a list without a case that passes and one that fails does not get in. */

import { describe, expect, it } from 'vitest';
import type { Precision } from '../../base/data-type.ts';
import type { Graph } from '../../graph/graph.ts';
import { findRelease, findTarget } from '../../targets/find.ts';
import { check } from '../check.ts';
import { elsewhere } from '../consequences.ts';
import { type CheckOptions, limitFor, type Rule, ruleContext } from '../rule.ts';

export interface RuleCase {
  readonly rule: string;
  readonly passes: readonly Graph[];
  /** Graph, limit, value. */
  readonly fails: readonly (readonly [Graph, number | string, number | string])[];
  /** `orin` when not given. */
  readonly target?: string;
  readonly release?: string;
  readonly precision?: Precision;
}

export function describeRules(rules: readonly Rule[], cases: readonly RuleCase[]): void {
  describe.each(cases)('$rule ($target $release $precision)', (item) => {
    it.each(item.passes.map((graph, index) => [index, graph] as const))('accepts case %i', (_, graph) => {
      expect(answer(graph, item)).toEqual({ refusals: [], warnings: [] });
    });

    it.each(item.fails.map(([graph, limit, value], index) => [index, limit, value, graph] as const))(
      'finds case %i: limit %s, value %s',
      (_, limit, value, graph) =>
        expectFinding(rules.find(({ id }) => id === item.rule)!, item, graph, { limit, value }),
    );
  });

  it('has a case that passes and one that fails for every rule', () => {
    const having = (kind: 'passes' | 'fails') =>
      new Set(cases.filter((item) => item[kind].length > 0).map(({ rule }) => rule));
    const failing = having('fails');
    const covered = [...having('passes')].filter((rule) => failing.has(rule));
    expect(covered.sort()).toEqual(rules.map(({ id }) => id).sort());
  });
}

function optionsOf({ target = 'orin', release, precision = 'int8' }: RuleCase): CheckOptions {
  const hardware = findTarget(target);
  return { target: hardware, release: findRelease(hardware, release), precision };
}

function answer(graph: Graph, item: RuleCase) {
  const { rule } = item;
  const { verdicts } = check(graph, optionsOf(item));
  return {
    refusals: verdicts.flatMap(({ node, placement, refusals }) =>
      refusals.filter((refusal) => refusal.rule === rule).map((refusal) => ({ node, placement, refusal })),
    ),
    warnings: verdicts.flatMap(({ placement, warnings }) =>
      warnings.filter((warning) => warning.startsWith(`${rule}: `)).map((warning) => ({ placement, warning })),
    ),
  };
}

function expectFinding(rule: Rule, item: RuleCase, graph: Graph, values: { limit: unknown; value: unknown }): void {
  const options = optionsOf(item);
  const context = ruleContext(graph, options);
  const found = graph.nodes.flatMap((node) => {
    const limit = limitFor(rule, node.op, context);
    const finding = limit && rule.test(node, context, limit.value);
    return finding ? [{ finding, limit }] : [];
  });
  expect(found[0]?.finding).toMatchObject({ values });
  const { limit } = found[0]!;
  const { refusals, warnings } = answer(graph, item);
  if ((limit.severity ?? rule.severity) === 'warn') {
    expect(refusals).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.placement).toBe('dla');
    return;
  }
  expect(refusals).toHaveLength(1);
  const { node, placement, refusal } = refusals[0]!;
  expect(placement).toBe(elsewhere(options.target));
  expect(refusal.values).toMatchObject(values);
  expect(refusal.message.startsWith(`${node}: `)).toBe(true);
  expect(refusal.message.endsWith(`[${item.rule}]`)).toBe(true);
  expect(refusal.source).toBe(limit.source);
}
