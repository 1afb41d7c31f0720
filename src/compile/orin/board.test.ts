import { describe, expect, it } from 'vitest';
import { bytes } from '../../base/units.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';
import { readModel } from '../../onnx/read.ts';
import { readCalibrationCache } from '../../quantize/calibration-cache.ts';
import type { QuantizedGraph } from '../../quantize/quantized-graph.ts';
import type { CheckedSegment } from '../../support/verdict.ts';
import { findRelease, orin } from '../../targets/index.ts';
import { compile } from '../compile.ts';
import { acceptAll } from '../testing/accept-all.ts';
import { type BoardOptions, boardFiles } from './board.ts';

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

function board(quantized: QuantizedGraph, more: Partial<BoardOptions> = {}, segments?: readonly CheckedSegment[]) {
  const checked = acceptAll(quantized.graph, segments);
  const { plan } = compile(quantized, checked, { target: orin, release, sram }).network;
  return boardFiles(quantized, checked, plan, { release, sram, ...more });
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
    const fallback = flags(board(network('Elu'), {}, gpu));
    expect(fallback).toContain('--allowGPUFallback');
    expect(fallback).toContain('--outputIOFormats=fp32:chw');
    expect(fallback).toContain('--inputIOFormats=int8:dla_hwc4');
    expect(flags(board(network('Sigmoid'), { sparsity: 'enable' }))).toEqual(
      expect.arrayContaining(['--fp16', '--sparsity=enable']),
    );
    for (const flag of flags(board(network('Relu')))) expect(flag).not.toMatch(/fp16|sparsity|allowGPU/);
  });

  it('leave dummy ranges to trtexec', () => {
    const { cache, command } = board({ ...network('Relu'), ranges: 'dummy' });
    expect(cache).toBeUndefined();
    expect(command).not.toContain('--calib');
  });

  it('end in the four-dimensional tensor where a reshape moves nothing', () => {
    const b = new GraphBuilder('head');
    const conv = b.conv(b.input('image', [1, 3, 1, 1]), { channels: 10, kernel: 1, name: 'head' });
    b.output(b.flatten(conv, 'flatten'));
    const graph = b.build();
    const scales = new Map([...graph.inputs, conv, ...graph.outputs].map((value) => [value, 0.5]));
    const files = board({ graph, scales, ranges: 'calibrated' }, {}, [
      { kind: 'dla', name: 'd', nodes: ['head'], macs: 0 },
      { kind: 'gpu', name: 'g', nodes: ['flatten'], macs: 0 },
    ]);
    const model = readModel(files.model.bytes);
    expect(model.nodes.map(({ name }) => name)).toEqual(['head']);
    expect(model.outputs).toEqual(['flatten:out']);
    expect(model.values.get('flatten:out')?.shape).toEqual([1, 10, 1, 1]);
    expect(files.command).not.toContain('allowGPUFallback');
    expect([...readCalibrationCache(files.cache!.text).scales.keys()]).toEqual(['image', 'flatten:out']);
  });

  it('quote names for the shell', () => {
    const { command, model } = board(network('Relu'), { name: "it's" });
    expect(model.file).toBe("it's.onnx");
    expect(command).toContain("--onnx='it'\\''s.onnx'");
  });
});
