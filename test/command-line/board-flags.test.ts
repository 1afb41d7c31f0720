/**
 * Every flag of `dla compile` beside `--board`: it is found again in the folder, or refused before anything is written. A flag
 * that has no case here fails the test.
 */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepare, readNetwork } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { type ReadBoard as Board, readBoard } from './board-folder.ts';
import { cacheOf, small, smallNetwork } from './examples.ts';
import { Folder, leafCommands } from './program.ts';

/** A network whose first dimension is open, as exporters leave it. */
function openBatch(): Uint8Array {
  const graph = smallNetwork();
  const values = new Map([['image', { dtype: 'float32', shape: ['batch', 3, 32, 32] } as const]]);
  return writeModel({ ...graph, values });
}

/** What the GPU reads first, and behind it a convolution. */
function gpuFirst(): Uint8Array {
  const builder = new GraphBuilder('gpu', { seed: 2 });
  const [erf = ''] = builder.node('Erf', [builder.input('image', [1, 3, 32, 32])], [[1, 3, 32, 32]]);
  builder.output(builder.conv(erf, { channels: 8, kernel: 3 }));
  return writeModel(builder.build());
}

/** A node whose name trtexec would take for two. */
function commaName(): Uint8Array {
  const builder = new GraphBuilder('comma', { seed: 2 });
  builder.output(builder.conv(builder.input('image', [1, 3, 32, 32]), { channels: 8, kernel: 3, name: 'a,b' }));
  return writeModel(builder.build());
}

const commaNetwork = () => prepare(readNetwork(commaName()));
const openNetwork = () => prepare(readNetwork(openBatch()));
const gpuNetwork = () => prepare(readNetwork(gpuFirst()));

let folder: Folder;
let caches: Readonly<Record<string, string>>;
beforeAll(async () => {
  caches = {
    net: await cacheOf(small),
    open: await cacheOf(openNetwork),
    gpu: await cacheOf(gpuNetwork),
    comma: await cacheOf(commaNetwork),
  };
});
beforeEach(() => {
  folder = new Folder();
  folder.write('net.onnx', writeModel(smallNetwork()));
  folder.write('open.onnx', openBatch());
  folder.write('gpu.onnx', gpuFirst());
  folder.write('comma.onnx', commaName());
  for (const [name, cache] of Object.entries(caches)) folder.write(`${name}.cache`, cache);
});
afterEach(() => folder.remove());

const compiled = async (network: string, ...flags: readonly string[]) =>
  folder.run('compile', `${network}.onnx`, '--calib', `${network}.cache`, '--board', 'board', ...flags);

