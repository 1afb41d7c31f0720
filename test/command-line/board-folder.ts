/**
 * Reads a board folder: runs its script with a trtexec that only writes down what it was asked for, holds every flag to the options
 * that the release's trtexec has, and the files to one another.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { expect } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { asFloat32 } from '../../src/graph/tensor.ts';
import { readModel } from '../../src/onnx/read.ts';
import { resolve } from '../../src/onnx/resolve.ts';
import { readCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { findRelease, findTarget } from '../../src/targets/find.ts';
import type { JetsonTarget, Release } from '../../src/targets/target.ts';
import type { Folder } from './program.ts';
import { isTyped, knows } from './trtexec-options.ts';

/** Flag → value, in the order of the command; `true` for a flag without one. */
type Flags = ReadonlyMap<string, string | true>;

export interface ReadBoard {
  readonly release: Release;
  /** Of the first build. */
  readonly flags: Flags;
  /** One for each core. */
  readonly builds: readonly Flags[];
  /** Runs of what was built. */
  readonly runs: readonly Flags[];
  readonly script: string;
  readonly page: string;
  /** Absent in FP16. */
  readonly header?: string;
  readonly scales: ReadonlyMap<string, number>;
  readonly inputs: readonly (readonly [name: string, shape: readonly (number | string)[]])[];
  readonly bindings: readonly Binding[];
}

/** A row of the page's table. */
interface Binding {
  readonly name: string;
  readonly side: string;
  readonly shape: readonly number[];
  readonly type: string;
  readonly format: string;
  readonly bytes: number;
  readonly row: number;
  readonly scale?: number;
}

/** Writes its words, one a line, and fails where a file that it should read is missing. */
const standIn = `#!/bin/sh
for word in "$@"; do
  printf '%s\\n' "$word" >> "$RUNS/$$"
  case $word in
    --onnx=*|--calib=*|--loadEngine=*) [ -f "\${word#*=}" ] || exit 1 ;;
    --saveEngine=*|--exportProfile=*|--exportLayerInfo=*) : > "\${word#*=}" ;;
  esac
done
`;

/** @param target the name of the target that the folder was written for */
export function readBoard(folder: Folder, path: string, target = 'orin'): ReadBoard {
  const script = folder.text(posix.join(path, 'trtexec.sh'));
  const page = folder.text(posix.join(path, 'README.md'));
  const hardware = findTarget(target) as JetsonTarget;
  const [, name = ''] = /with the trtexec of (.+) \(TensorRT [\d.]+\)/.exec(script)!;
  const release = findRelease(hardware, name);
  const commands = runScript(folder, path);
  for (const flags of commands) holdToRelease(flags, release);

  const builds = commands.filter((flags) => flags.has('--onnx'));
  const [flags = new Map<string, string | true>()] = builds;
  const at = (file: string): string => posix.join(path, file);
  const graph = resolve(readModel(folder.read(at(String(flags.get('--onnx'))))));
  const calib = flags.get('--calib');
  const cache = typeof calib === 'string' ? readCalibrationCache(folder.read(at(calib))) : undefined;
  const typed = isTyped(release.name);
  const scales = typed ? statedScales(graph) : (cache?.scales ?? new Map<string, number>());
  const bindings = readBindings(page);
  for (const build of builds) holdTogether(build, { graph, scales, bindings, typed, page });
  holdBindings(bindings, graph, scales, hardware);
  return {
    release,
    flags,
    builds,
    runs: commands.filter((run) => !run.has('--onnx')),
    script,
    page,
    ...(cache && { header: cache.header }),
    scales,
    inputs: graph.inputs.map((input) => [input, graph.values.get(input)!.shape!] as const),
    bindings,
  };
}

