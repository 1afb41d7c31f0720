/** What commands take for inputs, and that the pre-processing of pictures is one from the calibration to the board. */

import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float16Bits } from '../../src/base/float16.ts';
import { Random } from '../../src/base/random.ts';
import { npy } from '../../src/evaluate/testing/npy.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { readPreprocess } from '../../src/graph/preprocess.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { keywordNetwork, smallNetwork } from './examples.ts';
import { Folder } from './program.ts';

const folder = new Folder();
afterAll(() => folder.remove());

/** A picture beside a sound's features and a number that no layer of the DLA takes. */
function twoInputs(): Graph {
  const builder = new GraphBuilder('two', { seed: 4 });
  const picture = builder.flatten(builder.conv(builder.input('picture', [1, 3, 8, 8]), { channels: 4, kernel: 3 }));
  const sound = builder.gemm(builder.flatten(builder.input('sound', [1, 5, 6])), 144);
  builder.output(builder.gemm(builder.add(picture, sound), 4, 'both'));
  return builder.build();
}

/** As TensorFlow exports them: pixels with their channels side by side. */
function channelsLast(): Graph {
  const builder = new GraphBuilder('last', { seed: 5 });
  const input = builder.input('x', [1, 8, 8, 4]);
  const perm = { kind: 'ints', value: [0, 3, 1, 2] } as const;
  const [planes = ''] = builder.node('Transpose', [input], [[1, 4, 8, 8]], { perm });
  builder.output(builder.conv(planes, { channels: 8, kernel: 3 }));
  return builder.build();
}

async function picture(seed: number, channels: 3 | 4, side: number): Promise<Uint8Array> {
  const random = new Random(seed);
  const data = Uint8Array.from({ length: channels * side * side }, () => random.below(256));
  const raw = { width: side, height: side, channels };
  return new Uint8Array(await sharp(data, { raw }).png().toBuffer());
}

const values = (count: number, seed: number) => Float32Array.from(new Random(seed).symmetric(count, 1));

beforeAll(async () => {
  folder.write('net.onnx', writeModel(smallNetwork()));
  folder.write('two.onnx', writeModel(twoInputs()));
  folder.write('last.onnx', writeModel(channelsLast()));
  folder.write('keyword.onnx', writeModel(keywordNetwork()));
  for (const seed of [1, 2, 3]) {
    folder.write(`photos/${seed}.png`, await picture(seed, 3, 32));
    folder.write(`small/${seed}.png`, await picture(seed, 3, 8));
    folder.write(`clear/${seed}.png`, await picture(seed, 4, 8));
    folder.write(`sounds/${seed}.npy`, npy('<f4', '(5, 6)', values(30, seed)));
  }
  folder.write(
    'sounds.npy',
    npy('<f8', '(3, 5, 6)', Float64Array.from([1, 2, 3].flatMap((seed) => [...values(30, seed)]))),
  );
  folder.write('features.npy', npy('<f4', '(3, 16, 8)', values(3 * 128, 6)));
  folder.write('one.npy', npy('<f4', '(1, 16, 8)', values(128, 6)));
  folder.write('one.bin', new Uint8Array(values(128, 6).buffer));
  folder.write('half.npy', npy('<f2', '(16, 8)', Uint16Array.from(values(128, 6), float16Bits)));
});

/** Runs a command that has to succeed, and gives what it prints. */
async function dla(line: string): Promise<string> {
  const { code, stdout, stderr } = await folder.run(...line.split(' '));
  expect(code, stderr).toBeUndefined();
  return stdout;
}

const refused = async (line: string) => {
  const before = folder.files();
  const { code, stdout, stderr } = await folder.run(...line.split(' '));
  expect(stdout).toBe('');
  expect(folder.files()).toEqual(before);
  return { code, stderr };
};

