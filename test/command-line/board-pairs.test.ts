/**
 * The flags of `dla compile --board` by pairs, over all releases: whatever two values may stand in one command stand in one, whose
 * folder is read. Two values that no command may have together are refused, and nothing is written. And eight commands by name, whose
 * words for trtexec are written out.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { prepare, writeCalibrationCache } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { readRanges } from '../../src/quantize/read-ranges.ts';
import { orinReleases, xavierReleases } from '../../src/targets/releases.ts';
import { measured } from '../quantization/networks.ts';
import { everyOperator, quantized } from '../quantization/quantizer.ts';
import { readBoard } from './board-folder.ts';
import { choices, covering, isHalfAtTheEnd, type Row, refusals } from './board-rows.ts';
import { cacheOf } from './examples.ts';
import { Folder } from './program.ts';
import { isTyped, releaseNames } from './trtexec-options.ts';

type Network = Row['network'];

/** Networks by what is special about them on a board; `quantized` states its scales itself. */
const networks: Readonly<Record<Network, (b: GraphBuilder, x: string) => string>> = {
  plain: (b, x) => last(b, first(b, x)),
  quantized: (b, x) => last(b, first(b, x)),
  promoted: (b, x) => b.unary('Sigmoid', last(b, first(b, x))),
  flattened: (b, x) => b.flatten(last(b, first(b, x), [16, 20])),
  'gpu first': (b, x) => last(b, first(b, b.unary('Erf', x))),
  'gpu last': (b, x) => b.unary('Erf', last(b, first(b, x))),
};
const first = (b: GraphBuilder, x: string) => b.conv(x, { channels: 8, kernel: 3, padding: 1, name: 'first' });
const last = (b: GraphBuilder, x: string, kernel: number | readonly [number, number] = 3) =>
  b.conv(x, { channels: 20, kernel, name: 'last' });

const build = (network: Network): Graph => {
  const builder = new GraphBuilder(network, { seed: 5 });
  builder.output(networks[network](builder, builder.input('image', [1, 3, 16, 20])));
  return builder.build();
};

const stem = (network: Network, precision: string): string =>
  `${network.replace(' ', '-')}${network === 'quantized' && precision === 'partial' ? '-partial' : ''}`;

const words = (row: Row): readonly string[] => [
  ...['compile', `${stem(row.network, row.precision)}.onnx`, '--board', 'board', '--target', row.target],
  ...['--release', row.release],
  ...(row.precision === 'fp16' ? ['--precision', 'fp16'] : []),
  ...(row.precision !== 'fp16' && row.network !== 'quantized'
    ? ['--calib', `${stem(row.network, row.precision)}${row.precision === 'partial' ? '-partial' : ''}.cache`]
    : []),
  ...(row.layers === 'default' ? [] : ['--layer-precisions', row.layers]),
  ...[row.pools, row.preprocess].flatMap((given) => (given === 'default' ? [] : given.split(' '))),
  ...['--sparsity', row.sparsity, '--input-format', row.input, '--output-format', row.output, '--dla-core', row.core],
  ...{ no: [], yes: ['--standalone'], cudla: ['--standalone', '--cudla'] }[row.standalone],
];
const shown = (row: Row): string => words(row).slice(1).join(' ');

const folder = new Folder();
beforeAll(async () => {
  for (const network of choices.network) {
    const graph = build(network);
    if (network === 'quantized') {
      const scales = await measured(graph);
      for (const partial of [false, true]) {
        const style = { perChannel: true, weights: 'integers', operators: everyOperator, outputs: !partial } as const;
        const file = `${stem(network, partial ? 'partial' : 'int8')}.onnx`;
        folder.write(file, writeModel(quantized(graph, scales, style)));
      }
      continue;
    }
    const prepared = () => prepare(build(network));
    const cache = await cacheOf(prepared);
    folder.write(`${stem(network, 'int8')}.onnx`, writeModel(graph));
    folder.write(`${stem(network, 'int8')}.cache`, cache);
    // Without what the last node on the DLA gives.
    const scales = new Map(readRanges(new TextEncoder().encode(cache)));
    const ends = new Set([
      ...graph.outputs,
      ...graph.nodes.filter(({ name }) => name === 'last').flatMap(({ outputs }) => outputs),
    ]);
    for (const value of scales.keys()) if (ends.has(value)) scales.delete(value);
    folder.write(`${stem(network, 'int8')}-partial.cache`, writeCalibrationCache(scales));
  }
});
afterAll(() => folder.remove());

/** Runs a command that has to work, reads its folder and takes it away. */
async function boardOf(target: string, given: readonly string[]) {
  expect(await folder.run(...given)).toMatchObject({ code: undefined, status: 0 });
  const board = readBoard(folder, 'board', target);
  for (const file of folder.files()) if (file.startsWith('board/')) folder.delete(file);
  return board;
}