/** Flags → what the folder says. */
const honoured: readonly (readonly [network: string, flags: readonly string[], (board: Board) => void])[] = [
  [
    'net',
    [],
    ({ flags }) => {
      expect([...flags]).toEqual([
        ['--onnx', 'net.onnx'],
        ['--saveEngine', 'net.engine'],
        ['--useDLACore', '0'],
        ['--int8', true],
        ['--calib', 'net.cache'],
        ['--memPoolSize', 'dlaSRAM:0.5'],
        ['--inputIOFormats', 'int8:dla_hwc4'],
        ['--outputIOFormats', 'int8:chw32'],
        ['--profilingVerbosity', 'detailed'],
        ['--exportLayerInfo', 'net.layers.json'],
        ['--exportProfile', 'net.profile.json'],
        ['--separateProfileRun', true],
      ]);
    },
  ],
  ['net', ['--precision', 'int8'], ({ flags }) => expect(flags.get('--int8')).toBe(true)],
  ['net', ['--target', 'xavier'], ({ flags }) => expect(flags.get('--memPoolSize')).toBe('dlaSRAM:1')],
  ['net', ['--release', 'JetPack 5.1.1'], ({ header }) => expect(header).toBe('TRT-8502-EntropyCalibration2')],
  ['net', ['--release', 'JetPack 6.0'], ({ header }) => expect(header).toBe('TRT-8602-EntropyCalibration2')],
  ['net', ['--sram', '1'], ({ flags }) => expect(flags.get('--memPoolSize')).toBe('dlaSRAM:1')],
  ['net', ['--sram', '0.5'], ({ flags }) => expect(flags.get('--memPoolSize')).toBe('dlaSRAM:0.5')],
  [
    'net',
    ['--mem-pool', 'dlaSRAM:1,dlaLocalDRAM:512,dlaGlobalDRAM:0.5'],
    ({ flags }) => expect(flags.get('--memPoolSize')).toBe('dlaSRAM:1,dlaLocalDRAM:512,dlaGlobalDRAM:0.5'),
  ],
  ['net', ['--mem-pool', 'dlaSRAM:0.25'], ({ flags }) => expect(flags.get('--memPoolSize')).toBe('dlaSRAM:0.25')],
  ['net', ['--sparsity', 'enable'], ({ flags }) => expect(flags.get('--sparsity')).toBe('enable')],
  ['net', ['--sparsity', 'disable'], ({ flags }) => expect(flags.has('--sparsity')).toBe(false)],
  ...['dla_hwc4', 'dla_linear', 'chw32'].map(
    (format) =>
      [
        'net',
        ['--input-format', format],
        ({ flags }: Board) => expect(flags.get('--inputIOFormats')).toBe(`int8:${format}`),
      ] as const,
  ),
  [
    'gpu',
    ['--input-format', 'auto'],
    ({ flags }) => {
      expect(flags.get('--inputIOFormats')).toBe('fp32:chw');
      expect(flags.get('--allowGPUFallback')).toBe(true);
    },
  ],
  ['open', ['--batch', '2'], ({ inputs }) => expect(inputs).toEqual([['image', [2, 3, 32, 32]]])],
  ['open', ['--shapes', 'image:4x3x32x32'], ({ inputs }) => expect(inputs).toEqual([['image', [4, 3, 32, 32]]])],
  [
    'net',
    ['--divisor', '1', '--mean', '127', '--std', '64'],
    ({ page }) => expect(page).toContain('pictures that become (pixel − 127) / 64, rgb.\n'),
  ],
  [
    'net',
    ['--mean', '0.5,0.25,0.125', '--std', '2', '--channel-order', 'bgr'],
    ({ page }) => {
      expect(page).toContain('pictures that become (pixel / 255 − [0.5, 0.25, 0.125]) / 2, bgr.\n');
    },
  ],
  [
    'net',
    ['--layer-precisions', 'logits:fp16'],
    ({ flags }) => {
      expect([...flags].slice(3, 7)).toEqual([
        ['--int8', true],
        ['--fp16', true],
        ['--precisionConstraints', 'obey'],
        ['--layerPrecisions', 'logits:fp16'],
      ]);
      expect(flags.get('--outputIOFormats')).toBe('fp16:chw16');
    },
  ],
  [
    'net',
    ['--release', 'JetPack 7.2.2'],
    ({ flags, scales }) => {
      expect([...flags.keys()].filter((flag) => /int8|fp16|calib|Precision/.test(flag))).toEqual([]);
      expect(flags.get('--inputIOFormats')).toBe('dla_hwc4');
      expect([...scales.keys()]).toEqual(['image', 'logits']);
    },
  ],
  ['net', ['--propagate-scales'], ({ flags }) => expect(flags.get('--calib')).toBe('net.cache')],
  ['net', ['--asymmetric', 'requantize'], ({ flags }) => expect(flags.get('--calib')).toBe('net.cache')],
  ['net', ['--dla-core', '1'], ({ flags }) => expect(flags.get('--useDLACore')).toBe('1')],
  [
    'net',
    ['--dla-core', 'both'],
    ({ builds, runs }) => {
      expect(builds.map((flags) => [flags.get('--saveEngine'), flags.get('--useDLACore')])).toEqual([
        ['net.dla0.engine', '0'],
        ['net.dla1.engine', '1'],
      ]);
      expect(new Set(runs.map((flags) => [...flags].join(' ')))).toEqual(
        new Set(['--loadEngine,net.dla0.engine --useDLACore,0', '--loadEngine,net.dla1.engine --useDLACore,1']),
      );
    },
  ],
  [
    'net',
    ['--standalone', '--output-format', 'dla_linear'],
    ({ flags }) => {
      expect(flags.get('--buildDLAStandalone')).toBe(true);
      expect(flags.get('--saveEngine')).toBe('net.loadable.bin');
      expect(flags.get('--outputIOFormats')).toBe('int8:dla_linear');
    },
  ],
  [
    'net',
    ['--standalone', '--cudla'],
    ({ page }) => {
      const sources = ['Makefile', 'bindings.h', 'host.h', 'hybrid.cpp', 'standalone.cpp'];
      expect(folder.files().filter((file) => file.startsWith('board/cudla/'))).toEqual(
        sources.map((file) => `board/cudla/${file}`),
      );
      expect(page).toContain('cudla/hybrid net.loadable.bin 0 input0.bin output1.bin');
      expect(page).toContain('Nobody has tried them on a board');
    },
  ],
  ['net', ['--standalone'], () => expect(folder.files().filter((file) => file.includes('cudla'))).toEqual([])],
  [
    'net',
    [],
    ({ bindings }) => {
      expect(
        bindings.map(({ name, side, shape, type, format, bytes, row }) => [
          name,
          side,
          shape,
          type,
          format,
          bytes,
          row,
        ]),
      ).toEqual([
        ['image', 'input', [1, 3, 32, 32], 'int8', 'dla_hwc4', 4096, 128],
        ['logits', 'output', [1, 10, 15, 15], 'int8', 'chw32', 7200, 480],
      ]);
    },
  ],
  ['net', ['--output', 'net.dla'], () => expect(folder.files()).toContain('net.dla')],
];

