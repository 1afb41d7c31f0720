/**
 * Whoever uses the package can name every type that its functions take and give: each type that the public declarations reach is
 * exported by an entry of the package. Read from the built declarations.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** A type by the file that declares it. */
interface Symbol {
  readonly file: string;
  readonly name: string;
}

interface Declarations {
  /** Text of each type, function or constant, without comments and strings. */
  readonly own: ReadonlyMap<string, string>;
  readonly types: ReadonlySet<string>;
  /** Local name → what it is elsewhere. */
  readonly imports: ReadonlyMap<string, Symbol>;
  /** Exported name → what it is, here or elsewhere. */
  readonly exports: ReadonlyMap<string, Symbol>;
  readonly inline: readonly Symbol[];
}

const read = new Map<string, Declarations>();

function declarations(file: string): Declarations {
  const known = read.get(file) ?? parse(file);
  read.set(file, known);
  return known;
}

const target = (file: string, specifier: string): string | undefined =>
  specifier.startsWith('.') ? join(dirname(file), specifier.replace(/\.[jt]s$/, '.d.ts')) : undefined;

const names = (list: string): readonly (readonly [from: string, to: string])[] =>
  list
    .split(',')
    .map((part) => part.trim().replace(/^type /, ''))
    .filter((part) => part !== '')
    .map((part) => part.split(' as ') as [string, string?])
    .map(([from, to = from]) => [from, to] as const);

function parse(file: string): Declarations {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const [own, types] = [new Map<string, string>(), new Set<string>()];
  const [imports, exports] = [new Map<string, Symbol>(), new Map<string, Symbol>()];
  const inline: Symbol[] = [];
  for (const statement of statements(text)) {
    const from = /\bfrom '([^']+)'/.exec(statement)?.[1];
    const list = /\{([^}]*)\}/.exec(statement)?.[1] ?? '';
    if (/^import\b/.test(statement)) {
      const other = target(file, from!);
      if (other !== undefined) for (const [name, local] of names(list)) imports.set(local, { file: other, name });
    } else if (/^export (?:type )?\*/.test(statement)) {
      const other = target(file, from!);
      if (other !== undefined) for (const [name, symbol] of declarations(other).exports) exports.set(name, symbol);
    } else if (/^export (?:type )?\{/.test(statement)) {
      for (const [name, out] of names(list)) {
        const other = from === undefined ? undefined : target(file, from);
        exports.set(out, other ? { file: other, name } : (imports.get(name) ?? { file, name }));
      }
    } else {
      const found = /^(?:export )?(?:declare )?(?:abstract )?(interface|type|class|enum|function|const|let) (\w+)/.exec(
        statement,
      );
      if (!found) continue;
      const [, kind = '', name = ''] = found;
      for (const [, specifier = '', member = ''] of statement.matchAll(/import\("([^"]+)"\)\.(\w+)/g)) {
        const other = target(file, specifier);
        if (other !== undefined) inline.push({ file: other, name: member });
      }
      // Classes are made by functions (openDevice, loadNetwork): what their constructors take stays inside.
      const visible = statement.replace(/'[^'\n]*'|"[^"\n]*"/g, '').replace(/\bconstructor\([^;]*;/g, '');
      own.set(name, `${own.get(name) ?? ''}\n${visible}`);
      if (['interface', 'type', 'class', 'enum'].includes(kind)) types.add(name);
      if (statement.startsWith('export ')) exports.set(name, { file, name });
    }
  }
  return { own, types, imports, exports, inline };
}

/** The statements of a declaration file: up to a `;` or a `}` outside brackets. */
function statements(text: string): readonly string[] {
  const found: string[] = [];
  let [depth, start] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if ('{([<'.includes(character) && !(character === '<' && text[at - 1] === '=')) depth++;
    if ('})]>'.includes(character) && !(character === '>' && text[at - 1] === '=')) depth--;
    const ends =
      depth === 0 &&
      (character === ';' || (character === '}' && !/^\s*(?:from|;|\||&|\[|\))/.test(text.slice(at + 1))));
    if (!ends) continue;
    const statement = text.slice(start, at + 1).trim();
    if (statement !== ';' && statement !== '') found.push(statement);
    start = at + 1;
  }
  return found;
}

/** Where a symbol is declared: through files that only pass it on. */
function declared({ file, name }: Symbol): Symbol {
  const { own, exports } = declarations(file);
  const passed = exports.get(name);
  return own.has(name) || !passed ? { file, name } : declared(passed);
}

const key = ({ file, name }: Symbol): string => `${relative(dist, file)} ${name}`;

describe('the public API', () => {
  const entries = ['index.d.ts', 'host/node/index.d.ts', 'host/browser/index.d.ts'].map((name) => join(dist, name));

  it('was built', () => expect(entries.filter((entry) => !existsSync(entry))).toEqual([]));

  it('exports every type that its declarations name', () => {
    const open = entries.flatMap((entry) => [...declarations(entry).exports.values()].map(declared));
    const exported = new Set(open.map(key));
    const [seen, missing] = [new Set<string>(), new Set<string>()];
    for (let symbol = open.pop(); symbol; symbol = open.pop()) {
      if (seen.has(key(symbol))) continue;
      seen.add(key(symbol));
      const { own, types, imports } = declarations(symbol.file);
      if (types.has(symbol.name) && !exported.has(key(symbol))) missing.add(key(symbol));
      for (const word of new Set(own.get(symbol.name)?.match(/\b[A-Za-z_]\w*\b/g))) {
        if (word === symbol.name) continue;
        const other = imports.get(word) ?? (types.has(word) ? { file: symbol.file, name: word } : undefined);
        if (other) open.push(declared(other));
      }
    }
    // Enough to know that the declarations were understood.
    expect(seen.size).toBeGreaterThan(150);
    expect([...missing].sort()).toEqual([]);
  });
});
