import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFolder, readBytes, readText, writeFile, writeFiles } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlakit-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Every file below a folder. */
const all = (): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

describe('reading', () => {
  it('gives bytes and text', async () => {
    writeFileSync(join(folder, 'a'), 'größer');
    expect(await readBytes(join(folder, 'a'))).toEqual(new Uint8Array(readFileSync(join(folder, 'a'))));
    expect(await readText(join(folder, 'a'))).toBe('größer');
  });

  it('names the file that is not there', async () => {
    const file = join(folder, 'b.onnx');
    await expect(readBytes(file)).rejects.toThrow(
      `${file}: the file cannot be read: no such file or folder [file/not-found]`,
    );
    await expect(readBytes(folder)).rejects.toThrow('it is a folder [file/not-found]');
    await expect(listFolder(join(folder, 'c'))).rejects.toThrow('[file/not-found]');
  });

  it('lists folders in order', async () => {
    for (const name of ['b', 'a', 'Z']) writeFileSync(join(folder, name), '');
    mkdirSync(join(folder, 'm'));
    expect(await listFolder(folder)).toEqual([
      { name: 'Z', folder: false },
      { name: 'a', folder: false },
      { name: 'b', folder: false },
      { name: 'm', folder: true },
    ]);
  });
});

describe('writing', () => {
  it('makes folders and replaces files, and leaves nothing else', async () => {
    const file = join(folder, 'x', 'y', 'out.txt');
    await writeFile(file, 'one');
    await writeFile(file, 'two');
    expect(readFileSync(file, 'utf8')).toBe('two');
    expect(all()).toEqual(['x', 'x/y', 'x/y/out.txt']);
  });

  it('says when a folder cannot be made or a file is a folder', async () => {
    writeFileSync(join(folder, 'file'), 'kept');
    const inside = join(folder, 'file', 'out.txt');
    await expect(writeFile(inside, 'x')).rejects.toThrow(/a part of the path is no folder \[file\/not-writable\]$/);
    await expect(writeFile(folder, 'x')).rejects.toThrow(/it is a folder \[file\/not-writable\]$/);
    expect(all()).toEqual(['file']);
  });

  it.runIf(process.platform === 'linux')('says so where the file system takes no folders', async () => {
    await expect(writeFile('/proc/dlakit/out.txt', 'x')).rejects.toThrow('[file/not-writable]');
    await expect(writeFile('/proc/dlakit/deep/out.txt', 'x')).rejects.toThrow('[file/not-writable]');
  });

  it('writes all files or none', async () => {
    writeFileSync(join(folder, 'old'), 'old');
    writeFileSync(join(folder, 'file'), '');
    const wanted = [
      [join(folder, 'old'), 'new'],
      [join(folder, 'new', 'deep', 'a'), 'a'],
      [join(folder, 'file', 'b'), 'b'],
    ] as const;
    await expect(writeFiles(wanted)).rejects.toThrow('[file/not-writable]');
    expect(all()).toEqual(['file', 'old']);
    expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('old');
  });

  it('leaves no half of a file when Ctrl-C comes in the middle', async () => {
    const script = `
      import { writeFiles } from ${JSON.stringify(new URL('./files.ts', import.meta.url).href)};
      process.stdout.write('started');
      const half = new Uint8Array(48 << 20);
      await writeFiles(Array.from({ length: 40 }, (_, i) => [${JSON.stringify(folder)} + '/out' + i, half]));
      process.stdout.write('finished');
    `;
    const runner = join(folder, '..', `dlakit-runner-${process.pid}.ts`);
    // Node 20 cannot run TypeScript: esbuild turns the module into JavaScript first.
    const { build } = await import('esbuild');
    await build({
      stdin: { contents: script, resolveDir: folder, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: runner.replace(/ts$/, 'mjs'),
      plugins: [
        {
          name: 'file-urls',
          setup: (b) => b.onResolve({ filter: /^file:/ }, ({ path }) => ({ path: new URL(path).pathname })),
        },
      ],
    });
    const child = spawn(process.execPath, [runner.replace(/ts$/, 'mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (text) => {
      printed += String(text);
    });
    while (!all().some((name) => name.endsWith('.tmp'))) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill('SIGINT');
    const [, signal] = await once(child, 'exit');
    rmSync(runner.replace(/ts$/, 'mjs'));
    expect(printed).toBe('started');
    expect(signal).toBe('SIGINT');
    expect(all()).toEqual([]);
  });
});
