import { describe, expect, it } from 'vitest';
import { operatorsPage, rulesPage } from './docs.ts';
import { operators } from './operators.ts';
import { networkRules, rules } from './rules.ts';

describe('the generated pages', () => {
  it('have every rule, once, and mark what is inferred', () => {
    const headings = [...rulesPage().matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    expect(headings).toEqual([...networkRules, ...rules].map(({ id }) => id));
    const marked = [...rulesPage().matchAll(/\[inferred\]$/gm)].length;
    expect(marked).toBe(
      [...networkRules, ...rules].filter(({ limits }) => limits.at(-1)?.evidence === 'inferred').length,
    );
  });

  it('have a line for each limit of a rule that releases differ in', () => {
    const section = (id: string) =>
      rulesPage()
        .split('\n## ')
        .find((text) => text.startsWith(`${id}\n`));
    expect(section('general/loadables')).toMatchInlineSnapshot(`
      "general/loadables

      A DLA core holds at most 16 loadables; segments with the fewest multiply-accumulates give way.

      * TensorRT before 8.0.0: A DLA core holds at most 8 loadables; segments with the fewest multiply-accumulates give way. Source (log): TensorRT 7 build log: "DLA supports only 8 subgraphs per DLA core"
      * TensorRT 8.0.0 up to before 8.5.0: A DLA core holds at most 4 loadables; segments with the fewest multiply-accumulates give way. Source (documented): TensorRT developer guide 8.2–8.4; which segments give way is our choice
      * TensorRT 8.5.0 and later: A DLA core holds at most 16 loadables; segments with the fewest multiply-accumulates give way. Source (documented): TensorRT developer guide 8.5 and 10.x; which segments give way is our choice
      "
    `);
    expect(section('convolution/cbuf')).toMatchInlineSnapshot(`
      "convolution/cbuf

      One kernel and the input rows under it fit the 16 banks of the convolution buffer.

      * Refusal: the node runs on the GPU
      * Operators: \`Conv\`
      * TensorRT before 8.6.0: One kernel and the input rows under it should fit the 16 banks of the convolution buffer; this TensorRT does not test it, and the DLA compiler may refuse the whole segment. Warning: the node stays on the DLA. Source (documented): TensorRT developer guide 8.2–8.5, "DLA supported layers and restrictions" (pseudo-code); NVIDIA/Deep-Learning-Accelerator-SW @ ea61780, FAQ
      * TensorRT 8.6.0 and later: One kernel and the input rows under it fit the 16 banks of the convolution buffer. Source (documented): TensorRT developer guide 8.2–8.5, "DLA supported layers and restrictions" (pseudo-code); run by TensorRT since 8.6.0: NVIDIA/Deep-Learning-Accelerator-SW @ ea61780, FAQ
      "
    `);
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
