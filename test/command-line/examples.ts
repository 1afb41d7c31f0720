/**
 * The examples of the help texts, run as they stand. What they name is prepared under that name from what the repository has: small
 * networks, the first images of a data set, loadables compiled on the spot.
 */

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { npy } from '../../src/evaluate/testing/npy.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import {
  calibrate,
  compile,
  encodeNvdla,
  type PreparedNetwork,
  prepare,
  readNetwork,
  recordTraces,
} from '../../src/index.ts';
import { encodeLoadable } from '../../src/loadable/container.ts';
import { decodeStockLoadable, memoryFlags } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { fashionPreprocess } from '../../src/models/fashion.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { writeCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { Folder, helpOf, leafCommands } from './program.ts';
import { readWritten } from './written-files.ts';

const repository = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))));

/** Every command's examples, as the words after `dla`. */
function examplesOf(command: string): readonly (readonly string[])[] {
  const help = helpOf(leafCommands().get(command)!);
  const [, examples = ''] = help.split(/^Examples?:$/m);
  return examples
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
      expect(words[0]).toBe('dla');
      return words.slice(1);
    });
}

/** The commands, in groups that a test file each runs. */
const groups = {
  judge: ['check', 'inspect', 'estimate'],
  make: ['calibrate', 'tune', 'compile', 'qdq'],
  measure: ['evaluate', 'report'],
  run: ['run'],
  trace: ['trace run', 'trace record'],
} as const;

/** Runs every example of a group of commands, each in a folder of its own, and reads what it writes. */
export function testExamples(group: keyof typeof groups): void {
  it('every command is in a group', () => {
    expect(Object.values(groups).flat().sort()).toEqual([...leafCommands().keys()].sort());
  });

  describe.each(groups[group])('dla %s', (command) => {
    const folders: Folder[] = [];
    afterAll(() => {
      for (const folder of folders) folder.remove();
    });

    it('has examples', () => expect(examplesOf(command).length).toBeGreaterThan(0));

    it.each(examplesOf(command).map((words) => [words.join(' '), words] as const))('%s', async (_, words) => {
      const folder = new Folder();
      folders.push(folder);
      for (const word of words) await prepareFile(folder, word.replace(/^\w+=/, ''), command);
      const before = new Set(folder.files());
      const { code, stdout, stderr } = await folder.run(...words);
      // The one outcome beside success: a check that finds nodes on the GPU.
      expect([undefined, ...(command === 'check' ? ['check/gpu-fallback'] : [])], stderr).toContain(code);
      expect(stdout).not.toMatch(/undefined|NaN/);
      const written = folder.files().filter((file) => !before.has(file));
      const isOutput = (flag: string) => ['--output', '--board', '--trace'].includes(flag);
      const outputs = words.filter((_, index) => isOutput(words[index - 1] ?? ''));
      for (const output of outputs)
        expect(
          written.some((file) => file.startsWith(output)),
          output,
        ).toBe(true);
      if (outputs.length === 0) expect(written).toEqual([]);
      await readWritten(folder, written);
    });
  });
}

/** Two convolutions on a picture of 3 × 32 × 32. */
export function smallNetwork(): Graph {
  const builder = new GraphBuilder('net', { seed: 7 });
  const image = builder.input('image', [1, 3, 32, 32]);
  const first = builder.conv(image, { channels: 16, kernel: 3, padding: 1, name: 'conv1' });
  builder.output(builder.conv(first, { channels: 10, kernel: 3, stride: 2, name: 'logits' }));
  return renamed(builder.build(), (value) => value.replace(/:out$/, ''));
}

/** A classifier of the features of a sound: no picture, no channels. */
export function keywordNetwork(): Graph {
  const builder = new GraphBuilder('keyword', { seed: 9 });
  const hidden = builder.relu(builder.gemm(builder.flatten(builder.input('features', [1, 16, 8])), 32));
  builder.output(builder.gemm(hidden, 4, 'score'));
  return builder.build();
}

/** A detector's shape: symbolic, with an activation that the DLA does not have. */
function detector(): Graph {
  const builder = new GraphBuilder('detector', { seed: 8 });
  const images = builder.input('images', [1, 3, 640, 640]);
  const conv = builder.conv(images, { channels: 8, kernel: 6, stride: 2, padding: 2 });
  const [act = ''] = builder.node('HardSwish', [conv], [builder.shape(conv)]);
  builder.output(builder.conv(act, { channels: 8, kernel: 1 }));
  return builder.build();
}

function symbolic(graph: Graph): Graph {
  const values = new Map(
    [...graph.values].flatMap(([name, type]) =>
      graph.inputs.includes(name) ? [[name, { ...type, shape: ['batch', 3, 'height', 'width'] }] as const] : [],
    ),
  );
  return { ...graph, values };
}

function renamed(graph: Graph, rename: (value: string) => string): Graph {
  return {
    ...graph,
    outputs: graph.outputs.map(rename),
    values: new Map([...graph.values].map(([name, type]) => [rename(name), type])),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
  };
}

export const small = (): PreparedNetwork => prepare(readNetwork(writeModel(smallNetwork())));
const keyword = (): PreparedNetwork => prepare(readNetwork(writeModel(keywordNetwork())));
const fashion = (): PreparedNetwork => prepare(readNetwork(repository('models/fashion-resnet20.onnx')));

const caches = new Map<() => PreparedNetwork, Promise<string>>();

/** A calibration over a few random samples, once for each network. */
export function cacheOf(make: () => PreparedNetwork): Promise<string> {
  const cache = caches.get(make) ?? calibrationCache(make());
  caches.set(make, cache);
  return cache;
}

