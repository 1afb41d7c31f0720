/** The work of each layer of a Program, as the performance model counts it, from its surfaces and its memory plan. */

import { type Bytes, bytes } from '../base/units.ts';
import { layerReads, layerWrites, type Read, type Write } from '../program/access.ts';
import { channelBlocks, pixelBytes } from '../program/geometry.ts';
import type { Layer } from '../program/layer.ts';
import type { MacWork } from '../program/layers/kind.ts';
import { kindOf } from '../program/layers/table.ts';
import { liveRanges } from '../program/liveness.ts';
import type { Program } from '../program/program.ts';
import type { Shape4, Surface } from '../program/surface.ts';
import { engineOf } from './orin/engines.ts';
import { halfPositions } from './orin/half.ts';
import type { LayerWork } from './orin/layer-cost.ts';

/** The work of every layer, in order, for a valid Program. */
export function programWork(program: Program): readonly LayerWork[] {
  const free = sramFree(program);
  return program.layers.map((layer, index) => layerWork(program, layer, free[index]!));
}

function layerWork({ surfaces }: Pick<Program, 'surfaces'>, layer: Layer, free: Bytes): LayerWork {
  const reads = layerReads(layer);
  const input = reads.find(({ role }) => role === 'input')!;
  const operand = reads.find(({ role }) => role === 'operand');
  const output = layerWrites(layer)[0]!;
  const stages = kindOf(layer).work(layer, (id) => surfaces[id]!);
  const macs = stages.find((stage) => stage.macs)?.macs;
  const tensor = (access: Read | Write): LayerWork['input'] => ({
    size: accessBytes(access, surfaces),
    resident: surfaces[access.surface]!.memory === 'managed_sram',
  });
  return {
    engine: engineOf(layer, stages, surfaces),
    batch: surfaces[output.surface]!.shape[0],
    ...(macs && { conv: macs }),
    elements: count(stages.find(({ engine }) => engine !== 'conv')!.leaves),
    input: tensor(input),
    ...(operand !== undefined && { operand: tensor(operand) }),
    output: tensor(output),
    sramFree: free,
    ...(layer.kind === 'conv' &&
      surfaces[layer.conv.input]!.dtype === 'float16' && {
        halfPositions: halfPositions(layer.conv, surfaces[layer.conv.input]!),
      }),
    ...(layer.tableOf && { table: layer.tableOf }),
  };
}

/** Weights of a convolution, and how often each meets an image. */
export const weightCount = ({ kernels, inputChannels, groups, rows, columns }: MacWork): number =>
  kernels * (inputChannels / groups) * rows * columns;

/** Multiply-accumulates of a layer for one image. */
export function imageMacs(layer: Layer, surfaces: readonly Surface[]): number {
  const stages = kindOf(layer).work(layer, (id) => surfaces[id]!);
  return stages.reduce((sum, { macs }) => sum + (macs ? weightCount(macs) * macs.pixels : 0), 0);
}

const count = (shape: Shape4): number => shape[0] * shape[1] * shape[2] * shape[3];

/** Bytes that an access of a layer touches: features without the padding of rows, weights as they lie in memory. */
export function accessBytes(access: Read | Write, surfaces: readonly Surface[]): Bytes {
  const surface = surfaces[access.surface]!;
  if (access.bytes !== undefined) return bytes(access.bytes);
  if (access.role === 'weights') return surface.size;
  const { channels, comb } = access;
  const [n, c, h, w] = surface.shape;
  return tensorBytes(surface, [n, channels ? channels.to - channels.from : c, comb?.rows ?? h, comb?.columns ?? w]);
}

/** N·H·W·atom·⌈C/atom⌉ bytes: without the padding of rows. */
function tensorBytes({ shape: whole, dtype, format }: Surface, shape: Shape4 = whole): Bytes {
  const [n, , h, w] = shape;
  return bytes(n * h * w * channelBlocks(shape, format) * pixelBytes(shape, dtype, format));
}

/** For each layer, the SRAM that no live surface occupies. */
function sramFree(program: Program): readonly Bytes[] {
  const used = program.layers.map(() => 0);
  const ranges = liveRanges(program);
  for (const { id, memory, parent, size } of program.surfaces) {
    const range = ranges[id];
    if (memory !== 'managed_sram' || parent !== undefined || range === undefined) continue;
    const last = Math.min(range.last, used.length - 1);
    for (let time = Math.max(0, range.first); time <= last; time++) used[time]! += size;
  }
  return used.map((size) => bytes(Math.max(0, program.sram - size)));
}
