/** Runs a compiled Program with the scalar engines, the shortest way: every memory a window of the bus, layers in order. */

import { Bus } from '../../device/bus.ts';
import { referenceEngines } from '../../device/engines/reference/engines.ts';
import { readElements, writeFeature } from '../../device/engines/reference/feature.ts';
import { type Cube, launch } from '../../device/launch.ts';
import type { BlobTable, Program } from '../../program/program.ts';
import type { MemoryName } from '../../program/surface.ts';
import { bindLayer } from '../../runtime/program-scheduler.ts';

/** Dense NCHW integers by value name. */
export type Integers = ReadonlyMap<string, Int32Array>;

/** @returns the outputs of the task */
export function runProgram(program: Program, blobs: BlobTable, inputs: Integers): Integers {
  const bus = new Bus();
  const bases = new Map<MemoryName, bigint>();
  const sizes = new Map<MemoryName, number>();
  for (const { memory, offset, size } of program.surfaces) {
    sizes.set(memory, Math.max(sizes.get(memory) ?? 0, offset + size));
  }
  let next = 0x1000_0000n;
  const map = (size: number): bigint => {
    const base = next;
    next += BigInt(Math.ceil(size / 4096) * 4096 + 4096);
    // What was there before must not matter.
    bus.map(base, size);
    bus.write(base, new Uint8Array(size).fill(0x5a));
    return base;
  };
  for (const [memory, size] of sizes) if (memory !== 'io') bases.set(memory, map(size));
  const io = new Map<number, bigint>();
  for (const id of [...program.inputs, ...program.outputs]) io.set(id, map(program.surfaces[id]!.size));
  const cube = (id: number): Cube => {
    const surface = program.surfaces[id]!;
    const { shape, dtype, format, lineStride, surfaceStride, batchStride, size, memory, offset } = surface;
    const base = memory === 'io' ? io.get(surface.parent ?? id)! : bases.get(memory)!;
    return { address: base + BigInt(offset), shape, dtype, format, lineStride, surfaceStride, batchStride, size };
  };
  for (const { surface, blob } of program.constants) bus.write(cube(surface).address, blobs.get(blob)!);
  for (const id of program.inputs) {
    const data = inputs.get(program.surfaces[id]!.name)!;
    writeFeature(cube(id), { shape: program.surfaces[id]!.shape, data }, bus, 'an input');
  }
  const state = { engines: referenceEngines() };
  for (const layer of program.layers) launch(bindLayer(layer, cube), bus, state);
  return new Map(
    program.outputs.map((id) => [program.surfaces[id]!.name, readElements(cube(id), bus, 'an output').data]),
  );
}
