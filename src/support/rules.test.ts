import { describe, expect, it } from 'vitest';
import { atLeast } from '../targets/releases.ts';
import { sentence, type Version } from './rule.ts';
import { networkRules, rules } from './rules.ts';

const all = [...networkRules, ...rules];

describe('the list of rules', () => {
  it('has unique ids of the form layer/what', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { id } of rules) expect(id).toMatch(/^[a-z-]+\/[a-z-]+$/);
  });

  it('has a sentence and a source for every limit', () => {
    for (const rule of all) {
      for (const limit of rule.limits) {
        expect(sentence(rule, limit)).toMatch(/^[A-Z].*\.( \[inferred\])?$/);
        expect(limit.source.length).toBeGreaterThan(10);
      }
    }
  });

  it('has one limit at most for each release', () => {
    const begins = (since?: Version, until?: Version) => since && until && atLeast(since, until);
    for (const { id, limits } of all) {
      for (const [index, { since }] of limits.entries()) {
        if (index > 0) expect(begins(since, limits[index - 1]!.until), id).toBe(true);
      }
    }
  });
});
