/**
 * The C++ hosts of `dla compile --board --standalone --cudla`, compiled against headers of our own and run on a library that stands in
 * for cuDLA, CUDA and NvSci (test/command-line/cudla): what the DLA would get is what the emulator lays into memory, and what they
 * make of its surfaces is what the emulator's outputs say. Whether a board agrees nobody has tried.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float16Bits } from '../../src/base/float16.ts';
import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { decodeLoadable, prepare } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import type { Program } from '../../src/program/program.ts';
import { packSurface, quantize, type SurfaceValues } from '../../src/runtime/pack.ts';
import { readBoard } from './board-folder.ts';
import { cacheOf } from './examples.ts';
import { Folder } from './program.ts';

const standIn = fileURLToPath(new URL('cudla', import.meta.url));
const compiler = spawnSync('g++', ['--version']).status === 0;
const required = process.env.DLAKIT_REQUIRE_COMPILER === '1';
if (!compiler && !required) console.warn('no g++ here: the cuDLA hosts are not compiled, nor tested');

const flags = ['-std=c++17', '-O0', '-Wall', '-Wextra', '-Werror', `-I${standIn}`];
const build = (folder: string, output: string, ...sources: readonly string[]): void => {
  execFileSync('g++', [...flags, '-o', output, ...sources], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
};

/** Two images and a plane beside them, to blocks that are not full. */
function network(): Graph {
  const b = new GraphBuilder('net', { seed: 3 });
  const image = b.conv(b.input('im/age:0', [2, 3, 5, 7]), { channels: 40, kernel: 3, padding: 1 });
  const plane = b.conv(b.input('plane', [2, 1, 5, 7]), { channels: 40, kernel: 1 });
  b.output(b.node('Add', [image, plane], [[2, 40, 5, 7]], {}, 'sum')[0]!);
  b.output(b.conv(image, { channels: 5, kernel: 5, name: 'last' }));
  return b.build();
}

const cases = [
  ['int8', ['hybrid', 'standalone'], ['--calib', 'net.cache']],
  ['fp16', ['hybrid'], ['--precision', 'fp16', '--input-format', 'dla_linear']],
] as const;

it('has a compiler where one is required', () => expect(compiler || !required).toBe(true));

