/** Images that are none, outputs that cannot be written, and Ctrl-C, through the command line itself. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { demo, refusals } from './refusals.ts';

const { work, refusal } = refusals();
const data = (name: string): string => new URL(`../../data/${name}`, import.meta.url).pathname;
const testImages = data('fashion-mnist-test-images.idx3.gz');
const testLabels = data('fashion-mnist-test-labels.idx1.gz');

describe('images', () => {
  const idx = (shape: readonly number[], bytes = shape.reduce((product, dim) => product * dim, 1)): Uint8Array => {
    const file = new Uint8Array(4 + 4 * shape.length + bytes);
    file.set([0, 0, 8, shape.length]);
    for (const [axis, dim] of shape.entries()) new DataView(file.buffer).setUint32(4 + 4 * axis, dim);
    return file;
  };
  const calibrate = (images: string) => refusal('calibrate', 'sound.onnx', '--images', images, '--output', 'out.cache');

  test('of the wrong size', async () => {
    work.write('small.idx', idx([2, 7, 8, 3]));
    expect(await calibrate('small.idx')).toMatchInlineSnapshot(
      `"dla: small.idx 0: the image has the wrong size (expected 8×8, found 8×7) [evaluate/image]"`,
    );
    expect(await refusal('run', 'sound.dla', '--images', 'small.idx', '--output', 'out')).toMatchInlineSnapshot(
      `"dla: small.idx 0: the image has the wrong size (expected 8×8, found 8×7) [evaluate/image]"`,
    );
  });

  test('in files that hold something else', async () => {
    work.write('short.idx', idx([2, 8, 8, 3], 100));
    work.write('photos/one.png', 'not a picture');
    work.write('photos/two.png', 'not a picture either');
    mkdirSync(join(work.folder, 'nothing'));
    expect(await calibrate('short.idx')).toMatchInlineSnapshot(
      `"dla: short.idx: the IDX file has another number of bytes than its dimensions say (expected 384, found 100) [evaluate/data-set]"`,
    );
    expect(await calibrate('photos')).toMatchInlineSnapshot(
      `"dla: photos/one.png: the image cannot be decoded: Input buffer contains unsupported image format [evaluate/image]"`,
    );
    expect(await calibrate('nothing')).toMatchInlineSnapshot(
      `"dla: nothing: the folder holds no images [evaluate/data-set]"`,
    );
  });

  test('with another number of labels', async () => {
    work.write('good.idx', idx([2, 8, 8, 3]));
    work.write('labels.idx', idx([3]));
    const args = ['evaluate', 'sound.onnx', '--images', 'good.idx', '--labels', 'labels.idx'];
    expect(await refusal(...args)).toMatchInlineSnapshot(
      `"dla: labels.idx: there is not one label for each image (expected 2, found 3) [evaluate/data-set]"`,
    );
  });
});

describe('an output that cannot be written', () => {
  // Below a regular file nobody can make a folder, whatever the permissions and whoever asks.
  test.each([
    ['compile', 'sound.onnx', '--output', 'sound.dla/out.dla'],
    ['compile', 'sound.onnx', '--calib', 'sound.cache', '--output', 'fresh/out.dla', '--board', 'sound.dla/board'],
    ['report', 'sound.onnx', '--output', 'sound.dla/report'],
    ['check', 'sound.onnx', '--format', 'json', '--output', 'sound.dla/check.json'],
    ['estimate', 'sound.onnx', '--trace', 'board'],
    ['run', 'sound.dla', '--input', 'image=image.bin', '--output', 'sound.dla/out'],
  ])('dla %s %s %s %s', async (...args) => {
    const before = work.listing();
    const { status, stderr } = await work.run(...args);
    expect(status, stderr).toBe(2);
    expect(stderr).toMatch(
      /^dla: (sound\.dla\/[\w./-]+|board): the file cannot be written: .+ \[file\/not-writable\]$/m,
    );
    expect(stderr).not.toMatch(/^\s+at |^wrote/m);
    expect(work.listing()).toEqual(before);
  });
});

describe('Ctrl-C', () => {
  test.each([
    { what: 'a run', args: ['run', 'demo.dla', '--images', testImages, '--engines', 'reference', '--output', 'out'] },
    {
      what: 'an evaluation',
      args: ['evaluate', demo, '--images', testImages, '--labels', testLabels, '--engines', 'reference'],
    },
    { what: 'a calibration', args: ['calibrate', demo, '--images', testImages, '--output', 'out.cache'] },
    {
      what: 'a report',
      args: [
        'report',
        demo,
        '--batch',
        '50',
        '--images',
        testImages,
        '--labels',
        testLabels,
        '--engines',
        'reference',
        '--output',
        'out',
      ],
    },
  ])('ends $what, leaving nothing', async ({ args }) => {
    const before = work.listing();
    const { child, ended, listens } = work.start(...args);
    await listens;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(child.exitCode).toBeNull();
    const asked = performance.now();
    child.kill('SIGINT');
    const { status, signal, stdout, stderr } = await ended;
    expect({ status, signal, stdout }, stderr).toEqual({ status: 130, signal: null, stdout: '' });
    expect(stderr).toMatch(/^dla: .* \[cancelled\]\n$/);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(work.listing()).toEqual(before);
  });
});