/** What the script asks trtexec for, from another folder than its own. */
function runScript(folder: Folder, path: string): readonly Flags[] {
  const script = join(folder.path, path, 'trtexec.sh');
  expect(statSync(script).mode & 0o111).not.toBe(0);
  const work = mkdtempSync(join(tmpdir(), 'dlakit-trtexec-'));
  try {
    const runs = join(work, 'runs');
    mkdirSync(runs);
    const trtexec = join(work, 'trtexec');
    writeFileSync(trtexec, standIn);
    chmodSync(trtexec, 0o755);
    const before = new Set(folder.files());
    // The script runs in a copy of its environment that has no trtexec but this one.
    const env = { PATH: `${work}:${process.env.PATH}`, RUNS: runs };
    const { status, stderr } = spawnSync(script, [], { cwd: work, env, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const file of folder.files()) if (!before.has(file)) rmSync(join(folder.path, file));
    return readdirSync(runs)
      .map(Number)
      .sort((a, b) => a - b)
      .map((run) => flagsOf(readFileSync(join(runs, `${run}`), 'utf8')));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function flagsOf(words: string): Flags {
  const flags = new Map<string, string | true>();
  for (const word of words.trimEnd().split('\n')) {
    const [, flag = '', value] = /^(--\w+)(?:=(.*))?$/.exec(word) ?? [];
    expect(flag, word).not.toBe('');
    expect(flags.has(flag), word).toBe(false);
    flags.set(flag, value ?? true);
  }
  return flags;
}

function holdToRelease(flags: Flags, { name }: Release): void {
  for (const [flag, value] of flags) expect(knows(name, flag, value), `${flag}=${value} of ${name}`).toBe(true);
}

interface Files {
  readonly graph: Graph;
  readonly scales: ReadonlyMap<string, number>;
  readonly bindings: readonly Binding[];
  /** Whether the network says its precision itself. */
  readonly typed: boolean;
  readonly page: string;
}

/** The scales of int8 inputs and outputs of a strongly typed network. */
function statedScales(graph: Graph): ReadonlyMap<string, number> {
  const bound = new Set([...graph.inputs, ...graph.outputs]);
  const scales = new Map<string, number>();
  for (const { op, inputs, outputs } of graph.nodes) {
    const value = op === 'QuantizeLinear' ? outputs[0]! : op === 'DequantizeLinear' ? inputs[0]! : '';
    if (bound.has(value)) scales.set(value, asFloat32(graph.constants.get(inputs[1]!)!)[0]!);
  }
  return scales;
}

const typeNames: Readonly<Record<string, string>> = { int8: 'int8', fp16: 'float16', fp32: 'float32', int32: 'int32' };

/** A precision that fits the cache, pools that TensorRT takes, and the formats that the page states. */
function holdTogether(flags: Flags, { graph, scales, bindings, typed, page }: Files): void {
  expect(flags.has('--int8')).toBe(flags.has('--calib'));
  expect(flags.has('--int8') || flags.has('--fp16')).toBe(!typed);
  const pools = String(flags.get('--memPoolSize')).split(',');
  expect(pools[0]).toMatch(/^dlaSRAM:/);
  for (const pool of pools) {
    const size = Number(pool.split(':')[1]);
    expect(Number.isInteger(Math.log2(size)), pool).toBe(true);
    expect(size * 2 ** 20, pool).toBeGreaterThanOrEqual(4096);
  }
  const known = new Set([...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)]);
  for (const [name, scale] of scales) {
    expect(known.has(name), name).toBe(true);
    expect(scale > 0 && Number.isFinite(scale)).toBe(true);
  }
  for (const [flag, values, side] of [
    ['--inputIOFormats', graph.inputs, 'input'],
    ['--outputIOFormats', graph.outputs, 'output'],
  ] as const) {
    const bound = bindings.filter((binding) => binding.side === side);
    expect(bound.map(({ name }) => name)).toEqual(values.map(shownName));
    expect(flags.get(flag)).toBe(bound.map(({ type, format }) => (typed ? format : `${type}:${format}`)).join(','));
    for (const [index, { type }] of bound.entries()) {
      if (typed) expect(graph.values.get(values[index]!)!.dtype).toBe(typeNames[type]);
      else if (type === 'fp16') expect(flags.get('--fp16')).toBe(true);
    }
  }
  // What the page says besides contradicts neither the bindings nor the flags.
  const [, notes = ''] = page.split('## Worth knowing');
  expect(notes).not.toContain('bind it as');
  expect(notes.includes('between DLA and GPU')).toBe(flags.has('--allowGPUFallback'));
  if (flags.has('--buildDLAStandalone')) {
    expect(flags.has('--allowGPUFallback')).toBe(false);
    for (const { side, type, format } of bindings) {
      const allowed = ['dla_linear', type === 'int8' ? 'chw32' : 'chw16', ...(side === 'input' ? ['dla_hwc4'] : [])];
      expect(allowed).toContain(format);
      expect(['int8', 'fp16']).toContain(type);
    }
  }
}

function readBindings(page: string): readonly Binding[] {
  const [, table = ''] = /\n## Bindings\n\n((?:\|.*\n)+)/.exec(page)!;
  const cells = (line: string) => line.slice(2, -2).split(/(?<!\\) \| /);
  return table
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((line): Binding => {
      const [name = '', side = '', shape = '', type = '', format = '', bytes = '', row = '', , , scale = ''] =
        cells(line);
      return {
        name: /^(`+) ?(.*?) ?\1$/.exec(name)![2]!.replaceAll('\\|', '|'),
        side,
        shape: shape.split('×').map(Number),
        type,
        format,
        bytes: Number(bytes),
        row: Number(row),
        ...(scale !== '' && { scale: Number(scale) }),
      };
    });
}

/** A name as people see it: without what a terminal would take for a command. */
const shownName = (name: string): string => name.replace(/\p{Cc}/gu, '\ufffd');

const sizes: Readonly<Record<string, number>> = { int8: 1, fp16: 2, fp32: 4, int32: 4 };

/** Sizes and rows as docs/hardware/orin.md#formats gives them, scales as the cache has them. */
function holdBindings(
  bindings: readonly Binding[],
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  { imagePitch }: JetsonTarget,
): void {
  const up = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;
  const values = [...graph.inputs, ...graph.outputs];
  for (const [index, { name, shape, type, format, bytes, row, scale }] of bindings.entries()) {
    const value = values[index]!;
    expect(shape, name).toEqual(graph.values.get(value)!.shape);
    const size = sizes[type]!;
    const [n = 1, c = 1, h = 1, w = 1] = shape;
    const layouts: Readonly<Record<string, readonly [row: number, bytes: number]>> = {
      dla_linear: [up(w * size, 64), n * c * h * up(w * size, 64)],
      dla_hwc4: [up(w * (c === 1 ? 1 : 4) * size, imagePitch), n * h * up(w * (c === 1 ? 1 : 4) * size, imagePitch)],
      chw16: [w * 16 * 2, n * Math.ceil(c / 16) * h * w * 16 * 2],
      chw32: [w * 32, n * Math.ceil(c / 32) * h * w * 32],
      chw: [shape.length === 4 ? w * size : 0, shape.reduce((product, dim) => product * dim, size)],
    };
    expect([row, bytes], `${name} in ${format}`).toEqual(layouts[format]);
    expect(scale, name).toBe(type === 'int8' ? scales.get(value) : undefined);
  }
}
