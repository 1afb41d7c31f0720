/**
 * A layer of a Program names surfaces by number; a launch needs them at addresses. What the open NVDLA keeps in registers
 * and table memories between launches (lookup tables) or has for its firmware alone (moves) is no part of a pipeline.
 */

import { fail } from '../base/errors.ts';
import type { Cube } from '../device/cube.ts';
import { isPipeline, mapLaunch } from '../program/access.ts';
import type { Layer, Pipeline } from '../program/layer.ts';
import type { Program } from '../program/program.ts';

export type CubeOf = (surface: number) => Cube;

/** The pipelines of a Program, by layer, bound once for a context and used for all of its runs. */
export const bindProgram = (program: Pick<Program, 'layers'>, cube: CubeOf): readonly Pipeline<Cube>[] =>
  program.layers.map((layer) => bindLayer(layer, cube));

/** The pipeline that a layer launches. @throws device/unsupported for a layer that only moves bytes */
export function bindLayer(layer: Layer, cube: CubeOf): Pipeline<Cube> {
  if (!isPipeline(layer)) {
    return fail('device/unsupported', `${layer.kind} runs from descriptors, not from a Program`, {
      layer: layer.name,
    });
  }
  return mapLaunch(withoutTables(layer), cube);
}

/** Without the lookup table that a stage names. */
function withoutTables(pipeline: Pipeline<number>): Pipeline<number> {
  const stages = Object.entries(pipeline).map(([field, stage]): [string, unknown] => {
    if (typeof stage !== 'object' || !('lookup' in stage)) return [field, stage];
    const { lookup: _, ...rest } = stage;
    return [field, rest];
  });
  return Object.fromEntries(stages) as unknown as Pipeline<number>;
}
