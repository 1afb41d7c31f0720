/** A flag that would do nothing is refused, before anything is read or written. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, encodeNvdla } from '../../src/index.ts';
import { encodeLoadable } from '../../src/loadable/container.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { cacheOf, small, smallNetwork } from './examples.ts';
import { Folder } from './program.ts';

const folder = new Folder();
beforeAll(async () => {
  folder.write('net.onnx', writeModel(smallNetwork()));
  folder.write('net.cache', await cacheOf(small));
  folder.write('net.dla', encodeLoadable(compile(small()).network));
  const nvdla = compile(small(), { target: 'nv_small' });
  folder.write('small.dla', encodeLoadable(nvdla.network));
  folder.write('net.nvdla', encodeNvdla(nvdla));
  folder.write('image.bin', new Uint8Array(4 * 3 * 32 * 32));
});
afterAll(() => folder.remove());

describe('a flag that would do nothing', () => {
  it.each([
    ['check net.onnx --format json --verbose', '--verbose goes with --format text'],
    ['check net.onnx --format sarif --verbose', '--verbose goes with --format text'],
    ['calibrate net.onnx --images none --output x.cache --percentile 99', '--percentile goes with --method percentile'],
    ['compile net.onnx --interface 0.10 --output x.dla', '--interface goes with --output FILE.nvdla'],
    ['run net.dla --input image=image.bin --fit crop', '--fit goes with --images'],
    ['run net.dla --input image=image.bin --engines reference --threads 2', '--threads goes with --engines wasm'],
    ['run net.dla --input image=image.bin --engines reference --compare', '--compare goes with --engines wasm'],
    ['run net.dla --input image=image.bin --dump', '--dump needs --output'],
    ['run net.dla --images none --input image=image.bin', 'no input that --input does not name takes images'],
    ['run net.nvdla --input image=image.bin --dump --output x', '--dump goes with a .dla'],
    ['estimate net.onnx --format json --layers', '--layers goes with --format text'],
    ['estimate net.dla --sram 1', '--sram decides how a network is compiled'],
    ['estimate net.dla --input-format auto', '--input-format decides how a network is compiled'],
    ['estimate net.onnx --clock 100', 'clock, memory and launch can be given for an open NVDLA'],
    ['estimate net.onnx --target nv_full --bindings fp32', 'an open NVDLA has its own formats'],
    ['report net.onnx --output x --labels none', '--labels goes with --images'],
    ['report net.onnx --output x --threads 2', '--threads goes with --images'],
    ['report net.onnx --output x --fit exact', '--fit goes with --images'],
    ['compile net.onnx --precision fp16 --sparsity enable --output x.dla', 'only INT8 convolutions have a sparse mode'],
    ['compile net.onnx --precision fp16 --input-format chw32 --output x.dla', 'features are chw16 in this precision'],
    ['report net.onnx --output x --engines wasm', '--engines goes with --images'],
    ['inspect net.nvdla --validate --program', '--validate and --program print different things'],
    ['inspect net.dla --target orin', '--target goes with --validate or --program'],
    ['trace record small.dla --input image=image.bin --fit crop --output x', '--fit goes with --images'],
    ['compile net.onnx --output x.dla --dla-core 1', '--dla-core goes with --board'],
    ['compile net.onnx --standalone', '--standalone goes with --board'],
    ['compile net.onnx --output-format chw32', '--output-format goes with --board'],
    ['compile net.onnx --output m.onnx', 'm.onnx: --output is named as an ONNX model'],
    [
      'compile net.onnx --output m.CACHE',
      '(expected a loadable of dlakit (.dla) or a loadable of the open NVDLA (.nvdla)',
    ],
    ['calibrate net.onnx --images none --output m.dla', '--output is named as a loadable of dlakit'],
    ['check net.onnx --format sarif --output m.html', '--output is named as a page'],
    ['check net.onnx --output check.json', '--output is named as JSON'],
    ['estimate net.onnx --trace trace.onnx', '--trace is named as an ONNX model'],
    ['compile net.onnx --target nv_full --precision fp16 --calib net.cache', 'FP16 has no ranges'],
  ])('dla %s', async (line, message) => {
    const before = folder.files();
    const outcome = await folder.run(...line.split(' '));
    expect(outcome.stderr).toContain(message);
    expect(outcome).toMatchObject({ code: expect.stringMatching(/^[a-z]+\/[a-z-]+$/), status: 2, stdout: '' });
    expect(folder.files()).toEqual(before);
  });

  it('is no default: the same commands run without it', async () => {
    for (const line of [
      'run net.dla --input image=image.bin --engines reference',
      'run net.dla --input image=image.bin --threads 2 --compare',
      'estimate net.dla',
      'estimate net.onnx --format json',
      'inspect net.nvdla --program',
      'compile net.onnx --target nv_full --precision fp16',
    ]) {
      expect(await folder.run(...line.split(' ')), line).toMatchObject({ code: undefined, stderr: '' });
    }
  });
});
