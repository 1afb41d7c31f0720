import { describe, expect, it } from 'vitest';
import { bytes } from '../../base/units.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';
import { readModel } from '../../onnx/read.ts';
import { readCalibrationCache } from '../../quantize/calibration-cache.ts';
import { fullCoverage } from '../../quantize/coverage.ts';
import type { QuantizedGraph } from '../../quantize/quantize.ts';
import type { CheckedSegment } from '../../support/verdict.ts';
import { findRelease } from '../../targets/find.ts';
import { nvSmall } from '../../targets/nvdla.ts';
import { orin } from '../../targets/orin.ts';
import { xavier } from '../../targets/xavier.ts';
import type { CompilationOptions } from '../compilation.ts';
import { compile } from '../compile.ts';
import { acceptAll } from '../testing/accept-all.ts';
import { boardFiles } from './board.ts';

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

interface Given {
  readonly name?: string;
  readonly options?: Partial<CompilationOptions>;
  readonly segments?: readonly CheckedSegment[];
}

function board(quantized: QuantizedGraph, { name, options: more, segments }: Given = {}) {
  const precision = more?.precision === 'float16' ? 'fp16' : 'int8';
  const checked = { ...acceptAll(quantized.graph, segments), precision } as const;
  const options: CompilationOptions = { target: orin, release, sram, precision: 'int8', ...more };
  const compiled = compile(quantized, checked, options);
  const compilation = {
    ...compiled,
    options,
    checked,
    quantized,
    rangeChanges: [],
    coverage: fullCoverage(0),
    unmatched: [],
    balancedGates: [],
  };
  return boardFiles(compilation, name === undefined ? {} : { name });
}

describe('board files', () => {
  it('are the network, the ranges and the command', () => {
    const quantized = network('Relu');
    const { model, cache, command, flags } = board(quantized);
    expect(readModel(model.bytes).nodes.map(({ name }) => name)).toEqual(['conv', 'last']);
    const read = readCalibrationCache(cache!.text);
    expect(read.header).toBe('TRT-8502-EntropyCalibration2');
    expect([...read.scales]).toEqual([...quantized.scales]);
    expect(command).toMatchInlineSnapshot(`
      "trtexec \\
        --onnx=my_network.onnx \\
        --saveEngine=my_network.engine \\
        --useDLACore=0 \\
        --int8 \\
        --calib=my_network.cache \\
        --memPoolSize=dlaSRAM:1 \\
        --inputIOFormats=int8:dla_hwc4 \\
        --outputIOFormats=int8:chw32"
    `);
    expect(flags.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  it('allow the GPU, FP16 and sparsity where they are needed, and only there', () => {
    const flags = (files: ReturnType<typeof board>) => files.flags.map(({ flag }) => flag);
    const gpu: CheckedSegment[] = [
      { kind: 'dla', name: 'd', nodes: ['conv'], macs: 0 },
      { kind: 'gpu', name: 'g', nodes: ['last'], macs: 0 },
    ];
    const fallback = flags(board(network('Elu'), { segments: gpu }));
    expect(fallback).toContain('--allowGPUFallback');
    expect(fallback).toContain('--outputIOFormats=fp32:chw');
    expect(fallback).toContain('--inputIOFormats=int8:dla_hwc4');
    expect(flags(board(network('Sigmoid'), { options: { sparsity: 'enable' } }))).toEqual(
      expect.arrayContaining(['--fp16', '--sparsity=enable']),
    );
    for (const flag of flags(board(network('Relu')))) expect(flag).not.toMatch(/fp16|sparsity|allowGPU/);
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
    const pool = (given: Given) => board(network('Elu'), given).flags.find(({ flag }) => flag.includes('dlaSRAM'))!;
    expect(pool({ options: { sram: bytes(2 ** 19) } }).flag).toBe('--memPoolSize=dlaSRAM:0.5');
    expect(pool({ options: { target: xavier, sram: bytes(2 ** 22) } })).toEqual({
      flag: '--memPoolSize=dlaSRAM:4',
      reason: 'managed SRAM in MiB',
    });
    const segments: CheckedSegment[] = [
      { kind: 'dla', name: 'a', nodes: ['conv'], macs: 0 },
      { kind: 'dla', name: 'b', nodes: ['last'], macs: 0 },
    ];
    expect(
      board(network('Relu'), { segments })
        .flags.map(({ reason }) => reason)
        .join(),
    ).toContain('2 loadables');
  });

  it('say what an input is made of', () => {
    const preprocess = { mean: [0.5], std: [0.25], channelOrder: 'bgr' } as const;
    expect(board(network('Relu'), { options: { preprocess } }).inputs).toEqual([
      'a picture becomes (pixel / 255 - mean) / std, mean 0.5, std 0.25, channels in the order bgr',
      `image: int8 = real / ${Math.fround(0.1)}, rounded and saturated, where it is bound as int8`,
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
    expect(files.command).not.toContain('allowGPUFallback');
    expect([...readCalibrationCache(files.cache!.text).scales.keys()]).toEqual(['image', 'flatten:out']);
  });

  it('have no ranges in FP16, and FP16 formats', () => {
    const { cache, command } = board(network('Sigmoid'), { options: { precision: 'float16' } });
    expect(cache).toBeUndefined();
    expect(command.match(/--\S+/g)).toEqual([
      '--onnx=my_network.onnx',
      '--saveEngine=my_network.engine',
      '--useDLACore=0',
      '--fp16',
      '--memPoolSize=dlaSRAM:1',
      '--inputIOFormats=fp16:dla_hwc4',
      '--outputIOFormats=fp16:chw16',
    ]);
  });

  it('quote names for the shell', () => {
    const { command, model } = board(network('Relu'), { name: "it's" });
    expect(model.file).toBe("it's.onnx");
    expect(command).toContain("--onnx='it'\\''s.onnx'");
  });
});