/** Flags → the code of the refusal. */
const refused: readonly (readonly [network: string, flags: readonly string[], code: string])[] = [
  ['net', ['--precision', 'fp16'], 'compile/unsupported'],
  ['net', ['--precision', 'fp16', '--target', 'xavier'], 'compile/unsupported'],
  ['net', ['--standalone', '--release', 'JetPack 5.1.1'], 'compile/unsupported'],
  ['net', ['--standalone', '--dla-core', 'both'], 'compile/unsupported'],
  ['gpu', ['--standalone'], 'compile/unsupported'],
  ['net', ['--cudla'], 'cli/usage'],
  ['comma', ['--layer-precisions', '*:fp16'], 'compile/unsupported'],
  ['net', ['--output-format', 'dla_hwc4'], 'compile/unsupported'],
  ['net', ['--output-format', 'chw16'], 'compile/unsupported'],
  ['net', ['--dla-core', '2'], 'commander.invalidArgument'],
  ['net', ['--target', 'nv_small'], 'compile/unsupported'],
  ['net', ['--target', 'nv_full', '--precision', 'fp16'], 'compile/unsupported'],
  ['net', ['--sparsity', 'enable', '--target', 'xavier'], 'compile/unsupported'],
  ['net', ['--sram', '1', '--target', 'nv_small'], 'compile/memory'],
  ['net', ['--layer-precisions', 'logits:fp32'], 'commander.invalidArgument'],
  ['net', ['--layer-precisions', 'other:fp16'], 'compile/precision'],
  ['net', ['--mem-pool', 'dlaSRAM:0.75'], 'commander.invalidArgument'],
  ['net', ['--mem-pool', 'sram:1'], 'commander.invalidArgument'],
  ['net', ['--mem-pool', 'dlaSRAM:1', '--sram', '1'], 'commander.conflictingOption'],
  ['net', ['--mem-pool', 'dlaSRAM:2'], 'compile/memory'],
  ['net', ['--mem-pool', 'dlaLocalDRAM:512', '--target', 'nv_small'], 'compile/unsupported'],
  ['net', ['--sram', '3'], 'commander.invalidArgument'],
  ['net', ['--release', 'JetPack 1.0'], 'target/unknown'],
  ['net', ['--batch', '2'], 'shape/binding'],
  ['net', ['--shapes', 'picture:1x3x32x32'], 'shape/binding'],
  ['net', ['--mean', '0.5,0.5'], 'preprocess/invalid'],
  ['net', ['--interface', '0.12'], 'cli/usage'],
  ['net', ['--output', 'net.nvdla'], 'device/unsupported'],
  ['gpu', ['--input-format', 'dla_hwc4'], 'compile/unsupported'],
  ['gpu', ['--input-format', 'chw32'], 'compile/unsupported'],
];

describe('dla compile --board', () => {
  it.each(honoured)('%s %j', async (network, flags, check) => {
    expect(await compiled(network, ...flags)).toMatchObject({ code: undefined, status: 0 });
    check(readBoard(folder, 'board', flags[flags.indexOf('--target') + 1] === 'xavier' ? 'xavier' : 'orin'));
  });

  it.each(refused)('%s %j is refused, and nothing is written', async (network, flags, code) => {
    const before = folder.files();
    expect(await compiled(network, ...flags)).toMatchObject({ code, status: 2, stdout: '' });
    expect(folder.files()).toEqual(before);
  });

  it('is refused without a calibration: dummy ranges reach no board', async () => {
    const before = folder.files();
    const outcome = await folder.run('compile', 'net.onnx', '--board', 'board', '--output', 'net.dla');
    expect(outcome).toMatchObject({ code: 'calibrate/cache-missing', stdout: '' });
    expect(outcome.stderr).toContain('the board needs the calibrated ranges of the network');
    expect(folder.files()).toEqual(before);
  });

  it('has a case for every flag', () => {
    const flags = leafCommands()
      .get('compile')!
      .options.map(({ long }) => long!);
    const tested = new Set([...honoured, ...refused].flatMap(([, words]) => words));
    expect(flags.filter((flag) => !tested.has(flag)).sort()).toEqual(['--board', '--calib']);
  });
});
