/** Checking and compiling count the same bytes: the tensors of a loadable after fusion, those that live at the same time. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../src/base/errors.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { board, type CompileOptions, check, compile, prepare } from '../../src/index.ts';
import { readModel } from '../../src/onnx/read.ts';
import { resolve } from '../../src/onnx/resolve.ts';
import { dummyRanges } from '../../src/quantize/scales.ts';

/** A U-Net of 3×592×784 images. */
function unet(batch: number): Graph {
  const graph = readModel(readFileSync(new URL('memory/unet_b8.onnx', import.meta.url)));
  const [input] = graph.inputs as [string];
  const shape = [batch, ...graph.values.get(input)!.shape!.slice(1)];
  const inputs = new Map([...graph.values].filter(([name]) => name === input || graph.constants.has(name)));
  return resolve({ ...graph, values: inputs.set(input, { dtype: 'float32', shape }) }, { shapes: new Map() });
}

const notesOf = (graph: Graph, options: CompileOptions = {}) =>
  check(graph, options).notes.filter((note) => note.includes('dlaLocalDRAM'));

function complaint(graph: Graph, options: CompileOptions = {}): string | undefined {
  try {
    compile(prepare(graph, options), options);
    return undefined;
  } catch (error) {
    if (error instanceof DlakitError && error.problem.code === 'compile/memory') return error.problem.message;
    throw error;
  }
}

describe('memory pools', () => {
  it.each([
    [8, {}, undefined],
    [24, {}, undefined],
    [
      25,
      {},
      'take 1063 MiB, and dlaLocalDRAM has 1024; batch 24 is the largest that fits, or --mem-pool dlaLocalDRAM:2048',
    ],
    [
      32,
      {},
      'take 1360 MiB, and dlaLocalDRAM has 1024; batch 24 is the largest that fits, or --mem-pool dlaLocalDRAM:2048',
    ],
    [32, { localDram: 2048 }, undefined],
    [
      8,
      { localDram: 256 },
      'take 340 MiB, and dlaLocalDRAM has 256; batch 6 is the largest that fits, or --mem-pool dlaLocalDRAM:512',
    ],
    [6, { localDram: 256 }, undefined],
    [1, { localDram: 32 }, 'take 43 MiB, and dlaLocalDRAM has 32; --mem-pool dlaLocalDRAM:64'],
  ] as const)('of batch %i with %j', (batch, options, expected) => {
    const graph = unet(batch);
    const said = complaint(graph, options);
    expect(notesOf(graph, options)).toEqual(said === undefined ? [] : [said]);
    if (expected === undefined) expect(said).toBeUndefined();
    else expect(said).toBe(`{ForeignNode[Conv_3...Sigmoid_24]}: tensors between its layers ${expected} makes room`);
  });

  it('are those of weights too', () => {
    const graph = unet(1);
    const options = { globalDram: 1 / 64 };
    expect(complaint(graph, options)).toMatch(
      /: weights take 0\.033 MiB, and dlaGlobalDRAM has 0\.016; --mem-pool dlaGlobalDRAM:0\.0625/,
    );
    expect(check(graph, options).notes[0]).toBe(complaint(graph, options));
  });

  it('are told to trtexec', () => {
    const network = prepare(unet(1));
    const scales = dummyRanges(network.graph);
    const pools = (options: CompileOptions) =>
      board(compile(network, { scales, ...options })).commands[0]!.flags.find(({ name }) => name === '--memPoolSize');
    expect(pools({ sram: 1, localDram: 2048 })?.value).toBe('dlaSRAM:1,dlaLocalDRAM:2048');
    expect(pools({ sram: 1 })?.value).toBe('dlaSRAM:1');
  });

  it('are refused where there are none, and in sizes that TensorRT does not take', () => {
    const graph = unet(1);
    expect(() => check(graph, { target: 'nv_full', localDram: 1024 })).toThrow('nv_full has no memory pools');
    expect(() => compile(prepare(graph), { target: 'nv_full', globalDram: 1024 })).toThrow(
      'nv_full has no memory pools',
    );
    expect(() => check(graph, { localDram: 1000 })).toThrow('no memory pool of that size');
  });
});