describe('the pre-processing of pictures', () => {
  const shown = 'pictures: (pixel / 255 − [0.5, 0.25, 0.125]) / 0.5, rgb\n';

  it.each(['net.cache', 'net.json'])('goes with %s to the loadable, the board and every command', async (ranges) => {
    const stated = '--mean 0.5,0.25,0.125 --std 0.5';
    expect(await dla(`calibrate net.onnx --images photos ${stated} --output ${ranges}`)).toContain(shown);
    expect(await dla(`compile net.onnx --calib ${ranges} --output net.dla --board board`)).toContain(shown);
    expect(await dla('inspect net.dla')).toContain('mean=[0.5 0.25 0.125]');
    expect(await dla('run net.dla --images photos')).toContain(shown);
    expect(await dla(`evaluate net.onnx --calib ${ranges} --images photos`)).toContain(shown);
    expect(folder.text('board/README.md')).toContain('(pixel / 255 − [0.5, 0.25, 0.125]) / 0.5, rgb');
    expect(await dla('compile board/net.onnx --calib board/net.cache')).toContain(shown);
    // The same, stated again, is no other.
    expect(await dla(`compile net.onnx --calib ${ranges} --mean 0.5,0.25,0.125 --std 0.5,0.5,0.5`)).toContain(shown);
    expect(await dla(`compile net.onnx --target nv_small --calib ${ranges} --output net.nvdla`)).toContain(shown);
    expect(await dla('run net.nvdla --images photos')).toContain(shown);
    for (const command of ['compile net.onnx', 'evaluate net.onnx --images photos', 'estimate net.onnx']) {
      if (command.startsWith('estimate')) continue;
      const { code, stderr } = await refused(`${command} --calib ${ranges} --mean 0.5 --std 0.5`);
      expect(code).toBe('preprocess/mismatch');
      expect(stderr).toContain(`dla: ${ranges}: the ranges were measured on pictures prepared otherwise`);
    }
    expect((await refused(`report net.onnx --calib ${ranges} --channel-order bgr --output page`)).code).toBe(
      'preprocess/mismatch',
    );
  });

  it('goes with a network that states its ranges, which has no cache', async () => {
    await dla('calibrate net.onnx --images photos --mean 0.5,0.25,0.125 --std 0.5 --output net.cache');
    expect(await dla('qdq net.onnx --explicit --calib net.cache --output explicit')).toContain(shown);
    const release = ['--release', 'JetPack 7.2.2'];
    const made = await folder.run('compile', 'net.onnx', '--calib', 'net.cache', '--board', 'typed', ...release);
    expect(made.stdout).toContain(shown);
    expect(folder.text('typed/README.md')).toContain('net.onnx.preprocess.json');
    for (const model of ['explicit/net_explicit.onnx', 'typed/net.onnx']) {
      expect(readPreprocess(folder.text(`${model}.preprocess.json`))).toEqual({
        mean: [0.5, 0.25, 0.125],
        std: [0.5],
        channelOrder: 'rgb',
      });
      expect(await dla(`compile ${model}`)).toContain(shown);
      const { code, stderr } = await refused(`compile ${model} --mean 0.5`);
      expect(code).toBe('preprocess/mismatch');
      expect(stderr).toContain(`dla: ${model}: the ranges were measured on pictures prepared otherwise`);
    }
    await dla('qdq explicit/net_explicit.onnx --explicit --output again');
    const [again, explicit] = ['again/net_explicit_explicit', 'explicit/net_explicit'].map((name) =>
      folder.text(`${name}.onnx.preprocess.json`),
    );
    expect(again).toBe(explicit);
  });

  it('goes with what tuning writes, and is that of the network where it states one', async () => {
    const few = '--images photos --limit 2 --judge 1';
    expect(await dla(`tune net.onnx ${few} --mean 0.5,0.25,0.125 --std 0.5 --output tuned`)).toContain(shown);
    expect(await dla('compile tuned/net.onnx --calib tuned/net.cache')).toContain(shown);
    const mismatched = await refused('compile tuned/net.onnx --calib tuned/net.cache --mean 0.5');
    expect(mismatched.code).toBe('preprocess/mismatch');
    // Beside a network it is the network's own, whoever measures it.
    folder.write('own.onnx', folder.read('net.onnx'));
    folder.write('own.onnx.preprocess.json', folder.text('tuned/net.cache.preprocess.json'));
    expect(await dla('calibrate own.onnx --images photos --output own.cache')).toContain(shown);
    for (const command of ['tune', 'calibrate']) {
      const { code } = await refused(`${command} own.onnx --images photos --mean 0.5 --output other.cache`);
      expect(code).toBe('preprocess/mismatch');
    }
  });

  it('is pixel / 255 where nobody states another, and is said to be that', async () => {
    expect(await dla('calibrate net.onnx --images photos --output plain.cache')).toContain(
      'pictures: pixel / 255, rgb\n',
    );
    expect((await refused('compile net.onnx --calib plain.cache --mean 0.5')).code).toBe('preprocess/mismatch');
  });

  it('does not come from a name', async () => {
    folder.write('fashion-resnet20.onnx', writeModel(smallNetwork()));
    expect(await dla('compile fashion-resnet20.onnx')).not.toContain('pictures');
  });

  it('of ranges that were measured on tensors is not known', async () => {
    folder.write('image.npy', npy('<f4', '(2, 3, 32, 32)', values(2 * 3072, 8)));
    // What an earlier calibration left is not taken for that of a later one.
    await dla('calibrate net.onnx --images photos --mean 0.5 --output over.cache');
    expect(await dla('calibrate net.onnx --input image=image.npy --output over.cache')).not.toContain('pictures');
    expect(await dla('compile net.onnx --calib over.cache')).not.toContain('pictures');
    expect(await dla('compile net.onnx --calib over.cache --mean 0.25')).toContain('pictures: pixel / 255 − 0.25, rgb');
    expect((await refused('calibrate net.onnx --input image=image.npy --mean 0.5 --output x.cache')).stderr).toContain(
      '--mean goes with --images',
    );
  });

  it.each([
    ['--mean 123.7,116.3,103.5 --std 58.4,57.1,57.4', 'preprocess/units', 'divided by 255'],
    ['--divisor 1 --mean 0.485,0.456,0.406 --std 0.229', 'preprocess/units', 'divided by 1'],
    ['--mean 0.5,0.5', 'preprocess/invalid', 'for the mean'],
    ['--channel-order gray', 'preprocess/invalid', 'so many channels (expected 3, found 1 (gray))'],
  ])('is refused where it cannot be: %s', async (stated, code, message) => {
    for (const command of ['calibrate net.onnx --images photos --output x.cache', 'compile net.onnx --output x.dla']) {
      const found = await refused(`${command} ${stated}`);
      expect(found.code).toBe(code);
      expect(found.stderr).toContain(message);
    }
  });

  it('takes means in units of 0 to 255', async () => {
    const line = 'calibrate net.onnx --images photos --divisor 1 --mean 123.7,116.3,103.5 --std 58 --output in255.json';
    expect(await dla(line)).toContain('pictures: (pixel − [123.7, 116.3, 103.5]) / 58, rgb\n');
  });
});