async function calibrationCache(network: PreparedNetwork): Promise<string> {
  const random = new Random(3);
  const samples = Array.from({ length: 4 }, () =>
    Object.fromEntries(
      network.graph.inputs.map((name) => {
        const shape = network.graph.values.get(name)!.shape!.map(Number);
        const size = shape.reduce((a, b) => a * b, 1);
        return [name, float32Tensor(shape, random.symmetric(size, 1))] as const;
      }),
    ),
  );
  const { scales } = await calibrate(network, samples, { runtime: await nodeOnnxRuntime() });
  return writeCalibrationCache(scales);
}

/** The first images or labels of an IDX file. */
function firstOf(path: string, count: number): Uint8Array {
  const bytes = gunzipSync(repository(path));
  const dimensions = Array.from({ length: bytes[3]! }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const item = dimensions.slice(1).reduce((a, b) => a * b, 1);
  bytes.writeUInt32BE(count, 4);
  return new Uint8Array(gzipSync(bytes.subarray(0, 4 + 4 * dimensions.length + count * item)));
}

async function photo(width: number, height: number, seed: number): Promise<Uint8Array> {
  const random = new Random(seed);
  const data = Uint8Array.from({ length: 3 * width * height }, () => random.below(256));
  return new Uint8Array(
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

const stock = 'test/fixtures/nvdla/networks/conv1__nv_small_int8_ncxhwx_fast-math_per-kernel__s0';
const smallStock = (): Uint8Array => encodeNvdla(compile(small(), { target: 'nv_small' }));

/** A trace that the emulated device plays, in one of its forms. */
async function trace(format: 'cfg' | 'txn', target: string): Promise<ReadonlyMap<string, string>> {
  const { network } = compile(small(), { target });
  const image = float32Tensor([1, 3, 32, 32], new Random(4).symmetric(3 * 32 * 32, 1));
  const { traces } = await recordTraces(encodeLoadable(network), { image }, { format });
  return traces[0]!.files;
}

/** Prepares what a word of a command line names; words that are no such file are left alone. */
async function prepareFile(folder: Folder, name: string, command: string): Promise<void> {
  const existing = folder.files();
  if (existing.includes(name) || existing.some((file) => name.endsWith('/') && file.startsWith(name))) return;
  const content = await contentOf(name, command);
  if (content instanceof Map) for (const [file, part] of content) folder.write(file, part as Uint8Array | string);
  else if (content !== undefined) folder.write(name, content as Uint8Array | string);
}

type Content = Uint8Array | string | ReadonlyMap<string, Uint8Array | string> | undefined;

async function contentOf(name: string, command: string): Promise<Content> {
  const nvdla = command.startsWith('trace');
  switch (name) {
    case 'models/fashion-resnet20.onnx':
    case 'fashion-resnet20.onnx':
    case 'resnet50.onnx':
      return repository('models/fashion-resnet20.onnx');
    case 'net.onnx':
      return writeModel(smallNetwork());
    case 'resnet50_qat.onnx':
      return repository('test/cases/quantization/qdq_qat.onnx');
    case 'model.onnx':
      return repository('test/cases/quantization/qdq_uint8.onnx');
    case 'yolov5s.onnx':
      return writeModel(symbolic(detector()));
    case 'detector.onnx':
      return writeModel(detector());
    case 'keyword.onnx':
      return writeModel(keywordNetwork());
    case 'features.npy':
      return npy('<f4', '(3, 16, 8)', Float32Array.from(new Random(5).symmetric(3 * 16 * 8, 1)));
    case 'keyword.cache':
      return command === 'calibrate' ? undefined : cacheOf(keyword);
    case 'net.cache':
      return command === 'calibrate' ? undefined : cacheOf(small);
    case 'resnet20.cache':
    case 'resnet50.cache':
    case 'fashion-resnet20.cache':
      return command === 'calibrate' ? undefined : cacheOf(fashion);
    case 'net.dla':
      return encodeLoadable(compile(small(), nvdla ? { target: 'nv_small' } : {}).network);
    case 'fashion-resnet20.dla':
      return command === 'compile'
        ? undefined
        : encodeLoadable(compile(fashion(), { preprocess: fashionPreprocess }).network);
    case 'net.nvdla':
      return command === 'compile' ? undefined : smallStock();
    case 'model.nvdla':
      return repository(`${stock}/model.nvdla`);
    case 'surface.raw':
      return repository(`${stock}/input0.raw`);
    case 'surface.bin': {
      const input = ({ flags }: { readonly flags: number }) => (flags & memoryFlags.input) !== 0;
      return new Uint8Array(decodeStockLoadable(smallStock()).memories.find(input)!.size);
    }
    case 'image.bin':
      return float32Tensor([1, 3, 32, 32], new Random(6).symmetric(3 * 32 * 32, 1)).bytes;
    case 'photos/': {
      const [width, height] = command === 'calibrate' ? [48, 40] : [32, 32];
      const photos = [1, 2, 3].map(async (seed) => [`photos/${seed}.png`, await photo(width, height, seed)] as const);
      return new Map(await Promise.all(photos));
    }
    case 'data/fashion-mnist-calibration-images.idx3.gz':
    case 'data/fashion-mnist-test-images.idx3.gz':
    case 'data/fashion-mnist-test-labels.idx1.gz':
      return firstOf(name, 60);
    case 'dc_24x33x55_5x5x55x25_int8_0.cfg':
      return new Map(
        [...(await trace('cfg', 'nv_small'))].map(([file, part]) => [file === 'trace.cfg' ? name : file, part]),
      );
    case 'traces/sdp_relu_int16/':
      return new Map([...(await trace('txn', 'nv_full'))].map(([file, part]) => [`${name}${basename(file)}`, part]));
    default:
      return undefined;
  }
}
