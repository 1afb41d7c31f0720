import { describe, expect, it } from 'vitest';
import { operatorsPage, rulesPage } from './docs.ts';
import { operators } from './operators.ts';
import { rules, verdictRules } from './rules.ts';

describe('the generated pages', () => {
  it('have every rule, once, and mark what is unverified', () => {
    const headings = [...rulesPage().matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    expect(headings).toEqual([...verdictRules, ...rules].map(({ id }) => id));
    const marked = [...rulesPage().matchAll(/\[unverified\]$/gm)].length;
    expect(marked).toBe(rules.filter(({ confidence }) => confidence === 'unverified').length);
  });

  it('have every operator, in rows of seven cells', () => {
    const rows = operatorsPage()
      .split('\n')
      .filter((line) => line.startsWith('| `') && line.split(' | ').length > 2);
    expect(rows).toHaveLength(operators.length);
    for (const row of rows) expect(row.split(' | ')).toHaveLength(7);
  });

  it('link to rules that are there', () => {
    const links = [...operatorsPage().matchAll(/\(rules\.md#([^)]*)\)/g)].map((match) => match[1]);
    const anchors = new Set(rules.map(({ id }) => id.replace('/', '')));
    expect(links.length).toBeGreaterThan(100);
    expect(links.filter((link) => !anchors.has(link!))).toEqual([]);
  });

  it('show an operator as the releases differ', () => {
    const row = operatorsPage()
      .split('\n')
      .find((line) => line.startsWith('| `Div`'));
    expect(row).toMatchInlineSnapshot(
      `"| \`Div\` | GPU | GPU | native since TensorRT 8.6.12 | native since DLA 3.14.0 | [\`elementwise/broadcast\`](rules.md#elementwisebroadcast) [\`elementwise/divisor\`](rules.md#elementwisedivisor) [\`elementwise/rank\`](rules.md#elementwiserank) |  |"`,
    );
  });
});
