import { describe, expect, it } from 'vitest';
import { bytes } from '../../../base/units.ts';
import { GraphBuilder } from '../../../models/graph-builder.ts';
import { readModel } from '../../../onnx/read.ts';
import { readCalibrationCache } from '../../../quantize/calibration-cache.ts';
import { fullCoverage } from '../../../quantize/coverage.ts';
import type { QuantizedGraph } from '../../../quantize/quantize.ts';
import type { CheckedSegment } from '../../../support/verdict.ts';
import { findRelease } from '../../../targets/find.ts';
import { nvSmall } from '../../../targets/nvdla.ts';
import { orin } from '../../../targets/orin.ts';
import { xavier } from '../../../targets/xavier.ts';
import type { CompilationOptions } from '../../compilation.ts';
import { compile } from '../../compile.ts';
import { acceptAll } from '../../testing/accept-all.ts';
import { type Board, type BoardOptions, boardOf } from './board.ts';

const release = findRelease(orin, 'JetPack 5.1.1');
const sram = bytes(2 ** 20);

function network(op: string): QuantizedGraph {
  const b = new GraphBuilder('my network');
  const conv = b.conv(b.input('image', [1, 3, 8, 8]), { channels: 8, kernel: 3, name: 'conv' });
  b.output(b.node(op, [conv], [b.shape(conv)], {}, 'last')[0]!);
  const graph = b.build();
  const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  return { graph, scales: new Map(values.map((value) => [value, Math.fround(0.1)])), ranges: 'calibrated' };
}

interface Given extends BoardOptions {
  readonly options?: Partial<CompilationOptions>;
  readonly segments?: readonly CheckedSegment[];
}

function board(quantized: QuantizedGraph, { options: more, segments, ...wanted }: Given = {}): Board {
  const precision = more?.precision === 'float16' ? 'fp16' : 'int8';
  const checked = { ...acceptAll(quantized.graph, segments), precision } as const;
  const options: CompilationOptions = { target: orin, release, sram, precision: 'int8', ...more };
  const compiled = compile(quantized, checked, options);
  const compilation = {
    ...compiled,
    options,
    checked,
    quantized,
    precisions: new Map(),
    rangeChanges: [],
    coverage: fullCoverage(0),
    unmatched: [],
    balancedGates: [],
  };
  return boardOf(compilation, wanted);
}

/** The words of a run of trtexec. */
const words = ({ commands }: Board, run = 0): readonly string[] =>
  commands[run]!.flags.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));

const measured = [
  '--profilingVerbosity=detailed',
  '--exportLayerInfo=my_network.layers.json',
  '--exportProfile=my_network.profile.json',
  '--separateProfileRun',
];

