/**
 * Bundles the package as a user's build does. What is bundled is `dist/`, that which is published: imports of `src/`
 * are led to the files that were built from them, after seeing that they are no older.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');
const dist = join(root, 'dist');

/** What `npm run build` makes of a file in src/. */
const builtFrom = (source: string): string => join(dist, relative(src, source)).replace(/\.ts$/, '.js');

const isBuilt = (path: string): boolean =>
  path.endsWith('.ts') &&
  !path.endsWith('.test.ts') &&
  !path.split(sep).includes('testing') &&
  !path.startsWith(join('device', 'engines', 'wasm', 'assembly'));

/** @throws Error when dist/ is absent or older than a source */
function requireBuilt(): void {
  const changed = (path: string) => statSync(path).mtimeMs;
  const stale = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(isBuilt)
    .filter((path) => {
      const source = join(src, path);
      const built = builtFrom(source);
      return !existsSync(built) || changed(built) < changed(source);
    });
  if (stale.length === 0) return;
  throw new Error(`dist/ is not what src/ is now (${stale.length} files, the first ${stale[0]}): run npm run build`);
}

const builtPackage: Plugin = {
  name: 'built package',
  setup({ onResolve }) {
    onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) => {
      const source = join(resolveDir, path);
      return source.startsWith(src + sep) ? { path: builtFrom(source) } : undefined;
    });
  },
};

export interface Bundle {
  /** Name → contents; the entry is `main.js`, the others are loaded when they are needed. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly outputs: Metafile['outputs'];
}

/**
 * One entry, minified, for browsers.
 * @param absent packages that are not to be found, as if they were not installed
 */
export async function bundle(
  entry: { readonly file: string } | { readonly contents: string },
  absent: readonly string[] = [],
): Promise<Bundle> {
  requireBuilt();
  const { outputFiles, metafile } = await build({
    ...('file' in entry ? { entryPoints: [entry.file] } : { stdin: { contents: entry.contents, resolveDir: root } }),
    entryNames: 'main',
    absWorkingDir: root,
    outdir: '/',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
    plugins: [builtPackage],
    alias: Object.fromEntries(absent.map((name) => [name, `absent-${name}`])),
  });
  const name = (path: string) => path.split(/[\\/]/).at(-1)!;
  return {
    files: new Map(outputFiles.map(({ path, contents }) => [name(path), contents])),
    outputs: Object.fromEntries(Object.entries(metafile.outputs).map(([path, output]) => [name(path), output])),
  };
}

/** The files that are loaded before anything runs: the entry and what it imports statically. */
export function loadedAtOnce({ outputs }: Bundle): readonly string[] {
  const found = new Set(['main.js']);
  for (const file of found) {
    for (const { path, kind, external } of outputs[file]?.imports ?? []) {
      if (kind === 'import-statement' && !external) found.add(path.split('/').at(-1)!);
    }
  }
  return [...found];
}

/** A WebAssembly module in hexadecimal begins so. */
export const holdsKernels = (script: Uint8Array): boolean => Buffer.from(script).includes('0061736d01000000');
