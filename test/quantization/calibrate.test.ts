/** Calibration of networks that state scales for some of their tensors: those stay, and the others are measured. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npy } from '../../src/evaluate/testing/npy.ts';
import { asFloat32 } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { calibrate, compile, prepare, readCalibrationCache, readNetwork } from '../../src/index.ts';
import { readRanges } from '../../src/quantize/read-ranges.ts';
import { neededScales } from '../../src/quantize/scaled-values.ts';
import { Folder } from '../command-line/program.ts';
import { inputOf } from './networks.ts';

const bytes = readFileSync(new URL('../cases/quantization/qdq_residual_no_scale.onnx', import.meta.url));
const network = prepare(readNetwork(bytes));
const stated = network.graph.scales!;
/** Far beyond every range that was trained. */
const loud = Object.fromEntries(
  Object.entries(inputOf(network.graph, 3)).map(([name, tensor]) => [
    name,
    { ...tensor, bytes: new Uint8Array(asFloat32(tensor).map((value) => 50 * value).buffer) },
  ]),
);

const folder = new Folder();
beforeAll(() => {
  folder.write('net.onnx', bytes);
  const [input = ''] = network.graph.inputs;
  const { shape } = loud[input]!;
  folder.write('loud.npy', npy('<f4', `(${shape.join(', ')})`, asFloat32(loud[input]!)));
});
afterAll(() => folder.remove());

describe('calibration of a network with Q/DQ', () => {
  // What the residual's convolution gives before the Add, and what the last convolution gives, have no scale.
  it.each([
    ['JetPack 6.0', { Conv_11_o: 1 }, []],
    ['JetPack 5.1.1', {}, ['Conv_11_o']],
  ] as const)('keeps the scales that it states, %s', async (release, marked, beyond) => {
    const runtime = await nodeOnnxRuntime();
    const found = await calibrate(network, [loud], { runtime, release, method: 'min-max' });
    expect(found.stated).toEqual({ kept: stated.size, beyond });
    for (const [value, scale] of stated) expect(found.scales.get(value), value).toBe(scale);
    expect(Object.fromEntries(found.scales)).toMatchObject(marked);
    const last = found.scales.get('Conv_35_o')!;
    expect(last).toBe(Math.fround(found.largest.get('Conv_35_o')! / 127));
    expect([...stated.keys()].filter((value) => found.largest.has(value))).toEqual([]);

    const [alone, both] = [{}, { scales: found.scales }].map((given) => compile(network, { release, ...given }));
    expect(alone!.coverage.missing.map(({ value }) => value)).toContain('Conv_35_o');
    expect(both!.coverage.missing).toEqual([]);
    expect(both!.rangeChanges).toEqual([]);
    for (const value of neededScales(network.graph)) {
      const scale = alone!.quantized.scales.get(value);
      if (scale !== undefined) expect(both!.quantized.scales.get(value), value).toBe(scale);
    }
  });

  it.each(['net.cache', 'net.json'])('writes both to %s, and says how many they are', async (file) => {
    const words = ['calibrate', 'net.onnx', '--input', `${network.graph.inputs[0]}=loud.npy`, '--output', file];
    const { status, stdout, stderr } = await folder.run(...words);
    expect(status, stderr).toBe(0);
    const written = readRanges(folder.read(file), file);
    for (const [value, scale] of stated) expect(written.get(value), value).toBe(scale);
    expect(written.get('Conv_11_o')).toBe(1);
    const measured = [...written.keys()].filter((value) => !stated.has(value));
    expect(measured).toContain('Conv_35_o');
    expect(stdout).toContain(
      `${stated.size} scales are those that the network states, ${measured.length} tensors were measured\n`,
    );
    const compiled = await folder.run('compile', 'net.onnx', '--calib', file, '--board', `board-${file}`);
    expect(compiled.status, compiled.stderr).toBe(0);
    const board = readCalibrationCache(folder.read(`board-${file}/net.cache`)).scales;
    for (const [value, scale] of stated) expect(board.get(value), value).toBe(scale);
  });
});