const { working, refused, pairs } = covering(1);

describe('board flags in pairs', () => {
  it('are many, in few commands', () => {
    expect(releaseNames.toSorted()).toEqual(
      [...new Set([...orinReleases, ...xavierReleases].map(({ name }) => name))].sort(),
    );
    expect(pairs).toBeGreaterThan(900);
    expect(working.length).toBeLessThan(130);
    expect(refused.length).toBeGreaterThan(10);
    for (const row of working) expect(refusals(row), shown(row)).toEqual([]);
    for (const row of refused) expect(refusals(row), shown(row)).not.toEqual([]);
  });

  it.each(working.map((row) => [shown(row), row] as const))('dla %s', async (_, row) => {
    const board = await boardOf(row.target, words(row));
    expect(board.release.name).toBe(row.release);
    const half = row.precision === 'fp16';
    const ends = isHalfAtTheEnd(row);
    const typed = isTyped(row.release);
    const packed = typed ? 'chw' : 'fp32:chw';
    const input = row.network === 'gpu first' ? packed : undefined;
    const output = row.network === 'gpu last' ? packed : undefined;
    const type = (isHalf: boolean): string => (typed ? '' : isHalf ? 'fp16:' : 'int8:');
    expect(board.builds.map((flags) => flags.get('--useDLACore'))).toEqual(
      row.core === 'both' ? ['0', '1'] : [row.core],
    );
    expect(board.runs).toHaveLength(row.core === 'both' ? 2 : 0);
    for (const flags of board.builds) {
      expect([flags.has('--int8'), flags.has('--calib')]).toEqual([!half && !typed, !half && !typed]);
      const mixed = half || row.network === 'promoted' || row.precision === 'partial' || row.layers !== 'default';
      expect(flags.has('--fp16')).toBe(!typed && mixed);
      expect(flags.get('--layerPrecisions')).toBe(row.layers === 'default' || typed ? undefined : row.layers);
      expect(flags.get('--memPoolSize')).toBe(
        { default: `dlaSRAM:${row.target === 'orin' ? 0.5 : 1}`, '--sram 1': 'dlaSRAM:1' }[row.pools as string] ??
          row.pools.split(' ')[1],
      );
      expect(flags.get('--sparsity')).toBe(row.sparsity === 'enable' ? 'enable' : undefined);
      expect(flags.has('--allowGPUFallback')).toBe(row.network.startsWith('gpu'));
      expect(flags.has('--buildDLAStandalone')).toBe(row.standalone !== 'no');
      for (const flag of ['--exportProfile', '--exportLayerInfo', '--separateProfileRun']) {
        expect(flags.has(flag), flag).toBe(row.standalone === 'no');
      }
      const features = ends ? 'chw16' : 'chw32';
      expect(flags.get('--inputIOFormats')).toBe(
        input ?? `${type(half)}${row.input === 'auto' ? 'dla_hwc4' : row.input}`,
      );
      expect(flags.get('--outputIOFormats')).toBe(
        output ?? `${type(ends)}${row.output === 'auto' ? features : row.output}`,
      );
    }
    expect(board.page.includes('through cuDLA')).toBe(row.standalone === 'cudla');
    expect(board.page.includes('(pixel / 255 − [0.5, 0.25, 0.125]) / 2, rgb')).toBe(row.preprocess !== 'default');
  });

  it.each(refused.map((row) => [shown(row), row] as const))('dla %s is refused', async (_, row) => {
    const before = folder.files();
    const { code, status } = await folder.run(...words(row));
    expect(status).toBe(2);
    expect(refusals(row)).toContain(code);
    expect(folder.files()).toEqual(before);
  });
});

const measuring = (stem: string): string =>
  `--profilingVerbosity=detailed --exportLayerInfo=${stem}.layers.json --exportProfile=${stem}.profile.json --separateProfileRun`;

interface Named {
  readonly name: string;
  readonly target?: string;
  readonly given: readonly string[];
  /** The words of every run of trtexec. */
  readonly runs: readonly string[];
}

