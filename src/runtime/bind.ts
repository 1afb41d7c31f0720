/**
 * A layer of a Program names surfaces by number; a launch needs them at addresses. What the open NVDLA keeps in registers
 * and table memories between launches (lookup tables) or has for its firmware alone (moves) is no part of a pipeline.
 */

import { fail } from '../base/errors.ts';
import type { Cube } from '../device/cube.ts';
import type { Layer, Pipeline, Sdp } from '../program/layer.ts';
import { mapPipeline } from '../program/map-surfaces.ts';
import type { Program } from '../program/program.ts';

export type CubeOf = (surface: number) => Cube;

/** The pipelines of a Program, by layer, bound once for a context and used for all of its runs. */
export const bindProgram = (program: Pick<Program, 'layers'>, cube: CubeOf): readonly Pipeline<Cube>[] =>
  program.layers.map((layer) => bindLayer(layer, cube));

/** The pipeline that a layer launches. @throws device/unsupported for a layer that only moves bytes */
export function bindLayer(layer: Layer, cube: CubeOf): Pipeline<Cube> {
  if (layer.kind === 'pixels' || layer.kind === 'rubik' || layer.kind === 'bdma') {
    return fail('device/unsupported', `${layer.kind} runs from descriptors, not from a Program`, {
      layer: layer.name,
    });
  }
  return mapPipeline(withoutTable(layer), cube);
}

function withoutTable(pipeline: Pipeline<number>): Pipeline<number> {
  switch (pipeline.kind) {
    case 'conv':
    case 'sdp':
      return { ...pipeline, sdp: pointWithoutTable(pipeline.sdp) };
    case 'cdp': {
      const { lookup: _, ...cdp } = pipeline.cdp;
      return { kind: 'cdp', cdp };
    }
    default:
      return pipeline;
  }
}

function pointWithoutTable(sdp: Sdp<number>): Sdp<number> {
  if (sdp.arithmetic === 'float-scale') return sdp;
  const { lookup: _, ...rest } = sdp;
  return rest;
}
