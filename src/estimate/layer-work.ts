/** What the performance model needs to know of each layer of a Program: read off its surfaces and its memory plan. */

import { type Bytes, bytes } from '../base/units.ts';
import { layerReads, layerWrites } from '../program/access.ts';
import { channelBlocks, pixelBytes } from '../program/geometry.ts';
import type { Conv, Layer } from '../program/layer.ts';
import { liveRanges } from '../program/liveness.ts';
import type { Program } from '../program/program.ts';
import type { Shape4, Surface } from '../program/surface.ts';
import type { ConvWork, LayerWork } from './orin/layer-cost.ts';

/** The work of every layer, in order, for a valid Program. */
export function programWork(program: Program): readonly LayerWork[] {
  const free = sramFree(program);
  return program.layers.map((layer, index) => layerWork(program, layer, free[index]!));
}

function layerWork({ surfaces }: Pick<Program, 'surfaces'>, layer: Layer, free: Bytes): LayerWork {
  const reads = layerReads(layer);
  const input = surfaces[reads.find(({ role }) => role === 'input')!.surface]!;
  const operand = reads.find(({ role }) => role === 'operand');
  const output = surfaces[layerWrites(layer)[0]!.surface]!;
  const moved = movedPart(layer, output);
  const conv = layer.kind === 'conv' ? layer.conv : undefined;
  const produced = conv === undefined ? output.shape : convShape(output, conv);
  return {
    batch: output.shape[0],
    ...(conv !== undefined && { conv: convWork(conv, input) }),
    elements: pointElements(layer, input, moved ?? produced),
    input: tensor(input, moved),
    ...(operand !== undefined && { operand: tensor(surfaces[operand.surface]!) }),
    output: tensor(output, moved),
    sramFree: free,
  };
}

const convShape = (output: Surface, { output: { channels, height, width } }: Conv<number>): Shape4 => [
  output.shape[0],
  channels,
  height,
  width,
];

/** What a layer that moves a part of a surface moves. */
function movedPart(layer: Layer, { shape: [n, , h, w] }: Surface): Shape4 | undefined {
  if (layer.kind === 'copy') return [n, layer.copy.channels, h, w];
  if (layer.kind === 'pixels') return [n, layer.pixels.channels, layer.pixels.rows, layer.pixels.columns];
  return undefined;
}

const count = (shape: Shape4): number => shape[0] * shape[1] * shape[2] * shape[3];

/** A point-wise layer with pooling passes on its input; everything else is counted by what leaves it. */
const pointElements = (layer: Layer, input: Surface, produced: Shape4): number =>
  layer.kind === 'sdp' ? count(input.shape) : count(produced);

function convWork(conv: Conv<number>, input: Surface): ConvWork {
  const [, inputChannels, height, width] = input.shape;
  return {
    inputChannels,
    kernels: conv.output.channels,
    rows: conv.kernel.h,
    columns: conv.kernel.w,
    groups: conv.groups,
    pixels: conv.transposed ? height * width : conv.output.height * conv.output.width,
    image: input.format === 'dla_hwc4',
    sparse: conv.sparse,
  };
}

function tensor(surface: Surface, shape?: Shape4): LayerWork['input'] {
  return { size: tensorBytes(surface, shape), resident: surface.memory === 'managed_sram' };
}

/** N·H·W·atom·⌈C/atom⌉ bytes: without the padding of rows. */
export function tensorBytes({ shape: whole, dtype, format }: Surface, shape: Shape4 = whole): Bytes {
  const [n, , h, w] = shape;
  return bytes(n * h * w * channelBlocks(shape, format) * pixelBytes(shape, dtype, format));
}

/** For each layer, the SRAM that no live surface occupies. */
export function sramFree(program: Program): readonly Bytes[] {
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