/** What people ask for most. */
const named: readonly Named[] = [
  {
    name: "NVIDIA's benchmark command",
    given: ['plain.onnx', '--calib', 'plain.cache', '--sram', '1'],
    runs: [
      `--onnx=plain.onnx --saveEngine=plain.engine --useDLACore=0 --int8 --calib=plain.cache --memPoolSize=dlaSRAM:1 --inputIOFormats=int8:dla_hwc4 --outputIOFormats=int8:chw32 ${measuring('plain')}`,
    ],
  },
  {
    name: 'FP16, an operator on the GPU',
    given: ['gpu-last.onnx', '--precision', 'fp16', '--release', 'JetPack 6.2'],
    runs: [
      `--onnx=gpu-last.onnx --saveEngine=gpu-last.engine --useDLACore=0 --fp16 --memPoolSize=dlaSRAM:0.5 --allowGPUFallback --inputIOFormats=fp16:dla_hwc4 --outputIOFormats=fp32:chw ${measuring('gpu-last')}`,
    ],
  },
  {
    name: 'both cores together',
    given: ['plain.onnx', '--calib', 'plain.cache', '--dla-core', 'both'],
    runs: [
      ...[0, 1].map(
        (core) =>
          `--onnx=plain.onnx --saveEngine=plain.dla${core}.engine --useDLACore=${core} --int8 --calib=plain.cache --memPoolSize=dlaSRAM:0.5 --inputIOFormats=int8:dla_hwc4 --outputIOFormats=int8:chw32 ${measuring(`plain.dla${core}`)}`,
      ),
      ...[0, 1].map((core) => `--loadEngine=plain.dla${core}.engine --useDLACore=${core}`),
    ],
  },
  {
    name: "as NVIDIA's cuDLA sample: INT8 with a head in FP16, a loadable",
    given: ['plain.onnx', '--calib', 'plain.cache', '--layer-precisions', 'last:fp16', '--standalone', '--cudla'],
    runs: [
      '--onnx=plain.onnx --saveEngine=plain.loadable.bin --useDLACore=0 --buildDLAStandalone --int8 --fp16 --precisionConstraints=obey --layerPrecisions=last:fp16 --calib=plain.cache --memPoolSize=dlaSRAM:0.5 --inputIOFormats=int8:dla_hwc4 --outputIOFormats=fp16:chw16',
    ],
  },
  {
    name: 'Xavier with JetPack 5',
    target: 'xavier',
    given: ['promoted.onnx', '--calib', 'promoted.cache', '--target', 'xavier', '--dla-core', '1'],
    runs: [
      `--onnx=promoted.onnx --saveEngine=promoted.engine --useDLACore=1 --int8 --fp16 --calib=promoted.cache --memPoolSize=dlaSRAM:1 --inputIOFormats=int8:dla_hwc4 --outputIOFormats=int8:chw32 ${measuring('promoted')}`,
    ],
  },
  {
    name: 'DRIVE OS, sparse weights, pools',
    given: [
      ...['plain.onnx', '--calib', 'plain.cache', '--release', 'DRIVE OS 6.0.9.1', '--sparsity', 'enable'],
      ...['--mem-pool', 'dlaSRAM:0.25,dlaLocalDRAM:512,dlaGlobalDRAM:64', '--output-format', 'dla_linear'],
    ],
    runs: [
      `--onnx=plain.onnx --saveEngine=plain.engine --useDLACore=0 --int8 --calib=plain.cache --memPoolSize=dlaSRAM:0.25,dlaLocalDRAM:512,dlaGlobalDRAM:64 --sparsity=enable --inputIOFormats=int8:dla_hwc4 --outputIOFormats=int8:dla_linear ${measuring('plain')}`,
    ],
  },
  {
    name: 'a Q/DQ network for TensorRT 8, without a calibration',
    given: ['quantized.onnx'],
    runs: [
      `--onnx=quantized.onnx --saveEngine=quantized.engine --useDLACore=0 --int8 --calib=quantized.cache --memPoolSize=dlaSRAM:0.5 --inputIOFormats=int8:dla_hwc4 --outputIOFormats=int8:chw32 ${measuring('quantized')}`,
    ],
  },
  {
    name: 'a strongly typed network for TensorRT 11, with an end in FP16',
    given: ['plain.onnx', '--calib', 'plain-partial.cache', '--release', 'JetPack 7.2.2'],
    runs: [
      `--onnx=plain.onnx --saveEngine=plain.engine --useDLACore=0 --memPoolSize=dlaSRAM:0.5 --inputIOFormats=dla_hwc4 --outputIOFormats=chw16 ${measuring('plain')}`,
    ],
  },
];

describe('board folders by name', () => {
  it.each(named.map((each) => [each.name, each] as const))('%s', async (_, { target = 'orin', given, runs }) => {
    const board = await boardOf(target, ['compile', ...given, '--board', 'board']);
    const found = [...board.builds, ...board.runs].map((flags) =>
      [...flags].map(([flag, value]) => (value === true ? flag : `${flag}=${value}`)).join(' '),
    );
    // The two that measure both cores start at the same time.
    expect(found.slice(0, board.builds.length)).toEqual(runs.slice(0, board.builds.length));
    expect(found.toSorted()).toEqual(runs.toSorted());
  });
});
