/** What a browser's build makes of the built package: nothing of Node, nothing loaded before it is needed, a known size. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundle, holdsKernels, loadedAtOnce, root } from './bundle.ts';

const everything = "export * from 'dlakit'; export * from 'dlakit/browser';";

/** Bytes of files as they travel, minified and gzipped. */
const gzipped = ({ files }: Bundle, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + gzipSync(files.get(name)!).length, 0);

const inputsOf = ({ outputs }: Bundle, names: readonly string[]): readonly string[] =>
  names.flatMap((name) => Object.keys(outputs[name]!.inputs));

const fromPackage = (name: string) => (input: string) => input.includes(`node_modules/${name}/`);

interface Manifest {
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
}

describe('the package', () => {
  it('holds every file that its manifest names', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
    const named = [...Object.values(manifest.exports).flatMap(Object.values), ...Object.values(manifest.bin)];
    expect(named.length).toBeGreaterThan(6);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('the package in a bundle', () => {
  let whole: Bundle;
  let worker: Bundle;

  beforeAll(async () => {
    whole = await bundle({ contents: everything });
    worker = await bundle({ file: join(root, 'test', 'browser', 'worker.ts') });
  });

  it('is found by its name', () => {
    expect(inputsOf(whole, ['main.js'])).toEqual(
      expect.arrayContaining(['dist/index.js', 'dist/host/browser/index.js']),
    );
  });

  it('imports nothing that is not in the bundle, and nothing of Node', () => {
    for (const { files, outputs } of [whole, worker]) {
      expect(Object.values(outputs).flatMap(({ imports }) => imports.filter(({ external }) => external))).toEqual([]);
      for (const name of [...files.keys()].filter((name) => Object.keys(outputs[name]!.inputs).some(isOurs))) {
        expect(
          Buffer.from(files.get(name)!)
            .toString()
            .match(/["'`]node:[a-z_/]+["'`]/)?.[0],
          name,
        ).toBeUndefined();
      }
    }
  });

  it('takes along no package that is for Node alone', () => {
    for (const { outputs } of [whole, worker]) {
      const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
      for (const name of ['onnxruntime-node', 'sharp', 'commander', 'cli-progress']) {
        expect(inputs.filter(fromPackage(name)), name).toEqual([]);
      }
    }
  });

  it('loads onnxruntime-web and the kernels when they are needed', () => {
    for (const made of [whole, worker]) {
      const atOnce = loadedAtOnce(made);
      expect(inputsOf(made, atOnce).filter(fromPackage('onnxruntime-web'))).toEqual([]);
      expect(inputsOf(made, Object.keys(made.outputs)).some(fromPackage('onnxruntime-web'))).toBe(true);
      expect(atOnce.filter((name) => holdsKernels(made.files.get(name)!))).toEqual([]);
    }
    expect([...worker.files].filter(([, data]) => holdsKernels(data))).toHaveLength(2);
  });

  it('can be built where onnxruntime-web is not installed', async () => {
    const { outputs } = await bundle({ contents: everything }, ['onnxruntime-web']);
    const external = Object.values(outputs).flatMap(({ imports }) => imports.filter((found) => found.external));
    expect(external.map(({ kind }) => kind)).toEqual(['dynamic-import']);
  });

  it('has a known size', () => {
    const kernels = [...worker.files.keys()].filter((name) => holdsKernels(worker.files.get(name)!));
    const sizes = {
      'dlakit and dlakit/browser': gzipped(whole, loadedAtOnce(whole)),
      'a worker that checks, compiles and runs': gzipped(worker, loadedAtOnce(worker)),
      'kernels, one thread or several': Math.max(...kernels.map((name) => gzipped(worker, [name]))),
    };
    for (const [what, size] of Object.entries(sizes)) console.info(`${what}: ${(size / 1024).toFixed(0)} KiB`);
    // With the stock format of the open NVDLA: written, validated, printed, lifted; with traces and both estimates; with the
    // folding of every operator that may stand before a weight; with the reading of Q/DQ networks, the coverage of scales, the schedule
    // of launches, FP16 beside INT8, what the board's trtexec knows, tuning, pre-processing, and the hosts for cuDLA.
    expect(sizes['dlakit and dlakit/browser']).toBeLessThan(334 * 1024);
    // With the compiler and the rules of the open NVDLA; its registers and firmware are loaded when wanted. zod is 28 KiB of it,
    // since the description of a kind of layer holds its schema.
    expect(sizes['a worker that checks, compiles and runs']).toBeLessThan(206 * 1024);
    // 4 KiB of them are FP16 of orin and xavier: sums in another type and order, halves in and out, Softmax and LRN.
    expect(sizes['kernels, one thread or several']).toBeLessThan(19 * 1024);
  });
});

const isOurs = (input: string): boolean => input.startsWith('dist/');