/** The numbers of the table of outputs. */
const outputs = (text: string) => text.split('\n').find((line) => line.includes('float32'));

describe('inputs', () => {
  it('are tensors of any rank, in NumPy files, raw, or in another float type', async () => {
    expect(await dla('calibrate keyword.onnx --input features=features.npy --output keyword.cache')).toMatch(
      /^3 samples, \d+ tensors/,
    );
    await dla('compile keyword.onnx --calib keyword.cache --output keyword.dla');
    const [array, raw] = [
      await dla('run keyword.dla --input features=one.npy'),
      await dla('run keyword.dla --input features=one.bin'),
    ];
    expect(outputs(array)).toBe(outputs(raw));
    expect(outputs(array)).toContain('1×4');
    await dla('run keyword.dla --input features=half.npy');
    const evaluated = await dla(
      'evaluate keyword.onnx --calib keyword.cache --input features=features.npy --tensors 3',
    );
    expect(evaluated).toContain('Outputs: keyword, 3 samples');
    expect(evaluated).toMatch(/^score\S* +\d+\.\d +0\.\d{6} +\d/m);
    expect(evaluated).toMatch(/diverges at|no tensor falls below 20 dB/);
    expect(evaluated).toMatch(/^tensor +share of the loss +alone, dB +why\n\S+ +\d+\.\d % +\d+\.\d +\S/m);
    const json = await dla(
      'evaluate keyword.onnx --calib keyword.cache --input features=features.npy --tensors 3 --format json',
    );
    const { losses } = JSON.parse(json) as { readonly losses: readonly { readonly share: number }[] };
    expect(losses.map(({ share }) => share)).toEqual(losses.map(({ share }) => share).toSorted((x, y) => y - x));
    expect(losses[0]).toMatchObject({
      value: expect.any(String),
      snr: expect.any(Number),
      reason: { cause: expect.any(String) },
    });
  });

  it('are several: pictures beside tensors, one file or one for each sample', async () => {
    await dla('calibrate two.onnx --images small --input sound=sounds.npy --output two.cache');
    await dla('calibrate two.onnx --input picture=small sound=sounds --output again.cache');
    expect(folder.text('again.cache')).toBe(folder.text('two.cache'));
    await dla('compile two.onnx --calib two.cache --output two.dla');
    const first = outputs(await dla('run two.dla --images small/1.png --input sound=sounds/1.npy'));
    expect(first).toContain('1×4');
    expect(outputs(await dla('run two.dla --images small --input sound=sounds'))).toBe(first);
    // One sound for all pictures.
    await dla('calibrate two.onnx --images small --input sound=sounds/1.npy --output one.cache');
    expect(folder.text('one.cache')).not.toBe(folder.text('two.cache'));
    expect(await dla('evaluate two.onnx --calib two.cache --images small --input sound=sounds')).toContain('3 samples');
  });

  it('are pictures of four channels, with their channels last', async () => {
    expect(await dla('calibrate last.onnx --images clear --channel-order bgra --output last.cache')).toContain(
      'pictures: pixel / 255, bgra\n',
    );
    await dla('compile last.onnx --calib last.cache --output last.dla');
    const whole = outputs(await dla('run last.dla --images clear/1.png'));
    const { data } = await sharp(folder.read('clear/1.png')).raw().toBuffer({ resolveWithObject: true });
    const floats = Float32Array.from(data, (_, i) => data[i % 4 === 3 ? i : i - (i % 4) + 2 - (i % 4)]! / 255);
    folder.write('clear.bin', float32Tensor([1, 8, 8, 4], floats).bytes);
    expect(outputs(await dla('run last.dla --input x=clear.bin'))).toBe(whole);
  });

  it.each([
    ['calibrate two.onnx --images small --output x.cache', 'run/input', 'value sound: an input is missing'],
    ['calibrate two.onnx --input sounds=sounds --output x.cache', 'run/input', 'no input of that name'],
    ['calibrate two.onnx --input sound=sounds sound=x --output x.cache', 'cli/usage', '--input gives an input twice'],
    ['calibrate two.onnx --output x.cache', 'run/input', 'an input is missing'],
    ['calibrate keyword.onnx --images small --output x.cache', 'run/input', 'takes images'],
    ['calibrate two.onnx --images small --input sound=features.npy --output x.cache', 'run/input', 'another shape'],
    ['calibrate keyword.onnx --input features=none.npy --output x.cache', 'file/not-found', 'none.npy'],
    ['calibrate keyword.onnx --input features=one.npy --fit crop --output x.cache', 'cli/usage', '--fit goes with'],
    ['evaluate keyword.onnx --input features=one.npy --labels x', 'cli/usage', '--labels goes with --images'],
    ['run keyword.dla --input features=features.npy', 'run/input', 'more or fewer samples than one run takes'],
  ])('dla %s is refused', async (line, code, message) => {
    const found = await refused(line);
    expect(found.code, found.stderr).toBe(code);
    expect(found.stderr).toContain(message);
  });
});
