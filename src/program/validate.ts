/**
 * The rules that every Program keeps: the compiler's output and bytes from a file pass through here before anything else
 * looks at them, so that later code may index and allocate without checking again.
 *
 *     surfaces   ids are indices, names unique, strides and size fit shape and format, memory fits use   (surface-rules)
 *     layers     every stage's shapes, types and formats fit together                                    (layer-rules, layers/)
 *     data       what a layer reads is a constant, an input, or completely written by layers it comes after
 *     memory     no two surfaces that are live at the same launch overlap                                (memory-rules)
 *     constants  each has its bytes
 */

import { fail } from '../base/errors.ts';
import { isNvdla, type Target } from '../targets/target.ts';
import { layerReads, layerWrites } from './access.ts';
import { elementsPerAtom } from './geometry.ts';
import { checkLayers } from './layer-rules.ts';
import { type Region, rootRegion, sharedArea, sharedPixels } from './liveness.ts';
import { checkMemory } from './memory-rules.ts';
import type { BlobTable, Program } from './program.ts';
import { checkSurface, checkViews } from './surface-rules.ts';

/** More than any network has; they bound the work on untrusted Programs. */
export const programLimits = { surfaces: 131_072, layers: 16_384, nameLength: 4096 } as const;

/**
 * Checks a Program; with `blobs` also the constants' bytes, with `target` also what depends on the hardware.
 * @throws program/invalid, naming the layer or the value
 */
export function validateProgram(program: Program, blobs?: BlobTable, target?: Target): void {
  const { surfaces, layers } = program;
  limit('surfaces', surfaces.length, programLimits.surfaces);
  limit('layers', layers.length, programLimits.layers);
  if (target !== undefined) checkTarget(program, target);
  if (!(Number.isSafeInteger(program.sram) && program.sram >= 0)) {
    fail('program/invalid', 'the SRAM size is no number of bytes', {}, { actual: program.sram });
  }
  unique('surface', 'value', surfaces);
  for (const surface of surfaces) checkSurface(surface, program, target);
  checkViews(surfaces, target === undefined || isNvdla(target));
  checkBindings(program);
  checkConstants(program, blobs);
  unique('layer', 'layer', layers);
  checkLayers(program, blobs, target);
  checkDataFlow(program, isNvdla(target));
  checkMemory(program);
}

function limit(what: string, actual: number, most: number): void {
  if (actual > most) fail('program/invalid', `too many ${what}`, {}, { expected: `at most ${most}`, actual });
}

function checkTarget(program: Program, target: Target): void {
  if (program.target !== target.name) {
    fail('program/invalid', 'the target differs', {}, { expected: target.name, actual: program.target });
  }
  const capacity = target.sram.capacity.value;
  if (program.sram > capacity) {
    fail(
      'program/invalid',
      'more SRAM than the target has',
      {},
      { expected: `at most ${capacity}`, actual: program.sram },
    );
  }
}

function unique(
  what: string,
  field: 'value' | 'layer',
  items: readonly { readonly id: number; readonly name: string }[],
): void {
  const names = new Set<string>();
  for (const [index, { id, name }] of items.entries()) {
    const place = { [field]: name.slice(0, 200) };
    if (id !== index)
      fail('program/invalid', `a ${what}'s id is not its index`, place, { expected: index, actual: id });
    if (name === '' || name.length > programLimits.nameLength) {
      const expected = `1 to ${programLimits.nameLength} characters`;
      fail('program/invalid', `a ${what}'s name is empty or too long`, place, { expected, actual: name.length });
    }
    if (names.has(name)) fail('program/invalid', `two ${what}s have the same name`, place);
    names.add(name);
  }
}

/** Inputs and outputs name io surfaces; every io surface is bound, or lies inside one that is. */
function checkBindings({ surfaces, inputs, outputs }: Program): void {
  const bound = new Set<number>();
  for (const [what, ids] of [
    ['input', inputs],
    ['output', outputs],
  ] as const) {
    for (const id of ids) {
      const surface = surfaces[id];
      if (surface === undefined) fail('program/invalid', `an ${what} of the task is no surface`, {}, { actual: id });
      const place = { value: surface.name };
      if (surface.memory !== 'io' || surface.parent !== undefined) {
        fail('program/invalid', `an ${what} of the task must have an io buffer of its own`, place, {
          expected: 'io',
          actual: surface.parent === undefined ? surface.memory : 'a view',
        });
      }
      if (bound.has(id)) fail('program/invalid', 'a surface is bound twice', place);
      bound.add(id);
    }
  }
  for (const surface of surfaces) {
    if (surface.memory === 'io' && surface.parent === undefined && !bound.has(surface.id)) {
      fail('program/invalid', 'an io surface is neither input nor output of the task', { value: surface.name });
    }
  }
}

function checkConstants({ surfaces, constants }: Program, blobs: BlobTable | undefined): void {
  const seen = new Set<number>();
  for (const { surface: id, blob } of constants) {
    const surface = surfaces[id];
    if (surface === undefined) fail('program/invalid', 'a constant is no surface', {}, { actual: id });
    const place = { value: surface.name };
    if (seen.has(id)) fail('program/invalid', 'a constant is given twice', place);
    seen.add(id);
    if (surface.memory !== 'global_dram' || surface.parent !== undefined) {
      fail('program/invalid', 'a constant lies in the wrong memory', place, {
        expected: 'global_dram',
        actual: surface.parent === undefined ? surface.memory : 'a view',
      });
    }
    if (blobs === undefined) continue;
    const data = blobs.get(blob);
    if (data === undefined) fail('program/invalid', 'the bytes of a constant are missing', place, { expected: blob });
    if (data.length !== surface.size) {
      fail('program/invalid', 'a constant has another number of bytes than its surface', place, {
        expected: surface.size,
        actual: data.length,
      });
    }
  }
  for (const surface of surfaces) {
    if (surface.memory === 'global_dram' && !seen.has(surface.id)) {
      fail('program/invalid', 'a surface in global_dram has no constant', { value: surface.name });
    }
  }
}

