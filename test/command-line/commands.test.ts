/** The command line where nothing is wrong with the input: what flags mean together, and what ends the output. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { decodeStockLoadable, encodeStockLoadable } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { externalData } from '../fuzz/base-models.ts';
import { Folder } from './program.ts';

const program = fileURLToPath(new URL('../../dist/cli/dla.js', import.meta.url));
const model = fileURLToPath(new URL('../../models/fashion-resnet20.onnx', import.meta.url));
const images = fileURLToPath(new URL('../../data/fashion-mnist-calibration-images.idx3.gz', import.meta.url));

const workspace = new Folder();
afterAll(() => workspace.remove());

beforeAll(async () => {
  expect(await workspace.run('compile', model, '--output', 'net.dla')).toMatchObject({ status: 0 });
});

describe('the command line', () => {
  it('goes on without a trace of an error when its reader leaves, as head does', async () => {
    const child = spawn(process.execPath, [program, 'inspect', model], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.stdout.destroy();
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(stderr).toBe('');
  });

  it('shows no progress when piped', async () => {
    const args = ['calibrate', model, '--images', images, '--limit', '3', '--output', 'net.cache'];
    const child = spawn(process.execPath, [program, ...args], { cwd: workspace.path });
    const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
    expect(await once(child, 'close')).toEqual([0, null]);
    expect((await stdout!).join('')).toBe('pictures: pixel / 255, gray\n3 samples, 53 tensors, method mse\n');
    expect((await stderr!).join('')).toBe('wrote net.cache\nwrote net.cache.preprocess.json\n');
  });

  it('inspects calibrations in both forms', async () => {
    await workspace.run('calibrate', model, '--images', images, '--limit', '3', '--output', 'net.json');
    expect((await workspace.run('inspect', 'net.cache')).stdout).toMatch(
      /^TRT-\d+-EntropyCalibration2\nimage: scale 0\.\d+, range ±/,
    );
    expect((await workspace.run('inspect', 'net.json')).stdout).toMatch(
      /^calibration by mse over 3 samples\npictures: pixel \/ 255, gray\nimage: scale 0\.\d+/,
    );
  });

  it('estimates a loadable, and refuses the flags that it has settled', async () => {
    expect((await workspace.run('estimate', 'net.dla', '--mode', '15W')).stdout).toContain('\n15W ');
    for (const [flag, value] of [
      ['--sram', '1'],
      ['--layer-precisions', '*:fp16'],
    ] as const) {
      const result = await workspace.run('estimate', 'net.dla', flag, value);
      expect(result.status).toBe(2);
      expect(result.stderr).toContain(
        `${flag} decides how a network is compiled; this one is compiled already [cli/usage]`,
      );
    }
  });

  it('estimates for an open NVDLA in the system that the flags describe, and for no other target', async () => {
    const flags = ['--clock', '200', '--bandwidth', '0.4', '--latency', '50', '--outstanding', '4', '--launch', '1000'];
    const run = await workspace.run('estimate', model, '--target', 'nv_small', '--layers', ...flags);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toContain('default    200.0        0.4');
    expect(run.stdout).toContain('50 cycles of latency, 4 bursts under way per client, 1000 cycles to launch');
    expect(run.stdout).toContain('1 channels in steps of 8: 13 % of the multipliers');
    expect(await workspace.run('estimate', 'net.dla', '--clock', '200')).toMatchObject({ status: 2, stdout: '' });
    expect(await workspace.run('estimate', model, '--target', 'nv_small', '--clock', '0')).toMatchObject({ status: 2 });
  });

  it('refuses flags that contradict each other or would do nothing', async () => {
    const usage = { status: 2, stdout: '' };
    expect(await workspace.run('run', 'net.dla', '--images', images, '--input', 'image=x')).toMatchObject(usage);
    expect(await workspace.run('report', model, '--output', 'out', '--limit', '5')).toMatchObject(usage);
    expect(await workspace.run('estimate', model, '--format', 'sarif')).toMatchObject(usage);
    expect(await workspace.run('estimate', model, '--sram', '1', '--mem-pool', 'dlaSRAM:1')).toMatchObject(usage);
    expect(await workspace.run('check', model, '--mem-pool', 'dlaLocalDRAM:1000')).toMatchObject(usage);
    expect(await workspace.run('check', model, '--mem-pool', 'dlaFarDRAM:1')).toMatchObject(usage);
    expect(workspace.files()).not.toContain('out/report.json');
  });

  it('refuses a batch that a network with a fixed one cannot take', async () => {
    const builder = new GraphBuilder('net');
    builder.output(builder.relu(builder.input('x', [2, 8, 8, 8])));
    workspace.write('two.onnx', writeModel(builder.build()));
    expect(await workspace.run('check', 'two.onnx', '--batch', '2')).toMatchObject({ status: 0 });
    expect((await workspace.run('check', 'two.onnx')).stderr).toBe('');
    expect((await workspace.run('check', 'two.onnx', '--batch', '4')).stderr).toBe(
      'dla: two.onnx: --batch binds a symbolic first dimension, and the model has none (expected batch 2, found 4) [shape/binding]\n',
    );
  });

  it('refuses means that the input has no channels for', async () => {
    const result = await workspace.run('compile', model, '--mean', '0.5,0.5', '--output', 'odd.dla');
    expect(result.stderr).toContain(
      'there are too many or too few numbers for the mean (expected one number, found 2) [preprocess/invalid]',
    );
    expect(await workspace.run('compile', model, '--std', '0', '--output', 'odd.dla')).toMatchObject({ status: 2 });
    expect(workspace.files().filter((name) => name.startsWith('odd'))).toEqual([]);
  });

  it('takes memory pools by the names that trtexec has for them', async () => {
    const pools = ['--mem-pool', 'dlaSRAM:1,dlaLocalDRAM:0.0625'];
    expect(await workspace.run('check', model, ...pools)).toMatchObject({ status: 1 });
    const result = await workspace.run('compile', model, '--batch', '64', ...pools, '--output', 'pools.dla');
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/and dlaLocalDRAM has 0\.063; .*--mem-pool dlaLocalDRAM:\d+ makes room/);
  });

  it('checks the prepared network as the board gets it', async () => {
    const result = await workspace.run('check', model, '--prepared');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('51 of 51 nodes on the DLA');
    expect(await workspace.run('report', model, '--output', 'page')).toMatchObject({ status: 0 });
    const report = JSON.parse(new TextDecoder().decode(workspace.read('page/report.json'))) as Record<string, unknown>;
    expect(report.gain).toMatchObject({ gpuNodes: [1, 0], loadables: [2, 1] });
  });

  it('fails where a loadable does not fit its memory pools, as compiling does', async () => {
    const unet = new URL('../cases/memory/unet_b8.onnx', import.meta.url).pathname;
    expect(await workspace.run('check', unet)).toMatchObject({ status: 0, stderr: '' });
    const pool = ['--mem-pool', 'dlaLocalDRAM:256'];
    const checked = await workspace.run('check', unet, ...pool);
    expect(checked).toMatchObject({ status: 1 });
    expect(checked.stderr).toMatch(/tensors between its layers take 340 MiB.* \[check\/memory\]/s);
    const compiled = await workspace.run('compile', unet, ...pool, '--output', 'unet.dla');
    expect(compiled).toMatchObject({ status: 2 });
    expect(compiled.stderr).toMatch(/tensors between its layers take 340 MiB.* \[compile\/memory\]/s);
  });

  it('knows of no sparse mode but that of Orin', async () => {
    const result = await workspace.run('compile', model, '--target', 'xavier', '--sparsity', 'enable');
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain('sparsity goes with Orin');
  });

  it('checks a network that it cannot compile', async () => {
    const builder = new GraphBuilder('net');
    const constant = builder.constant('k', float32Tensor([1], [3]));
    builder.output(constant, builder.relu(builder.input('x', [1, 8, 8, 8])));
    workspace.write('constant.onnx', writeModel(builder.build()));
    expect((await workspace.run('compile', 'constant.onnx')).stderr).toContain('[compile/unsupported]');
    const result = await workspace.run('check', 'constant.onnx');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('1 of 1 node on the DLA');
  });

  it('inspects a model with external data', async () => {
    const builder = new GraphBuilder('net');
    builder.output(builder.conv(builder.input('x', [1, 8, 8, 8]), { channels: 8, kernel: 3, name: 'conv' }));
    const { bytes, external } = externalData(writeModel(builder.build()));
    workspace.write('apart/model.onnx', bytes);
    for (const [name, content] of external) workspace.write(`apart/${name}`, content);
    const result = await workspace.run('inspect', 'apart/model.onnx');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('const conv.weight: float32[8, 8, 3, 3]');
  });

  it('writes the stock format of the open NVDLA, inspects and validates it', async () => {
    const compiled = ['compile', model, '--target', 'nv_small', '--output', 'net.nvdla'];
    expect(await workspace.run(...compiled, '--interface', '0.10')).toMatchObject({ status: 0 });
    const printed = await workspace.run('inspect', 'net.nvdla');
    expect(printed).toMatchObject({ status: 0, stderr: '' });
    expect(printed.stdout).toMatch(
      /^stock loadable 0\.7\.0, .*\nmade by dlakit for nv_small: network fashion-resnet20\n/,
    );
    expect(printed.stdout).toContain('DLA1 operations, version 0.10.2');
    const sound = await workspace.run('inspect', 'net.nvdla', '--validate');
    expect(sound).toMatchObject({ status: 0, stdout: 'keeps every rule of the format on nv_small\n' });
    const other = await workspace.run('inspect', 'net.nvdla', '--validate', '--target', 'nv_full');
    expect(other).toMatchObject({ status: 2, stdout: '' });
    expect(other.stderr).toContain('[loadable/target]');
    expect((await workspace.run('compile', model, '--output', 'odd.nvdla')).stderr).toContain('[device/unsupported]');
    expect(await workspace.run('compile', model, '--interface', '0.12', '--output', 'odd.dla')).toMatchObject({
      status: 2,
      stdout: '',
    });
    expect(workspace.files().filter((name) => name.startsWith('odd'))).toEqual([]);
  });

  it('wants to know what a loadable of another compiler was made for', async () => {
    const name = 'conv1__nv_small_int8_ncxhwx_fast-math_per-kernel__s0';
    const file = fileURLToPath(new URL(`../fixtures/nvdla/networks/${name}/model.nvdla`, import.meta.url));
    const asked = await workspace.run('inspect', file, '--validate');
    expect(asked.status).toBe(2);
    expect(asked.stderr).toMatch(
      /give --target \(expected a target; its descriptors fit nv_small.*\[loadable\/target-missing\]/,
    );
    const wrong = await workspace.run('inspect', file, '--validate', '--target', 'nv_large');
    expect(wrong.status).toBe(2);
    expect(wrong.stdout).toMatch(/^[a-z-]+: layer task 0, operation 0 \(conv\), value \S+: .*\[loadable\/target\]\n/);
    expect(await workspace.run('inspect', file, '--validate', '--target', 'nv_small')).toMatchObject({ status: 0 });
  });

  it('records traces of a run and plays them, from folders and files', async () => {
    await workspace.run('compile', model, '--target', 'nv_small', '--output', 'small.dla');
    for (const format of ['cfg', 'txn']) {
      const recorded = ['small.dla', '--images', images, '--format', format, '--output', format];
      const wrote = await workspace.run('trace', 'record', ...recorded);
      expect(wrote).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^pictures: .+\n.+: \d+ launches, \d+ files\n$/),
      });
      const played = await workspace.run('trace', 'run', format, '--target', 'nv_small');
      expect(played).toMatchObject({ status: 0, stderr: '' });
      expect(played.stdout).toMatch(/^\S+: \d+ checks passed, [\d ,]+ register writes, \d+ launches\n/);
    }
    const text = new TextDecoder().decode(workspace.read('cfg/trace.cfg'));
    const line = text.slice(0, text.indexOf('check_crc')).split('\n').length;
    workspace.write('cfg/trace.cfg', text.replace(/(check_crc\(.*)0x[0-9a-f]+\)/, '$10x1)'));
    const failed = await workspace.run('trace', 'run', 'cfg/trace.cfg', '--target', 'nv_small');
    expect(failed).toMatchObject({ status: 2, stdout: '' });
    expect(failed.stderr).toMatch(new RegExp(`cfg/trace\\.cfg, line ${line}.*\\[trace/check\\]`));
  });

  it('records a loadable of another compiler on the bytes of its surfaces', async () => {
    const name = 'conv1__nv_small_int8_ncxhwx_fast-math_per-kernel__s0';
    const folder = fileURLToPath(new URL(`../fixtures/nvdla/networks/${name}`, import.meta.url));
    const flags = ['--target', 'nv_small', '--output', 'stock'];
    const record = ['trace', 'record', join(folder, 'model.nvdla'), ...flags];
    expect((await workspace.run(...record)).stderr).toContain('[run/input]');
    expect(await workspace.run(...record, '--input', `0=${join(folder, 'input0.raw')}`)).toMatchObject({ status: 0 });
    expect((await workspace.run('trace', 'run', 'stock', '--target', 'nv_small')).stdout).toContain('checks passed');
  });

  it('gives every task that ran a folder of its own, also those of one name', async () => {
    const once = decodeStockLoadable(readFileSync(`${stock}model.nvdla`));
    const submits = once.submits.map((submit) => ({ ...submit, taskIds: [...submit.taskIds, ...submit.taskIds] }));
    workspace.write('twice.nvdla', encodeStockLoadable({ ...once, submits }));
    const flags = ['--target', 'nv_small', '--input', `0=${stock}input0.raw`, '--output', 'twice'];
    expect(await workspace.run('trace', 'record', 'twice.nvdla', ...flags)).toMatchObject({ status: 0 });
    for (const folder of ['twice/0000-task_0', 'twice/0001-task_0']) {
      expect(await workspace.run('trace', 'run', folder, '--target', 'nv_small')).toMatchObject({ status: 0 });
    }
  });

  it('reads of a trace only what lies beside it', async () => {
    workspace.write('curious/input.txn', 'load_mem 0x80000000 0x20 ../secret.dat\n');
    const result = await workspace.run('trace', 'run', 'curious', '--target', 'nv_small');
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('a trace may only name files beside it');
  });

  it('shows mistakes in one line, without control characters of the file', async () => {
    workspace.write('odd\nname.cfg', '\u001b[31mred\n');
    const result = await workspace.run('trace', 'run', 'odd\nname.cfg', '--target', 'nv_small');
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toBe(
      'dla: odd\ufffdname.cfg, line 1: this is no trace command (found \ufffd[31mred) [trace/syntax]\n',
    );
  });
});

const stock = fileURLToPath(
  new URL('../fixtures/nvdla/networks/conv1__nv_small_int8_ncxhwx_fast-math_per-kernel__s0/', import.meta.url),
);

describe('stock loadables on the command line', () => {
  it('give what the .dla of the same network gives, from the same images', async () => {
    for (const output of ['small.dla', 'small.nvdla']) {
      const compiled = await workspace.run('compile', model, '--target', 'nv_small', '--output', output);
      expect(compiled).toMatchObject({ status: 0 });
    }
    const own = await workspace.run('run', 'small.dla', '--target', 'nv_small', '--images', images, '--output', 'own');
    const other = await workspace.run('run', 'small.nvdla', '--images', images, '--output', 'other', '--compare');
    expect(own).toMatchObject({ status: 0 });
    expect(other).toMatchObject({ status: 0, stderr: 'wrote 1 tensors to other\n' });
    const [pictures, line, ...outputs] = own.stdout.split('\n');
    expect(pictures).toBe('pictures: pixel / 255, gray');
    const told = other.stdout.replace('all 1 tensors equal the scalar reference\n', '').split('\n');
    const counted = (text: string): string => text.replace(/, [\d.]+ .?s of emulation$/, '');
    expect([told[0], counted(told[1]!), ...told.slice(2)]).toEqual([pictures, counted(line!), ...outputs]);
    for (const file of ['0000-logits.bin', 'tensors.json']) {
      expect(workspace.read(`other/${file}`)).toEqual(workspace.read(`own/${file}`));
    }
    const wrong = await workspace.run('run', 'small.nvdla', '--target', 'nv_full', '--images', images);
    expect(wrong.stderr).toContain('small.nvdla: the loadable was made for another target');
    const dump = await workspace.run('run', 'small.nvdla', '--images', images, '--dump', '--output', 'other');
    expect(dump).toMatchObject({ status: 2, stdout: '' });
  });

  it('of others run on the bytes of their surfaces', async () => {
    const [file, input] = [`${stock}model.nvdla`, `0=${stock}input0.raw`];
    const ran = await workspace.run('run', file, '--target', 'nv_small', '--input', input, '--output', 'stock');
    expect(ran).toMatchObject({ status: 0, stderr: 'wrote 2 files to stock\n' });
    expect(ran.stdout).toMatch(/: 1 launches, 823,680 MACs, .*\n.*\n0 +c1 +1×40×11×13 +5720 bytes\n$/);
    expect(Buffer.compare(workspace.read('stock/output-0.raw'), readFileSync(`${stock}out0.raw`))).toBe(0);
    expect(new TextDecoder().decode(workspace.read('stock/output-0.dimg').subarray(0, 4))).toBe('DIMG');
    const refusal = async (...args: readonly string[]): Promise<string> => {
      const result = await workspace.run('run', file, ...args);
      expect(result).toMatchObject({ status: 2, stdout: '' });
      return result.stderr;
    };
    expect(await refusal('--input', input)).toContain('[loadable/target-missing]');
    expect(await refusal('--target', 'nv_full', '--input', input)).toContain('[loadable/target]');
    const known = ['--target', 'nv_small'] as const;
    expect(await refusal(...known)).toContain('an input is missing (expected the bytes of input 0) [run/input]');
    expect(await refusal(...known, '--images', images)).toContain('[run/input]');
    expect(await refusal(...known, '--input', `data=${stock}input0.raw`)).toContain('an input is known by its number');
    expect(await refusal(...known, '--input', `0=${stock}out0.raw`)).toContain('an input has another size');
    expect(await refusal(...known, '--input', input, '--input', `1=${stock}input0.raw`)).toContain('no such input');
  });
});
