/**
 * What goes wrong in a user's hands, through the command line itself: the message names the code, the place, what was
 * expected and what was found; the exit status says that it failed; and no file, whole or half, is left behind.
 */

import { describe, expect, test } from 'vitest';
import { externalData } from '../fuzz/base-models.ts';
import { convolution, cyclic, foreignDomain, model, nested, withWeights } from './models.ts';
import { refusals } from './refusals.ts';

const { work, refusal } = refusals();

describe('a model', () => {
  test('that is no ONNX file', async () => {
    work.write('notes.onnx', 'Dear diary, today I trained a network.\n');
    work.write('empty.onnx', '');
    work.write('picture.onnx', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13));
    expect(await refusal('compile', 'notes.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: notes.onnx, byte 0: the bytes do not begin like an ONNX model (expected protobuf with an IR version (08 …), found 44 65 61 72 20 64 69 61) [onnx/not-a-model]"`,
    );
    expect(await refusal('compile', 'empty.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: empty.onnx, byte 0: the file is empty (expected an ONNX model, found 0 bytes) [onnx/not-a-model]"`,
    );
    expect(await refusal('check', 'picture.onnx', '--format', 'json', '--output', 'out.json')).toMatchInlineSnapshot(
      `"dla: picture.onnx, byte 0: the file is a PNG image; give the ONNX model (expected an ONNX model, found 89 50 4e 47 0d 0a 1a 0a) [onnx/not-a-model]"`,
    );
    expect(await refusal('report', 'missing.onnx', '--output', 'out')).toMatchInlineSnapshot(
      `"dla: missing.onnx: the file cannot be read: no such file or folder [file/not-found]"`,
    );
  });

  test('that is truncated', async () => {
    const bytes = work.read('sound.onnx');
    work.write('half.onnx', bytes.slice(0, bytes.length / 2));
    expect(await refusal('compile', 'half.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: half.onnx, byte 10: the file ends too early (expected at least 757 bytes, found 381 bytes) [onnx/truncated]"`,
    );
  });

  test('whose external data is missing or short', async () => {
    const { bytes, external } = externalData(model(convolution()));
    work.write('apart/model.onnx', bytes);
    expect(await refusal('compile', 'apart/model.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: apart/model.onnx, value conv.weight: the external data file sub/more.bin is missing (expected sub/more.bin beside the model, 432 bytes, found no such file) [onnx/external-data]"`,
    );
    for (const [name, content] of external) work.write(`apart/${name}`, content.slice(0, content.length - 4));
    expect(await refusal('compile', 'apart/model.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: apart/model.onnx, value conv.weight: the external data file sub/more.bin is too short (expected at least 432 bytes, found 428 bytes) [onnx/external-data]"`,
    );
    for (const [name, content] of external) work.write(`apart/${name}`, content);
    expect(await work.run('estimate', 'apart/model.onnx')).toMatchObject({ status: 0, stderr: '' });
  });

  test('with a dynamic shape that nothing binds', async () => {
    work.write('dynamic.onnx', model(convolution(['batch', 3, 'height', 'width'])));
    expect(await refusal('compile', 'dynamic.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: dynamic.onnx, value image: the shape of the input is not known; bind it with --shapes (expected a number for every dimension, found [batch, 3, height, width]) [shape/unresolved]"`,
    );
    expect(await refusal('estimate', 'dynamic.onnx', '--shapes', 'image:1x3x8')).toMatchInlineSnapshot(
      `"dla: dynamic.onnx, value image: the shape has the wrong rank (expected [batch, 3, height, width], found 1x3x8) [shape/binding]"`,
    );
    expect(await refusal('estimate', 'dynamic.onnx', '--shapes', 'picture:1x3x8x8')).toMatchInlineSnapshot(
      `"dla: dynamic.onnx, value picture: the network has no such input (expected image) [shape/binding]"`,
    );
  });

  test('whose nodes depend on one another in a circle', async () => {
    work.write('cyclic.onnx', model(cyclic()));
    expect(await refusal('compile', 'cyclic.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: cyclic.onnx, node conv: the nodes depend on one another in a circle (expected a graph without cycles, found conv → relu → conv) [onnx/cycle]"`,
    );
  });

  test('with an operator of an unknown domain is judged all the same', async () => {
    work.write('foreign.onnx', model(foreignDomain()));
    const { status, stdout } = await work.run('check', 'foreign.onnx');
    expect(status).toBe(1);
    expect(stdout).toContain('no-rule  SiLU');
    expect(stdout).toContain('1 of 2 nodes on the DLA');
  });

  test('with a tensor of the wrong number of bytes', async () => {
    work.write('bytes.onnx', model(withWeights([4, 3, 3, 3], 428)));
    expect(await refusal('compile', 'bytes.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: bytes.onnx, value conv.weight: the float32 tensor of shape [4, 3, 3, 3] has the wrong size (expected 432 bytes, found 428 bytes) [onnx/tensor-size]"`,
    );
  });

  test('with a zero or an overflowing dimension', async () => {
    work.write('zero.onnx', model(withWeights([4, 0, 3, 3], 0)));
    work.write('huge.onnx', model(withWeights([2 ** 30, 2 ** 30, 2 ** 30, 3])));
    work.write('large-input.onnx', model(convolution([1, 3, 2 ** 31, 8])));
    work.write('many.onnx', model(convolution([2 ** 20, 3, 2 ** 20, 2 ** 20])));
    expect(await refusal('compile', 'zero.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: zero.onnx, value conv.weight: a dimension of the tensor is zero, negative or too large (expected 1 to 2147483647, found [4, 0, 3, 3]) [onnx/dimension]"`,
    );
    expect(await refusal('compile', 'huge.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: huge.onnx, value conv.weight: the tensor is too large (expected at most 1099511627776 bytes, found 1.4855280471424563e+28 bytes ([1073741824, 1073741824, 1073741824, 3])) [onnx/dimension]"`,
    );
    expect(await refusal('compile', 'large-input.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: large-input.onnx, value image: a dimension of the input is zero, negative or too large (expected 1 to 2147483647, found 2147483648) [onnx/dimension]"`,
    );
    expect(await refusal('compile', 'many.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: many.onnx, value image: the input has too many elements (expected at most 1099511627776, found [1048576, 3, 1048576, 1048576]) [onnx/dimension]"`,
    );
  });

  test('that is nested too deeply', async () => {
    work.write('deep.onnx', model(nested(40)));
    expect(await refusal('compile', 'deep.onnx', '--output', 'out.dla')).toMatchInlineSnapshot(
      `"dla: deep.onnx, byte 1020: messages are nested too deep (expected at most 64 levels, found more) [onnx/too-deep]"`,
    );
  });
});

describe('a loadable', () => {
  const run = (file: string, ...more: readonly string[]) =>
    refusal('run', file, '--input', 'image=image.bin', '--output', 'out', ...more);

  test('that is corrupt', async () => {
    const bytes = work.read('sound.dla');
    work.write('plan.dla', bytes.with(100, bytes[100]! ^ 1));
    work.write('blob.dla', bytes.with(bytes.length - 3, bytes.at(-3)! ^ 1));
    work.write('version.dla', bytes.with(8, 99));
    expect((await run('plan.dla')).replaceAll(/[0-9a-f]{64}/g, '<hash>')).toMatchInlineSnapshot(
      `"dla: plan.dla: the checksum of the plan is wrong (expected <hash>, found <hash>) [loadable/corrupt]"`,
    );
    expect((await run('blob.dla')).replaceAll(/[0-9a-f]{64}/g, '<hash>')).toMatchInlineSnapshot(
      `"dla: blob.dla, byte 2240: the hash of a blob is wrong (expected <hash>, found <hash>) [loadable/corrupt]"`,
    );
    expect(await run('version.dla')).toMatchInlineSnapshot(
      `"dla: version.dla: another version of the format (expected 2, found 99) [loadable/version]"`,
    );
    expect(await run('sound.onnx')).toMatchInlineSnapshot(
      `"dla: sound.onnx: the bytes do not begin like a loadable (expected 444c414b49541a0a, found 08081206646c616b) [loadable/not-a-loadable]"`,
    );
    expect(await refusal('estimate', 'plan.dla', '--trace', 'trace.json')).toContain('[loadable/corrupt]');
  });

  test('that is truncated', async () => {
    const bytes = work.read('sound.dla');
    work.write('short.dla', bytes.slice(0, 500));
    work.write('shorter.dla', bytes.slice(0, 20));
    expect((await run('short.dla')).replaceAll(/\d{4,} bytes/g, '<size> bytes')).toMatchInlineSnapshot(
      `"dla: short.dla: the file ends early (expected <size> bytes, found 500) [loadable/truncated]"`,
    );
    expect(await run('shorter.dla')).toMatchInlineSnapshot(
      `"dla: shorter.dla: the file ends early (expected 32 bytes, found 20) [loadable/truncated]"`,
    );
  });

  test('that was made for another target', async () => {
    expect(await run('xavier.dla')).toMatchInlineSnapshot(
      `"dla: xavier.dla: the loadable was made for another target (expected orin, found xavier) [loadable/target]"`,
    );
    expect(await run('sound.dla', '--target', 'xavier')).toMatchInlineSnapshot(
      `"dla: sound.dla: the loadable was made for another target (expected xavier, found orin) [loadable/target]"`,
    );
  });

  test('that is given inputs that it does not have, or of another size', async () => {
    work.write('small.bin', new Uint8Array(100));
    expect(await refusal('run', 'sound.dla', '--input', 'image=small.bin', '--output', 'out')).toMatchInlineSnapshot(
      `"dla: small.bin, value image: the file has another size than the input (expected a multiple of 768 bytes (float32 3×8×8), found 100 bytes) [run/input]"`,
    );
    expect(await refusal('run', 'sound.dla', '--input', 'picture=image.bin')).toMatchInlineSnapshot(
      `"dla: value picture: the network has no input of that name (expected image) [run/input]"`,
    );
    expect(await refusal('run', 'sound.dla')).toMatchInlineSnapshot(
      `"dla: value image: an input is missing (expected image) [run/input]"`,
    );
  });
});

describe('a calibration cache', () => {
  const compile = (cache: string) => refusal('compile', 'sound.onnx', '--calib', cache, '--output', 'out.dla');

  test('that is of another network', async () => {
    work.write('other.cache', 'TRT-8602-EntropyCalibration2\npicture: 3c000000\n');
    expect(await compile('other.cache')).toMatchInlineSnapshot(
      `"dla: other.cache, value image: 2 tensors have no scale: image, relu:out; there are scales of tensors that it does not have: picture (expected 2 scales, found 0) [calibrate/cache-missing]"`,
    );
  });

  test('that is malformed', async () => {
    work.write('words.cache', 'TRT-8602-EntropyCalibration2\nimage: a lot\n');
    work.write('nan.cache', 'TRT-8602-EntropyCalibration2\nimage: 7fc00000\n');
    work.write('broken.json', '{ "format": "dlakit-calibration", ');
    expect(await compile('words.cache')).toMatchInlineSnapshot(
      `"dla: words.cache, line 2: not a tensor name, a colon and eight hexadecimal digits (expected name: hhhhhhhh, found "image: a lot") [calibrate/cache-format]"`,
    );
    expect(await compile('nan.cache')).toMatchInlineSnapshot(
      `"dla: nan.cache, line 2: the scale of "image" is not a finite number from 0 up (expected float32 ≥ 0, found NaN (7fc00000)) [calibrate/cache-format]"`,
    );
    // What is wrong with JSON is told in the words of the JavaScript engine.
    expect(await compile('broken.json')).toMatch(/^dla: broken\.json: not JSON: .+ \[calibrate\/cache-format\]$/);
    expect(await compile('sound.onnx')).toMatchInlineSnapshot(
      `"dla: sound.onnx: ranges are text, and these bytes are not (expected UTF-8) [calibrate/cache-format]"`,
    );
  });
});
