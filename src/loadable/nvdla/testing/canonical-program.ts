/**
 * A Program by what it does: surfaces numbered in the order in which layers come upon them and named after their numbers, layers
 * likewise, two views of the same as one; constants without the places that they have among each other, and what only the bridge DMA touches as bytes: what
 * descriptors do not say of a Program is left out.
 */

import { bytes } from '../../../base/units.ts';
import { layerReads, layerWrites, mapLaunch } from '../../../program/access.ts';
import { surfaceGeometry } from '../../../program/geometry.ts';
import type { Layer, Move, Pipeline, PixelGrid } from '../../../program/layer.ts';
import { rootOf } from '../../../program/liveness.ts';
import type { Program } from '../../../program/program.ts';
import type { Shape4, Surface } from '../../../program/surface.ts';

export function canonicalProgram(program: Program): Program {
  const { surfaces, layers } = program;
  const numbers = new Map<number, number>();
  const views = new Map<string, number>();
  const number = (id: number): number => {
    const known = numbers.get(id);
    if (known !== undefined) return known;
    const { parent, offset, shape } = surfaces[id]!;
    const view = parent === undefined ? undefined : [number(parent), offset, ...shape].join();
    const same = view === undefined ? undefined : views.get(view);
    if (same !== undefined) return same;
    const own = numbers.size;
    numbers.set(id, own);
    if (view !== undefined) views.set(view, own);
    return own;
  };
  for (const id of program.inputs) number(id);
  for (const layer of layers) {
    for (const { surface } of [...layerReads(layer), ...layerWrites(layer)]) number(surface);
  }
  for (const id of program.outputs) number(id);
  const isShaped = new Set([
    ...[...program.inputs, ...program.outputs].map(number),
    ...layers
      .filter(({ kind }) => kind !== 'bdma')
      .flatMap((layer) => [...layerReads(layer), ...layerWrites(layer)])
      .flatMap(({ surface }) => [surface, rootOf(surfaces, surface)].map(number)),
  ]);
  const renamed = [...numbers].map(([id, own]): Surface => {
    const { parent, ...surface } = isShaped.has(own) ? surfaces[id]! : asBytes(surfaces[id]!);
    return {
      ...surface,
      id: own,
      name: `s${own}`,
      ...(surface.memory === 'global_dram' && { offset: bytes(0) }),
      ...(parent !== undefined && { parent: number(parent) }),
    };
  });
  const constants = program.constants
    .filter(({ surface }) => numbers.has(surface))
    .map(({ surface, blob }) => ({ surface: number(surface), blob }));
  return {
    ...program,
    surfaces: renamed.toSorted((a, b) => a.id - b.id),
    layers: layers.map((layer): Layer => {
      const { id, after } = layer;
      const launch = withoutIdleSteps(mapLaunch(layer, number));
      return { ...launch, id, name: `l${id}`, origin: [], after };
    }),
    inputs: program.inputs.map(number),
    outputs: program.outputs.map(number),
    constants: constants.toSorted((a, b) => a.surface - b.surface),
  };
}

function asBytes(surface: Surface): Surface {
  const shape: Shape4 = [1, 1, 1, surface.size];
  const layout = { shape, dtype: 'int8', format: 'dla_linear' } as const;
  return { ...surface, ...layout, ...surfaceGeometry(shape, 'int8', 'dla_linear', 1) };
}

/** Copies of one row or column step nowhere. */
function withoutIdleSteps(launch: Pipeline<number> | Move<number>): Pipeline<number> | Move<number> {
  if (launch.kind !== 'pixels') return launch;
  const { pixels } = launch;
  const grid = ({ step, ...place }: PixelGrid): PixelGrid => ({
    ...place,
    step: { h: pixels.rows === 1 ? 1 : step.h, w: pixels.columns === 1 ? 1 : step.w },
  });
  return { kind: 'pixels', pixels: { ...pixels, from: grid(pixels.from), to: grid(pixels.to) } };
}
