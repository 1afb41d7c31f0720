/**
 * What mutants of the open NVDLA's loadables are made of: single operations and small networks of NVIDIA's compiler and
 * C-model, and networks of ours for several configurations, tagged, in both versions of the interface, with tasks of the
 * host emulator. Those that take long to run are left out.
 */

import { compile, encodeNvdla, prepare } from '../../../src/index.ts';
import {
  decodeStockLoadable,
  encodeStockLoadable,
  type StockLoadable,
} from '../../../src/loadable/nvdla/format/stock-loadable.ts';
import { type EmulatedBuffer, networkOf, type TaskNetwork } from '../../../src/loadable/nvdla/lift/task-network.ts';
import { lowerNetwork } from '../../../src/loadable/nvdla/lower/program.ts';
import { networks, operations } from '../../../src/loadable/nvdla/testing/fixtures.ts';
import { randomProgram } from '../../../src/loadable/nvdla/testing/random-program.ts';
import { GraphBuilder } from '../../../src/models/graph-builder.ts';
import { findNvdla } from '../../../src/targets/find.ts';
import type { NvdlaTarget } from '../../../src/targets/target.ts';

export interface StockBase {
  readonly name: string;
  readonly target: NvdlaTarget;
  readonly bytes: Uint8Array;
  readonly loadable: StockLoadable;
}

const slow = /resnet__|misc2|lenet|im_d|CONV_s3_022|full_CONV/;

export function stockBases(): readonly StockBase[] {
  const compiled = ['nv_small', 'nv_small_256', 'nv_medium_512', 'nv_full'].map((target) => compiledBase(target));
  const random = [
    ['nv_small', 3],
    ['nv_full', 21],
    ['nv_full', 5],
    ['nv_large', 8],
    ['nv_medium_512', 2],
  ] as const;
  return [
    ...[...networks(), ...operations()].filter(({ name }) => !slow.test(name)),
    ...compiled,
    ...random.map(([target, seed]) => randomBase(target, seed)),
    ...([10, 12] as const).map(emulatedBase),
  ];
}

function base(name: string, target: string, bytes: Uint8Array): StockBase {
  return { name, target: findNvdla(target), bytes, loadable: decodeStockLoadable(bytes) };
}

/** An image of three channels, a residual sum, pooling and a classifier; with a tag. */
function compiledBase(target: string): StockBase {
  const b = new GraphBuilder('small', { seed: 6 });
  const x = b.input('image', [1, 3, 8, 8]);
  const stem = b.relu(b.conv(x, { channels: 8, kernel: 3, padding: 1 }));
  const sum = b.relu(b.add(b.conv(stem, { channels: 8, kernel: 1 }), stem));
  b.output(b.gemm(b.flatten(b.globalAveragePool(b.maxPool(sum, { kernel: 2, stride: 2 }))), 4));
  return base(`compiled for ${target}`, target, encodeNvdla(compile(prepare(b.build()), { target })));
}

function randomBase(target: string, seed: number): StockBase {
  const { program, blobs } = randomProgram(findNvdla(target), seed, 6);
  const bytes = encodeStockLoadable(lowerNetwork(networkOf(program), blobs, findNvdla(target)));
  return base(`random ${seed} for ${target}`, target, bytes);
}

/** A task for the device, and one for the emulator that raises the first output to a power. */
function emulatedBase(minor: 10 | 12): StockBase {
  const target = findNvdla('nv_large');
  const { program, blobs } = randomProgram(target, 4, 3);
  const network = networkOf(program);
  const [output] = network.outputs;
  const { surface } = output!;
  const buffer = (tensor: string): EmulatedBuffer => ({ ...surface, tensor, offset: 0 });
  const result = { ...output!, surface: { ...surface, name: 'raised' } };
  const raised: TaskNetwork = {
    ...network,
    outputs: [...network.outputs, result],
    tasks: [
      ...network.tasks,
      {
        kind: 'emulator',
        operations: [
          {
            kind: 'power',
            power: 1,
            scale: 2,
            shift: 1,
            input: buffer(surface.name),
            output: buffer('raised'),
            inputScale: 1,
            outputScale: 1,
          },
        ],
      },
    ],
  };
  return base(`emulated, 0.${minor}`, target.name, encodeStockLoadable(lowerNetwork(raised, blobs, target, { minor })));
}
