/**
 * The layout is a rule, not a habit: a room imports only from rooms above it, and everything but host/node and cli/
 * runs unchanged in a browser worker.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const rooms = [
  'base',
  'graph',
  'onnx',
  'targets',
  'support',
  'rewrite',
  'quantize',
  'sparsify',
  'program',
  'estimate',
  'compile',
  'loadable',
  'device',
  'runtime',
  'evaluate',
  'models',
  'report',
  'host',
  'cli',
];

const root = fileURLToPath(new URL('../src', import.meta.url));

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes(`testing${sep}`))
  .filter((path) => !path.startsWith(join('device', 'engines', 'wasm', 'assembly')))
  .map((path) => ({
    path,
    room: path.includes(sep) ? path.slice(0, path.indexOf(sep)) : 'index',
    text: readFileSync(join(root, path), 'utf8'),
  }));

const imports = (text: string): readonly string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1]!);

describe('rooms', () => {
  it('finds the sources', () => {
    expect(sources.length).toBeGreaterThan(20);
    for (const { path, room } of sources) expect([...rooms, 'index'], path).toContain(room);
  });

  it('import only from rooms above them', () => {
    const wrong = sources.flatMap(({ path, room, text }) => {
      if (room === 'index') return [];
      return imports(text)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(root, resolve(root, dirname(path), specifier)))
        .filter((target) => {
          const other = target.split(sep)[0]!;
          if (other === 'index.ts') return room !== 'cli';
          return rooms.indexOf(other) > rooms.indexOf(room);
        })
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });
});

/** The files whose values a file imports; what it imports for types alone is gone when it runs. */
function valueImports({ path, text }: Source): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
  const statements = code.matchAll(
    /^(?:import|export)\s+(type\s)?\s*(\{[^}]*\}|\*[^'"]*|[\w$]+)?\s*(?:from\s*)?['"](\.[^'"]+)['"]/gm,
  );
  return [...statements].flatMap(([, isType, names = '', specifier]) => {
    const parts = names.startsWith('{')
      ? names
          .slice(1, -1)
          .split(',')
          .map((part) => part.trim())
      : [];
    const onlyTypes = parts.length > 0 && parts.every((part) => part === '' || part.startsWith('type '));
    return isType || onlyTypes ? [] : [relative(root, resolve(root, dirname(path), specifier!))];
  });
}

/** Walks from file to file, and gives the first walk that comes back to where it has been. */
function circle(edges: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const found = walk(next, [...trail, path]);
      if (found) return found;
    }
    done.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const found = walk(path, []);
    if (found) return found;
  }
  return undefined;
}

describe('files', () => {
  it('import no values in a circle', () => {
    expect(circle(new Map(sources.map((source) => [source.path, valueImports(source)])))).toBeUndefined();
  });

  it('would be found in a circle', () => {
    const edges = new Map([
      ['a', ['b', 'c']],
      ['b', []],
      ['c', ['d']],
      ['d', ['a']],
    ]);
    expect(circle(edges)).toEqual(['a', 'c', 'd', 'a']);
  });
});

describe('platform neutrality', () => {
  const neutral = sources.filter(({ path }) => !path.startsWith(join('host', 'node')) && !path.startsWith('cli'));

  it('imports nothing of Node', () => {
    const wrong = neutral.flatMap(({ path, text }) =>
      imports(text)
        .filter((specifier) => specifier.startsWith('node:') || ['fs', 'path', 'os'].includes(specifier))
        .map((specifier) => `${path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('uses neither Buffer nor process', () => {
    const wrong = neutral
      .map(({ path, text }) => ({ path, code: text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '') }))
      .filter(({ code }) => /\b(?:Buffer\.|new Buffer|process\.(?:env|argv|exit|stdout|stderr|cwd))/.test(code))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});
