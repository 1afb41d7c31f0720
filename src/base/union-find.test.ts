import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnionFind } from './union-find.ts';

describe('UnionFind', () => {
  it('keeps the root of the first operand', () => {
    const sets = new UnionFind(2);
    expect(sets.add()).toBe(2);
    expect(sets.join(2, 0)).toBe(2);
    expect(sets.join(0, 1)).toBe(2);
    expect([0, 1, 2].map((element) => sets.find(element))).toEqual([2, 2, 2]);
    expect(sets.join(1, 2)).toBe(2);
  });

  it('joins what any chain of joins connects, and nothing else', () => {
    const element = fc.nat(19);
    fc.assert(
      fc.property(fc.array(fc.tuple(element, element), { maxLength: 30 }), (joins) => {
        const sets = new UnionFind(20);
        // Labels that are rewritten in full at every join.
        let labels = Array.from({ length: 20 }, (_, index) => index);
        for (const [a, b] of joins) {
          sets.join(a, b);
          labels = labels.map((label) => (label === labels[b] ? labels[a]! : label));
        }
        for (let a = 0; a < 20; a++) {
          for (let b = 0; b < 20; b++) expect(sets.find(a) === sets.find(b)).toBe(labels[a] === labels[b]);
        }
      }),
    );
  });

  it('follows a long chain without recursion', () => {
    const sets = new UnionFind(200_000);
    for (let element = 199_999; element > 0; element--) sets.join(element - 1, element);
    expect(sets.find(199_999)).toBe(0);
  });
});
