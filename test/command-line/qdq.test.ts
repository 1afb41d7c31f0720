/** `dla qdq` under the flags of NVIDIA's translator: what the files hold, and what is refused. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNetwork } from '../../src/index.ts';
import { readCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { inputOf, onnxruntime } from '../quantization/networks.ts';
import { Folder } from './program.ts';

let folder: Folder;
beforeAll(() => {
  folder = new Folder();
  const read = (name: string) => readFileSync(new URL(`../cases/quantization/${name}.onnx`, import.meta.url));
  for (const name of ['qdq_pc', 'qdq_qat', 'qdq_residual_no_scale']) folder.write(`${name}.onnx`, read(name));
  folder.write('again/qdq_pc.onnx', read('qdq_pc'));
});
afterAll(() => folder.remove());

const config = (path: string) =>
  JSON.parse(folder.text(`${path}_precision_config.json`)) as {
    int8_tensor_scales: Record<string, number>;
    fp16_nodes: string[];
  };

describe('dla qdq', () => {
  it('takes networks and folder as NVIDIA has them, and writes four files for each', async () => {
    const words = ['--input_onnx_models', 'qdq_pc.onnx', 'qdq_residual_no_scale.onnx', '--output_dir', 'nvidia'];
    const { status, stdout } = await folder.run('qdq', ...words, '--infer_concat_scales', '--verbose');
    expect(status).toBe(0);
    expect(folder.files().filter((file) => file.startsWith('nvidia/'))).toHaveLength(8);
    const { int8_tensor_scales: scales, fp16_nodes } = config('nvidia/qdq_pc');
    expect(scales).toMatchObject({
      images: Math.fround(0.02),
      relu12: Math.fround(0.03),
      maxpool29: Math.fround(0.05),
    });
    expect(fp16_nodes).toEqual(['Conv_40']);
    expect(folder.text('nvidia/qdq_pc_precision_config_layer_arg.txt')).toBe('Conv_40:fp16');
    const cache = readCalibrationCache(folder.read('nvidia/qdq_pc_precision_config_calib.cache'));
    expect(Object.fromEntries(cache.scales)).toEqual(scales);
    for (const [name, scale] of Object.entries(scales)) expect(stdout).toContain(`  ${name}: ${scale}\n`);
    expect(stdout).toContain('no scale out: Conv_40 in FP16');
  });

  it('names tensors after the nodes that make them', async () => {
    for (const [more, to] of [
      [[], 'plain'],
      [['--rename_node_outputs'], 'renamed'],
    ] as const) {
      expect(await folder.run('qdq', 'qdq_qat.onnx', '--output', to, ...more)).toMatchObject({ status: 0 });
    }
    const [plain, renamed] = ['plain', 'renamed'].map((to) => readNetwork(folder.read(`${to}/qdq_qat_noqdq.onnx`)));
    const names = (network: typeof plain) => network!.nodes.map(({ name }) => name);
    expect(names(renamed)).toEqual(names(plain));
    expect(renamed!.nodes.map(({ outputs }) => outputs)).toEqual(names(plain).map((name) => [name]));
    const maker = new Map(plain!.nodes.map(({ name, outputs }) => [outputs[0]!, name]));
    const expected = Object.entries(config('plain/qdq_qat').int8_tensor_scales).map(
      ([value, scale]) => [maker.get(value) ?? value, scale] as const,
    );
    expect(config('renamed/qdq_qat').int8_tensor_scales).toEqual(Object.fromEntries(expected));
    const feeds = inputOf(plain!, 4);
    expect(await onnxruntime(renamed!, feeds)).toEqual(await onnxruntime(plain!, feeds));
  });

  it.each([
    [['qdq_pc.onnx', 'again/qdq_pc.onnx'], /two networks would be written to the same file/],
    [['--output', 'a'], /no network is named/],
    [['qdq_pc.onnx', '--output', 'a', '--output_dir', 'b'], /--output and --output_dir/],
    [['qdq_pc.onnx', '--explicit', '--rename_node_outputs'], /--rename_node_outputs goes without --explicit/],
  ] as const)('%j is refused', async (words, message) => {
    const before = folder.files();
    expect(await folder.run('qdq', ...words)).toMatchObject({
      code: 'cli/usage',
      stderr: expect.stringMatching(message),
    });
    expect(folder.files()).toEqual(before);
  });
});