interface ChannelWrite extends Region {
  readonly layer: number;
  /** Whether the writer also zeroes what is left of its last atom; a copy leaves it alone. */
  readonly fills: boolean;
}

/**
 * Every element is written once, before any layer that reads it.
 * @param wholeAtoms every layer reads and writes whole atoms, whatever its channels
 */
function checkDataFlow(program: Program, wholeAtoms: boolean): void {
  const { surfaces, layers } = program;
  const regionOf = (access: Parameters<typeof rootRegion>[1]): Region & { readonly root: number } => {
    const region = rootRegion(surfaces, access);
    const atom = wholeAtoms ? elementsPerAtom(surfaces[access.surface]!.format) : 1;
    return { ...region, from: Math.floor(region.from / atom) * atom, to: Math.ceil(region.to / atom) * atom };
  };
  const given = new Set([...program.inputs, ...program.constants.map(({ surface }) => surface)]);
  const writes = surfaces.map((): ChannelWrite[] => []);
  for (const layer of layers) {
    for (const write of layerWrites(layer)) {
      const { root, ...region } = regionOf(write);
      if (given.has(root)) {
        fail('program/invalid', 'a layer writes a constant or an input', {
          layer: layer.name,
          value: surfaces[write.surface]!.name,
        });
      }
      writes[root]!.push({ ...region, layer: layer.id, fills: !write.keepsRest });
    }
  }
  const before = ancestors(program);
  for (const [root, list] of writes.entries()) {
    list.sort((a, b) => a.from - b.from || a.to - b.to || a.layer - b.layer);
    checkWriters(program, root, list, before);
  }

  for (const layer of layers) {
    for (const read of layerReads(layer)) {
      const { field } = read;
      const range = regionOf(read);
      if (given.has(range.root)) continue;
      const place = { layer: layer.name, value: surfaces[read.surface]!.name };
      let covered = 0;
      for (const write of writes[range.root]!) {
        if (write.from >= range.to) break;
        const area = sharedArea(write, range);
        if (area === 0) continue;
        if (!before(write.layer, layer.id)) {
          fail('program/invalid', `${field} is read before it is written: the writer is not in 'after'`, place, {
            expected: `after ${layers[write.layer]!.name}`,
          });
        }
        covered += area;
      }
      const wanted = sharedArea(range, range);
      if (covered !== wanted) {
        fail('program/invalid', `${field} is not completely written`, place, {
          expected: `${wanted} elements`,
          actual: covered,
        });
      }
    }
  }

  const outputs = new Set(program.outputs);
  for (const surface of surfaces) {
    if (surface.parent !== undefined || given.has(surface.id)) continue;
    const written = writes[surface.id]!.reduce((sum, write) => sum + sharedArea(write, write), 0);
    const all = regionOf({ surface: surface.id });
    const whole = sharedArea(all, all);
    if (outputs.has(surface.id) ? written !== whole : written === 0) {
      const what = outputs.has(surface.id) ? 'an output is not completely written' : 'a surface is never written';
      fail('program/invalid', what, { value: surface.name }, { expected: `${whole} elements`, actual: written });
    }
  }
}

/** No channel twice; and where two writers share an atom, one comes after the other (the one that zeroes its rest first). */
function checkWriters(
  { surfaces, layers }: Program,
  root: number,
  list: readonly ChannelWrite[],
  before: (first: number, second: number) => boolean,
): void {
  const surface = surfaces[root]!;
  const atom = elementsPerAtom(surface.format);
  for (const [index, later] of list.entries()) {
    for (let back = index - 1; back >= 0; back--) {
      const earlier = list[back]!;
      const place = { layer: layers[later.layer]!.name, value: surface.name };
      const other = layers[earlier.layer]!.name;
      if (sharedPixels(earlier, later) === 0) continue;
      if (earlier.to > later.from) {
        fail('program/invalid', 'the same channels are written twice', place, { actual: `also by ${other}` });
      }
      if (Math.floor((earlier.to - 1) / atom) < Math.floor(later.from / atom)) continue;
      const ordered = before(earlier.layer, later.layer) || (!earlier.fills && before(later.layer, earlier.layer));
      if (!ordered) {
        fail('program/invalid', 'two layers write the same atom and neither comes after the other', place, {
          expected: `after ${other}`,
        });
      }
    }
  }
}

/** Whether one layer comes before another through `after`, however far. One bit for each pair of layers. */
function ancestors({ layers }: Program): (first: number, second: number) => boolean {
  const words = Math.ceil(layers.length / 32);
  const bits = new Uint32Array(words * layers.length);
  for (const layer of layers) {
    let previous = -1;
    for (const id of layer.after) {
      if (!(Number.isInteger(id) && id > previous && id < layer.id)) {
        fail(
          'program/invalid',
          "'after' is not a rising list of earlier layers",
          { layer: layer.name },
          { actual: id },
        );
      }
      previous = id;
      const own = layer.id * words;
      const theirs = id * words;
      for (let word = 0; word <= id >> 5; word++) bits[own + word]! |= bits[theirs + word]!;
      bits[own + (id >> 5)]! |= 1 << (id & 31);
    }
  }
  return (first, second) => ((bits[second * words + (first >> 5)]! >>> (first & 31)) & 1) === 1;
}