describe.skipIf(!compiler)('cuDLA hosts', () => {
  let folder: Folder;
  beforeAll(async () => {
    folder = new Folder();
    folder.write('net.onnx', writeModel(network()));
    folder.write('net.cache', await cacheOf(() => prepare(network())));
    build(folder.path, 'stand-in.o', '-c', join(standIn, 'stand-in.cpp'));
  });
  afterAll(() => folder.remove());

  /** A surface of the loadable as the stand-in's text has it, with the file that a task writes to or reads from. */
  function described({ surfaces, inputs, outputs }: Program): readonly string[] {
    const formats: Readonly<Record<string, number>> = { dla_linear: 1, dla_hwc4: 2, chw16: 3, chw32: 3 };
    return (['input', 'output'] as const).flatMap((side) =>
      (side === 'input' ? inputs : outputs).map((id, index) => {
        const { name, shape, dtype, format, lineStride, surfaceStride, size } = surfaces[id]!;
        const type = dtype === 'int8' ? 4 : 2;
        return [
          side,
          name,
          ...shape,
          size,
          type,
          formats[format],
          lineStride,
          surfaceStride,
          `${side}${index}.surface`,
        ].join(' ');
      }),
    );
  }

  const tensor = (values: Float32Array): Uint8Array => new Uint8Array(values.slice().buffer);

  it.each(cases)('%s: surfaces as the emulator has them, both ways', async (precision, modes, options) => {
    const board = `board-${precision}`;
    const at = (file: string) => join(board, 'cudla', file);
    const words = ['compile', 'net.onnx', '--board', board, '--standalone', '--cudla', '--output', `${precision}.dla`];
    expect(await folder.run(...words, ...options)).toMatchObject({ status: 0 });
    const { bindings } = readBoard(folder, board);
    const { plan } = decodeLoadable(folder.read(`${precision}.dla`));
    const [segment] = plan.segments;
    if (segment?.kind !== 'dla') throw new Error('one DLA segment wanted');
    const { program } = segment;

    // What the network is given, and what the emulator makes of it.
    const random = new Random(8);
    const feeds = bindings
      .filter(({ side }) => side === 'input')
      .map(({ name, shape }, index) => {
        const values = Float32Array.from({ length: elementCount(shape) }, () => random.between(-3, 3));
        folder.write(`in${index}.bin`, tensor(values));
        return { name, file: `in${index}.bin`, values };
      });
    const named = feeds.flatMap(({ name, file }) => ['--input', `${name}=${file}`]);
    expect(await folder.run('run', `${precision}.dla`, ...named, '--output', 'emulated')).toMatchObject({ status: 0 });
    const emulated = (JSON.parse(folder.text('emulated/tensors.json')) as { name: string; file: string }[]).map(
      ({ name, file }) => {
        const bytes = folder.read(`emulated/${file}`);
        return { name, values: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
      },
    );
    const surfaceOf = (name: string, values: Float32Array): Uint8Array => {
      const surface = program.surfaces.find((one) => one.name === name)!;
      const scale = plan.tensors.find((one) => one.name === name)!.scale;
      const stored =
        surface.dtype === 'int8' ? quantize(values, scale!, 'half-away') : Uint16Array.from(values, float16Bits);
      const memory = new Uint8Array(surface.size);
      packSurface(stored as SurfaceValues, surface, memory);
      return memory;
    };
    const outputs = program.outputs.map((id) => program.surfaces[id]!.name);
    for (const [index, name] of outputs.entries()) {
      const { values } = emulated.find((one) => one.name === name)!;
      folder.write(`output${index}.surface`, surfaceOf(name, values));
    }
    // A loadable may have its tensors in another order than the table.
    folder.write('net.loadable.bin', described(program).toReversed().join('\n'));

    for (const mode of modes) {
      build(folder.path, at(mode), at(`${mode}.cpp`), 'stand-in.o');
      const results = outputs.map((_, index) => `${mode}${index}.bin`);
      const inOrder = bindings
        .filter(({ side }) => side === 'input')
        .map(({ name }) => feeds.find((feed) => feed.name === name)!.file);
      const run = (...more: readonly string[]) =>
        spawnSync(join(folder.path, at(mode)), more, { cwd: folder.path, encoding: 'utf8' });
      expect(run('net.loadable.bin', '1', ...inOrder, ...results)).toMatchObject({ status: 0, stderr: '' });
      for (const [index, id] of program.inputs.entries()) {
        const { name } = program.surfaces[id]!;
        const { values } = feeds.find((feed) => feed.name === name)!;
        expect(folder.read(`input${index}.surface`), `${mode} ${name}`).toEqual(surfaceOf(name, values));
      }
      const bound = bindings.filter(({ side }) => side === 'output');
      for (const [index, { name }] of bound.entries()) {
        const { values } = emulated.find((one) => one.name === name)!;
        expect(folder.read(`${mode}${index}.bin`), `${mode} ${name}`).toEqual(tensor(values));
      }

      // A loadable of other tensors is refused before anything runs, as are files of another size.
      for (const [change, message] of [
        [(text: string) => text.replace(/^(output \S+ \d+) \d+/m, '$1 41'), /output .* c 41 instead of \d+\n$/],
        [
          (text: string) => text.replace(/^(input plane(?: \d+){4}) \d+/m, '$1 64'),
          /plane of the loadable .* bytes 64 instead of \d+\n$/,
        ],
        [(text: string) => text.replace('plane', 'other'), /no input plane\n$/],
        [(text: string) => text.replace(/^output.*\n/m, ''), /1 outputs instead of 2\n$/],
      ] as const) {
        folder.write('other.bin', change(described(program).join('\n')));
        const refused = run('other.bin', '0', ...inOrder, 'never0.bin', 'never1.bin');
        expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(message) });
      }
      folder.write('short.bin', new Uint8Array(12));
      expect(run('net.loadable.bin', '0', 'short.bin', ...inOrder.slice(1), 'never0.bin', 'never1.bin')).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/short\.bin: 12 bytes instead of 840\n$/),
      });
      expect(run()).toMatchObject({ status: 2, stderr: expect.stringMatching(/^usage: /) });
      expect(folder.files().filter((file) => file.startsWith('never'))).toEqual([]);
    }
  });

  it('rounds to float16 and int8 as the emulator does', () => {
    mkdirSync(join(folder.path, 'rounding'));
    const random = new Random(5);
    const edges = [
      0,
      -0,
      65504,
      65519,
      65520,
      1e9,
      -1e9,
      2 ** -14,
      2 ** -24,
      2 ** -25,
      2 ** -26,
      1.5 * 2 ** -24,
      2 ** -14 - 2 ** -26,
    ];
    const ties = Array.from({ length: 40 }, (_, at) => (at - 20) / 2);
    const spread = Array.from({ length: 4000 }, () => random.between(-1, 1) * 2 ** random.between(-30, 17));
    const values = Float32Array.from([...edges, ...edges.map((edge) => -edge), ...ties, ...spread]);
    folder.write('rounding/values.bin', tensor(values));
    folder.write(
      'rounding/bindings.h',
      '#pragma once\n#include <vector>\n#include <cudla.h>\nstruct Binding { const char *name; size_t n, c, h, w; bool half; uint32_t format; size_t atom; size_t row, block, image, bytes; float scale; };\ninline const std::vector<Binding> inputs, outputs;\n',
    );
    folder.write(
      'rounding/main.cpp',
      [
        '#include "host.h"',
        'std::vector<Bytes> run(const Bytes &, uint64_t, const std::vector<Bytes> &) { return {}; }',
        'int main() {',
        '  const Bytes file = readFile("values.bin");',
        '  std::vector<float> values(file.size() / 4);',
        '  std::memcpy(values.data(), file.data(), file.size());',
        '  std::vector<uint16_t> halves; std::vector<int8_t> integers; std::vector<float> back;',
        '  for (float value : values) halves.push_back(toHalf(value)), integers.push_back(toInt8(value, 1.0f)), back.push_back(fromHalf(halves.back()));',
        '  writeFile("halves.bin", halves.data(), halves.size() * 2);',
        '  writeFile("integers.bin", integers.data(), integers.size());',
        '  writeFile("back.bin", back.data(), back.size() * 4);',
        '}',
      ].join('\n'),
    );
    folder.write('rounding/host.h', folder.text('board-int8/cudla/host.h'));
    const at = join(folder.path, 'rounding');
    build(at, 'main', 'main.cpp', '../stand-in.o');
    execFileSync(join(at, 'main'), { cwd: at });
    const read = (file: string) => folder.read(`rounding/${file}`);
    const halves = Uint16Array.from(values, float16Bits);
    expect(new Uint16Array(read('halves.bin').slice().buffer)).toEqual(halves);
    expect(new Int8Array(read('integers.bin').slice().buffer)).toEqual(quantize(values, 1, 'half-away'));
    const back = new Float32Array(read('back.bin').slice().buffer);
    expect(Uint16Array.from(back, float16Bits)).toEqual(halves);
  });
});
