/** Reads what a command wrote with the reader for its kind of file. A kind that nobody reads here is a mistake of the test. */

import { dirname, posix } from 'node:path';
import { expect } from 'vitest';
import { decodeLoadable } from '../../src/loadable/container.ts';
import { statedTarget } from '../../src/loadable/nvdla/format/loadable-target.ts';
import { decodeStockLoadable } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { validateStockLoadable } from '../../src/loadable/nvdla/validate/loadable.ts';
import { readModel } from '../../src/onnx/read.ts';
import { resolve } from '../../src/onnx/resolve.ts';
import { readCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { reportSchema } from '../../src/report/json-schemas.ts';
import type { Folder } from './program.ts';

type Reader = (folder: Folder, file: string) => void | Promise<void>;

const byName: readonly (readonly [RegExp, Reader])[] = [
  [/(^|\/)report\.json$/, (folder, file) => expect(reportSchema.safeParse(json(folder, file)).error).toBeUndefined()],
  [
    /(^|\/)trace\.json$/,
    (folder, file) => expect(json(folder, file)).toMatchObject({ traceEvents: expect.any(Array) }),
  ],
  [/(^|\/)tensors\.json$/, readTensors],
  [/\.sarif$/, (folder, file) => expect(json(folder, file)).toMatchObject({ version: '2.1.0' })],
  [/\.html$/, (folder, file) => expect(folder.text(file)).not.toMatch(/undefined|NaN/)],
  [/\.cache$/, readCache],
  [/\.onnx$/, (folder, file) => void readModel(folder.read(file), { file })],
  [/\.dla$/, (folder, file) => void decodeLoadable(folder.read(file), { file })],
  [/\.nvdla$/, readStock],
  [/trtexec\.sh$/, (folder, file) => void readBoard(folder, dirname(file))],
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

/** What a board folder says, read from its files alone. */
export interface Board {
  /** Flag → value, in the order of the command; `true` for a flag without one. */
  readonly flags: ReadonlyMap<string, string | true>;
  readonly script: string;
  readonly header: string;
  readonly scales: ReadonlyMap<string, number>;
  readonly inputs: readonly (readonly [name: string, shape: readonly (number | string)[]])[];
}

/**
 * Reads a board folder and holds its files to one another: an INT8 command with the cache of the network's own tensors, a pool
 * of SRAM that TensorRT takes, a format for every input and output.
 */
export function readBoard(folder: Folder, path: string): Board {
  const script = folder.text(posix.join(path, 'trtexec.sh'));
  const command = script
    .slice(script.indexOf('trtexec \\\n'))
    .trim()
    .split(/ \\\n {2}/);
  expect(command[0]).toBe('trtexec');
  const flags = new Map(
    command.slice(1).map((word): [string, string | true] => {
      const [, flag, value] = /^(--\w+)(?:=(.+))?$/.exec(word)!;
      return [flag!, value ?? true];
    }),
  );
  const at = (flag: string): string => posix.join(path, String(flags.get(flag)));
  const graph = resolve(readModel(folder.read(at('--onnx'))));
  const { header, scales } = readCalibrationCache(folder.read(at('--calib')));
  expect(flags.get('--int8')).toBe(true);
  const pools = String(flags.get('--memPoolSize')).split(',');
  expect(pools[0]).toMatch(/^dlaSRAM:/);
  for (const pool of pools) {
    const [, size] = /^dla(?:SRAM|LocalDRAM|GlobalDRAM):([\d.]+)$/.exec(pool)!;
    expect(Number.isInteger(Math.log2(Number(size))), pool).toBe(true);
    expect(Number(size) * 2 ** 20, pool).toBeGreaterThanOrEqual(4096);
  }
  const known = new Set([...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)]);
  for (const [name, scale] of scales) {
    expect(known.has(name), name).toBe(true);
    expect(scale > 0 && Number.isFinite(scale)).toBe(true);
  }
  for (const [flag, values] of [
    ['--inputIOFormats', graph.inputs],
    ['--outputIOFormats', graph.outputs],
  ] as const) {
    const formats = String(flags.get(flag)).split(',');
    expect(formats).toHaveLength(values.length);
    for (const [index, format] of formats.entries()) {
      expect(format).toMatch(/^(int8:(dla_hwc4|dla_linear|chw32)|fp16:chw16|fp32:chw)$/);
      if (format.startsWith('int8:')) expect(scales.has(values[index]!), values[index]).toBe(true);
      if (format.startsWith('fp16:')) expect(flags.get('--fp16')).toBe(true);
    }
  }
  return {
    flags,
    script,
    header,
    scales,
    inputs: graph.inputs.map((name) => [name, graph.values.get(name)!.shape!] as const),
  };
}