describe('board files', () => {
  it('are the network, the ranges and the command', () => {
    const quantized = network('Relu');
    const { model, cache, ...rest } = board(quantized);
    expect(readModel(model.bytes).nodes.map(({ name }) => name)).toEqual(['conv', 'last']);
    const read = readCalibrationCache(cache!.text);
    expect(read.header).toBe('TRT-8502-EntropyCalibration2');
    expect([...read.scales]).toEqual([...quantized.scales]);
    expect(words({ model, ...rest })).toEqual([
      '--onnx=my_network.onnx',
      '--saveEngine=my_network.engine',
      '--useDLACore=0',
      '--int8',
      '--calib=my_network.cache',
      '--memPoolSize=dlaSRAM:1',
      '--inputIOFormats=int8:dla_hwc4',
      '--outputIOFormats=int8:chw32',
      ...measured,
    ]);
    for (const { reason } of rest.commands[0]!.flags) expect(reason).not.toBe('');
  });

  it('allow the GPU, FP16 and sparsity where they are needed, and only there', () => {
    const gpu: CheckedSegment[] = [
      { kind: 'dla', name: 'd', nodes: ['conv'], macs: 0 },
      { kind: 'gpu', name: 'g', nodes: ['last'], macs: 0 },
    ];
    const fallback = words(board(network('Elu'), { segments: gpu }));
    expect(fallback).toContain('--allowGPUFallback');
    expect(fallback).toContain('--outputIOFormats=fp32:chw');
    expect(fallback).toContain('--inputIOFormats=int8:dla_hwc4');
    expect(words(board(network('Sigmoid'), { options: { sparsity: 'enable' } }))).toEqual(
      expect.arrayContaining(['--fp16', '--sparsity=enable']),
    );
    for (const flag of words(board(network('Relu')))) expect(flag).not.toMatch(/fp16|sparsity|allowGPU/);
  });

  it('are refused for dummy ranges, for an open NVDLA, and for a pool that TensorRT does not take', () => {
    expect(() => board({ ...network('Relu'), ranges: 'dummy' })).toThrow(
      'the board needs the calibrated ranges of the network, and it was compiled without [calibrate/cache-missing]',
    );
    expect(() => board(network('Relu'), { options: { target: nvSmall, sram: bytes(0) } })).toThrow(
      /no files go to the board of an open NVDLA.*compile\/unsupported/,
    );
    for (const size of [0, 2048, 3 * 2 ** 18]) {
      expect(() => board(network('Relu'), { options: { sram: bytes(size) } }), `${size}`).toThrow(
        /no pool of managed SRAM of that size \(expected a power of two.*compile\/memory/,
      );
    }
  });

  it('give the pool in MiB, and say when several loadables may want more than a core has', () => {
    const pool = (given: Given, op = 'Elu') =>
      board(network(op), given).commands[0]!.flags.find(({ name }) => name === '--memPoolSize')!;
    expect(pool({ options: { sram: bytes(2 ** 19) } }).value).toBe('dlaSRAM:0.5');
    expect(pool({ options: { target: xavier, sram: bytes(2 ** 22) } })).toEqual({
      name: '--memPoolSize',
      value: 'dlaSRAM:4',
      reason: 'MiB; dlaSRAM is for tensors between layers in SRAM',
    });
    const all = pool({ options: { pools: { localDram: bytes(2 ** 29), globalDram: bytes(2 ** 19) } } });
    expect(all.value).toBe('dlaSRAM:1,dlaLocalDRAM:512,dlaGlobalDRAM:0.5');
    expect(all.reason).toMatch(/dlaSRAM is for .*; dlaLocalDRAM is for tensors .*; dlaGlobalDRAM is for weights$/);
    const segments: CheckedSegment[] = [
      { kind: 'dla', name: 'a', nodes: ['conv'], macs: 0 },
      { kind: 'dla', name: 'b', nodes: ['last'], macs: 0 },
    ];
    expect(pool({ segments }, 'Relu').reason).toContain('2 loadables');
  });

  it('say what to bind: layouts of the DLA, packed tensors of the GPU', () => {
    const preprocess = { mean: [0.5], std: [0.25], channelOrder: 'bgr' } as const;
    const gpu: CheckedSegment[] = [
      { kind: 'dla', name: 'd', nodes: ['conv'], macs: 0 },
      { kind: 'gpu', name: 'g', nodes: ['last'], macs: 0 },
    ];
    const files = board(network('Elu'), { options: { preprocess }, segments: gpu });
    expect(files.preprocess).toEqual(preprocess);
    expect(files.bindings).toEqual([
      {
        name: 'image',
        side: 'input',
        shape: [1, 3, 8, 8],
        type: 'int8',
        format: 'dla_hwc4',
        scale: Math.fround(0.1),
        strides: { line: 64, surface: 512, batch: 512 },
        bytes: 512,
      },
      {
        name: 'last:out',
        side: 'output',
        shape: [1, 8, 6, 6],
        type: 'fp32',
        format: 'chw',
        strides: { line: 24, surface: 144, batch: 1152 },
        bytes: 1152,
      },
    ]);
    expect(files.commands[0]!.flags.find(({ name }) => name === '--outputIOFormats')!.reason).toBe(
      'last:out as a packed tensor, which the GPU touches',
    );
  });

  it('have outputs in the format that is asked for, or say why not', () => {
    const formats = (given: Given) => words(board(network('Relu'), given)).find((word) => word.startsWith('--output'));
    expect(formats({ outputFormat: 'dla_linear' })).toBe('--outputIOFormats=int8:dla_linear');
    expect(formats({ outputFormat: 'chw32' })).toBe('--outputIOFormats=int8:chw32');
    const half = { precision: 'float16' } as const;
    expect(formats({ outputFormat: 'dla_linear', options: half })).toBe('--outputIOFormats=fp16:dla_linear');
    expect(() => formats({ outputFormat: 'dla_hwc4' })).toThrow(
      /value last:out: the output cannot be dla_hwc4: it is a format of inputs .compile\/unsupported/,
    );
    expect(() => formats({ outputFormat: 'chw16' })).toThrow('it is INT8, whose format beside dla_linear is chw32');
    expect(() => formats({ outputFormat: 'chw32', options: half })).toThrow('it is FP16');
  });

  it('build for each core, and measure both together', () => {
    expect(words(board(network('Relu'), { cores: 1 }))).toContain('--useDLACore=1');
    const both = board(network('Relu'), { cores: 'both' });
    expect(both.commands.map(({ aside }) => aside)).toEqual([false, false, true, false]);
    expect(words(both, 1)).toEqual(
      expect.arrayContaining(['--saveEngine=my_network.dla1.engine', '--exportProfile=my_network.dla1.profile.json']),
    );
    expect(words(both, 2)).toEqual(['--loadEngine=my_network.dla0.engine', '--useDLACore=0']);
  });

  it('build a loadable for cuDLA, where the release and the network allow it', () => {
    const later = { release: findRelease(orin, 'JetPack 6.2') };
    expect(words(board(network('Relu'), { standalone: true, options: later }))).toEqual([
      '--onnx=my_network.onnx',
      '--saveEngine=my_network.loadable.bin',
      '--useDLACore=0',
      '--buildDLAStandalone',
      '--int8',
      '--calib=my_network.cache',
      '--memPoolSize=dlaSRAM:1',
      '--inputIOFormats=int8:dla_hwc4',
      '--outputIOFormats=int8:chw32',
    ]);
    expect(() => board(network('Relu'), { standalone: true })).toThrow(
      'the trtexec of JetPack 5.1.1 builds no standalone loadables (expected TensorRT 8.6 or later, found TensorRT 8.5.2)',
    );
    expect(() => board(network('Relu'), { standalone: true, cores: 'both', options: later })).toThrow(/cuDLA chooses/);
    const segments = (kind: 'dla' | 'gpu'): CheckedSegment[] => [
      { kind: 'dla', name: 'd', nodes: ['conv'], macs: 0 },
      { kind, name: 'g', nodes: ['last'], macs: 0 },
    ];
    expect(() => board(network('Elu'), { standalone: true, segments: segments('gpu'), options: later })).toThrow(
      'node last: a standalone loadable has no GPU',
    );
    expect(() => board(network('Relu'), { standalone: true, segments: segments('dla'), options: later })).toThrow(
      'a standalone loadable is one DLA segment (expected 1, found 2)',
    );
  });

  it('have Q/DQ and types where TensorRT takes the precision from the network', () => {
    const options = { release: findRelease(orin, 'JetPack 7.2.2') };
    const files = board(network('Sigmoid'), { options });
    expect(files.cache).toBeUndefined();
    const model = readModel(files.model.bytes);
    expect([...model.inputs, ...model.outputs].map((value) => model.values.get(value)!.dtype)).toEqual([
      'int8',
      'int8',
    ]);
    // A Sigmoid runs in FP16, also in an INT8 network.
    expect(model.nodes.map(({ op }) => op)).toEqual([
      ...['DequantizeLinear', 'DequantizeLinear', 'Conv', 'QuantizeLinear', 'DequantizeLinear'],
      ...['Cast', 'Sigmoid', 'Cast', 'QuantizeLinear'],
    ]);
    const half = readModel(board(network('Relu'), { options: { ...options, precision: 'float16' } }).model.bytes);
    expect(half.nodes.map(({ op }) => op)).toEqual(['Conv', 'Relu']);
    expect([...half.inputs, ...half.outputs].map((value) => half.values.get(value)!.dtype)).toEqual([
      'float16',
      'float16',
    ]);
  });

  it('end in the four-dimensional tensor where a reshape moves nothing', () => {
    const b = new GraphBuilder('head');
    const conv = b.conv(b.input('image', [1, 3, 1, 1]), { channels: 10, kernel: 1, name: 'head' });
    b.output(b.flatten(conv, 'flatten'));
    const graph = b.build();
    const scales = new Map([...graph.inputs, conv, ...graph.outputs].map((value) => [value, 0.5]));
    const segments: CheckedSegment[] = [
      { kind: 'dla', name: 'd', nodes: ['head'], macs: 0 },
      { kind: 'gpu', name: 'g', nodes: ['flatten'], macs: 0 },
    ];
    const files = board({ graph, scales, ranges: 'calibrated' }, { segments });
    const model = readModel(files.model.bytes);
    expect(model.nodes.map(({ name }) => name)).toEqual(['head']);
    expect(model.outputs).toEqual(['flatten:out']);
    expect(model.values.get('flatten:out')?.shape).toEqual([1, 10, 1, 1]);
    expect(words(files)).not.toContain('--allowGPUFallback');
    expect([...readCalibrationCache(files.cache!.text).scales.keys()]).toEqual(['image', 'flatten:out']);
  });

  it('have no ranges in FP16, and FP16 formats', () => {
    const files = board(network('Sigmoid'), { options: { precision: 'float16' } });
    expect(files.cache).toBeUndefined();
    expect(words(files)).toEqual([
      '--onnx=my_network.onnx',
      '--saveEngine=my_network.engine',
      '--useDLACore=0',
      '--fp16',
      '--memPoolSize=dlaSRAM:1',
      '--inputIOFormats=fp16:dla_hwc4',
      '--outputIOFormats=fp16:chw16',
      ...measured,
    ]);
  });
});
