import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { fileKind } from './file-kind.ts';
import { readModel } from './read.ts';
import { modelFile } from './testing/files.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function little(size: 4 | 8, value: number): string {
  return Array.from({ length: size }, (_, index) => String.fromCharCode(Math.floor(value / 256 ** index) % 256)).join(
    '',
  );
}

const json = '{"stride": 32, "task": "detect"}';
const tensors = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
const prototxt = `name: "LeNet"
layer {
  name: "data"
  type: "Input"
  input_param { shape: { dim: 64 dim: 1 dim: 28 dim: 28 } }
}`;

/** What the formats begin with: each from the format's documentation or from a file of it. */
const files: readonly (readonly [kind: string, bytes: Uint8Array])[] = [
  ['a TensorRT engine', latin1(`ftrt${little(4, 0)}${little(8, 239)}${'\0'.repeat(64)}`)],
  ['a TensorRT engine (of Ultralytics)', latin1(`${little(4, json.length)}${json}ftrt${'\0'.repeat(64)}`)],
  ['a TensorFlow Lite model', latin1('\x1c\0\0\0TFL3\x14\0\x20\0')],
  ['an onnxruntime model in ORT format', latin1('\x10\0\0\0ORTM\0\0\0\0')],
  ['a safetensors file, weights without a graph', latin1(`${little(8, tensors.length)}${tensors}\0\0\0\0`)],
  ['a PyTorch checkpoint or TorchScript archive', latin1('PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0yolo/data.pklFB')],
  ['a Python pickle (PyTorch checkpoint)', latin1('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.')],
  ['a zip archive', latin1('PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0readme.txt')],
  ['a Caffe prototxt', latin1(prototxt)],
  ['a Caffe prototxt', latin1(`# from the zoo\n${prototxt.replace('layer {', 'layers {')}`)],
  ['a Caffe prototxt', latin1(prototxt.slice(prototxt.indexOf('layer {')))],
  ['a Caffe model', latin1('\x0a\x05LeNet\xa2\x06\x20\x0a\x04data')],
  ['a TensorFlow graph', latin1('\x0a\x2e\x0a\x05input\x12\x0bPlaceholder*')],
  ['a model in protobuf text format', latin1('ir_version: 8\ngraph {\n  node {\n')],
  ['an HDF5 file (Keras)', latin1('\x89HDF\r\n\x1a\n\0\0')],
  ['a gzip archive', gzipSync(modelFile())],
  ['a TensorRT calibration cache', latin1('TRT-8502-EntropyCalibration2\ninput: 3c010a14\n')],
  ['a Git LFS pointer', latin1('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')],
  ['a web page or XML text', latin1('<!DOCTYPE html><html>')],
  ['an OpenVINO model', latin1('<?xml version="1.0"?>\n<net name="a" version="11">')],
  ['a JSON text', latin1('{"a": 1}')],
];

describe('a file that is no ONNX model', () => {
  test.each(files)('is named: %s', (name, bytes) => {
    expect(fileKind(bytes)?.name).toBe(name);
    let thrown: unknown;
    try {
      readModel(bytes, { file: 'net.onnx' });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DlakitError);
    expect((thrown as DlakitError).problem).toMatchObject({ code: 'onnx/not-a-model', place: { file: 'net.onnx' } });
    expect((thrown as Error).message).toContain(`the file is ${name}; `);
  });

  test('has no name where its beginning does not tell', () => {
    for (const text of ['', 'x', '\0\0\0\0', 'hello there', '\x0a\x03abc', 'PK'])
      expect(fileKind(latin1(text))).toBeUndefined();
  });

  test('has no name, and is soon read, where it is a page of comment signs', () => {
    expect(fileKind(latin1(`${'#'.repeat(4000)}!`))).toBeUndefined();
    expect(fileKind(latin1(`${'# '.repeat(2000)}!`))).toBeUndefined();
  });

  test('is never an ONNX model, also of a producer that is called like a format', () => {
    const bytes = modelFile({}, { irVersion: 7, producerName: 'NVDA' });
    expect(bytes.subarray(4, 8)).toEqual(latin1('NVDA'));
    expect(readModel(bytes).nodes).toHaveLength(1);
    expect(fileKind(new Uint8Array(readFileSync('models/fashion-resnet20.onnx')))).toBeUndefined();
  });
});
