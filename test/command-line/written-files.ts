/** Reads what a command wrote with the reader for its kind of file. A kind that nobody reads here is a mistake of the test. */

import { dirname, posix } from 'node:path';
import { expect } from 'vitest';
import { readPreprocess } from '../../src/graph/preprocess.ts';
import { decodeLoadable } from '../../src/loadable/container.ts';
import { statedTarget } from '../../src/loadable/nvdla/format/loadable-target.ts';
import { decodeStockLoadable } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { validateStockLoadable } from '../../src/loadable/nvdla/validate/loadable.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { readCalibrationJson } from '../../src/quantize/calibration-json.ts';
import { reportSchema } from '../../src/report/json-schemas.ts';
import { readBoard } from './board-folder.ts';
import type { Folder } from './program.ts';

type Reader = (folder: Folder, file: string) => void | Promise<void>;

const byName: readonly (readonly [RegExp, Reader])[] = [
  [/(^|\/)report\.json$/, (folder, file) => expect(reportSchema.safeParse(json(folder, file)).error).toBeUndefined()],
  [
    /(^|\/)trace\.json$/,
    (folder, file) => expect(json(folder, file)).toMatchObject({ traceEvents: expect.any(Array) }),
  ],
  [/(^|\/)tensors\.json$/, readTensors],
  [/\.preprocess\.json$/, (folder, file) => void readPreprocess(folder.text(file), file)],
  [/_precision_config\.json$/, readPrecisions],
  [/(^|\/)net\.json$/, (folder, file) => void readCalibrationJson(folder.text(file), file)],
  [/_precision_config_layer_arg\.txt$/, (folder, file) => expect(folder.text(file)).toMatch(/^(.+:fp16(,.+:fp16)*)?$/)],
  [/_layer_precisions\.txt$/, (folder, file) => expect(folder.text(file)).toMatch(/^.+:fp16(,.+:fp16)*$/)],
  [/\.sarif$/, (folder, file) => expect(json(folder, file)).toMatchObject({ version: '2.1.0' })],
  [/\.html$/, (folder, file) => expect(folder.text(file)).not.toMatch(/undefined|NaN/)],
  [/\.cache$/, readCache],
  [/\.onnx$/, (folder, file) => void readModel(folder.read(file), { file })],
  [/\.dla$/, (folder, file) => void decodeLoadable(folder.read(file), { file })],
  [/\.nvdla$/, readStock],
  [/trtexec\.sh$/, (folder, file) => void readBoard(folder, dirname(file))],
  [/(^|\/)README\.md$/, (folder, file) => expect(folder.files()).toContain(posix.join(dirname(file), 'trtexec.sh'))],
  [/(^|\/)cudla\/(Makefile|\w+\.(h|cpp))$/, readSource],
  // tensors.json says what they hold, the trace which images it loads.
  [/\.bin$/, (folder, file) => expect(folder.files()).toContain(posix.join(dirname(file), 'tensors.json'))],
  [/\.(raw|dimg)$/, (folder, file) => expect(folder.read(file).length).toBeGreaterThan(0)],
  [/\.dat$/, (folder, file) => expect(traceBeside(folder, file)).toContain(posix.basename(file))],
  [/\.(cfg|txn)$/, playTrace],
];

export async function readWritten(folder: Folder, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const [, reader] = byName.find(([pattern]) => pattern.test(file)) ?? [];
    if (!reader) throw new Error(`nobody reads ${file}`);
    await reader(folder, file);
  }
}

const json = (folder: Folder, file: string): unknown => JSON.parse(folder.text(file));

function readTensors(folder: Folder, file: string): void {
  const entries = json(folder, file) as { file: string; dtype: string; shape: number[] }[];
  expect(entries.length).toBeGreaterThan(0);
  for (const { file: name, dtype, shape } of entries) {
    const size = { int8: 1, float32: 4, float16: 2 }[dtype]!;
    expect(folder.read(posix.join(dirname(file), name)).length, name).toBe(shape.reduce((a, b) => a * b, size));
  }
}

/** A source of the cuDLA hosts: what it names beside it is there (cudla.test.ts compiles and runs them). */
function readSource(folder: Folder, file: string): void {
  const text = folder.text(file);
  const pattern = file.endsWith('Makefile') ? /\b(\w+\.(?:cpp|h))\b/g : /#include "(.+)"/g;
  const own = [...text.matchAll(pattern)].map(([, name]) => name!);
  for (const name of own) expect(folder.files()).toContain(posix.join(dirname(file), name));
  expect(text).not.toContain('undefined');
}

/** What the translator's JSON says is what its cache and its argument say. */
function readPrecisions(folder: Folder, file: string): void {
  const { int8_tensor_scales: scales, fp16_nodes: half } = json(folder, file) as Record<string, object>;
  const beside = (end: string) => file.replace(/\.json$/, end);
  expect([...readCalibrationCache(folder.read(beside('_calib.cache'))).scales]).toEqual(Object.entries(scales!));
  expect(folder.text(beside('_layer_arg.txt'))).toBe((half as string[]).map((node) => `${node}:fp16`).join(','));
  const graph = readModel(folder.read(file.replace(/_precision_config\.json$/, '_noqdq.onnx')));
  const values = new Set([...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)]);
  expect(Object.keys(scales!).filter((name) => !values.has(name))).toEqual([]);
  expect((half as string[]).filter((name) => !graph.nodes.some((node) => node.name === name))).toEqual([]);
  expect(graph.nodes.filter(({ op }) => /Linear$/.test(op))).toEqual([]);
}

function readCache(folder: Folder, file: string): void {
  const { header, scales } = readCalibrationCache(folder.read(file), file);
  expect(header).toMatch(/^TRT-\d+-EntropyCalibration2$/);
  expect(scales.size).toBeGreaterThan(0);
  for (const [name, scale] of scales) expect(scale > 0 && scale < 1e6, `${name}: ${scale}`).toBe(true);
}

function readStock(folder: Folder, file: string): void {
  const loadable = decodeStockLoadable(folder.read(file));
  expect(validateStockLoadable(loadable, statedTarget(loadable, undefined))).toEqual([]);
}

const traceBeside = (folder: Folder, file: string): string =>
  folder
    .files()
    .filter((name) => dirname(name) === dirname(file) && /\.(cfg|txn)$/.test(name))
    .map((name) => folder.text(name))
    .join('');

async function playTrace(folder: Folder, file: string): Promise<void> {
  expect(await folder.run('trace', 'run', file, '--target', 'nv_small')).toMatchObject({
    code: undefined,
    stdout: expect.stringMatching(/: [1-9]\d* checks passed, /),
  });
}
