import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { anchorsOf, deadLinks, repositoryTexts, type Text } from '../scripts/links.ts';

const page: Text = { path: 'docs/page.md', text: '# Page\n\n## SDP and `CACC`\n\n## Same\n\n## Same\n' };

const dead = (...texts: readonly Text[]): readonly string[] =>
  deadLinks([page, ...texts], (path) => [page, ...texts].some((text) => text.path === path) || path === 'src');

describe('links', () => {
  it('of this repository lead somewhere', () => {
    const texts = repositoryTexts();
    expect(texts.length).toBeGreaterThan(400);
    expect(deadLinks(texts, existsSync)).toEqual([]);
  });

  it('have the anchors that GitHub gives headings', () => {
    expect([...anchorsOf(page.text)]).toEqual(['page', 'sdp-and-cacc', 'same', 'same-1']);
    expect([...anchorsOf('```sh\n# no heading\n```\n## A [link](x.md), 2:4 · *done*\n')]).toEqual(['a-link-24--done']);
  });

  it('of a page are followed from its folder, anchors included', () => {
    const to = (target: string): readonly string[] => dead({ path: 'docs/a/b.md', text: `# B\n[x](${target})\n` });
    for (const there of ['../page.md', '../page.md#same-1', '#b', 'https://example.org/x.md', '../../src']) {
      expect(to(there), there).toEqual([]);
    }
    expect(to('page.md')).toEqual(['docs/a/b.md: no docs/a/page.md']);
    expect(to('../page.md#sdp')).toEqual(['docs/a/b.md: no #sdp in docs/page.md']);
    expect(to('#c')).toEqual(['docs/a/b.md: no #c in docs/a/b.md']);
  });

  it('are not looked for in code, but paths that a page names are', () => {
    expect(
      dead({ path: 'README.md', text: '`[x](gone.md)`\n```\n[x](gone.md) `src/gone.ts`\n```\n`src/*.ts`' }),
    ).toEqual([]);
    expect(dead({ path: 'README.md', text: 'see `src/gone.ts`' })).toEqual(['README.md: no src/gone.ts']);
  });

  it('in a source are citations of pages', () => {
    const source = (text: string): readonly string[] => dead({ path: 'src/a.ts', text });
    expect(source('// docs/page.md#same, docs/page.md')).toEqual([]);
    expect(source('// docs/page.md#gone')).toEqual(['src/a.ts: no #gone in docs/page.md']);
    expect(source("const source = 'docs/gone.md';")).toEqual(['src/a.ts: no docs/gone.md']);
    expect(source('// another repository: onnx/docs/Gone.md')).toEqual([]);
  });

  it('to sources are looked for by the end of their path', () => {
    const source = (text: string): readonly string[] => dead({ path: 'src/a/b.ts', text });
    expect(source("/** As b.ts, a/b.ts and src/a/b.ts say. */\nimport './gone.ts'; // b.ts")).toEqual([]);
    expect(source('/**\n * See c/b.ts.\n */\nlet x; // gone.ts')).toEqual([
      'src/a/b.ts: no c/b.ts',
      'src/a/b.ts: no gone.ts',
    ]);
  });

  it.each([
    'facts 1.2',
    'facts, section 7',
    'perf-model section 2',
    'nvdla-facts section 4',
    'nvdla-timing section 2.3',
    'DESIGN section 4',
  ])('to notes outside the repository are refused: %s', (old) => {
    const line = `// x (${old})`;
    expect(dead({ path: 'src/a.ts', text: line })).toEqual([`src/a.ts: cites notes outside the repository: ${line}`]);
  });
});
