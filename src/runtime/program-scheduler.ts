/**
 * The scheduler of Programs: it holds the layers that wait, and launches them one at a time in the Program's order, each
 * once every layer it comes `after` was launched. `orin` and `xavier` run Programs this way, for neither their registers
 * nor their firmware's descriptors are known.
 *
 * A layer names surfaces by number; a launch needs them at addresses. What the open NVDLA keeps in registers and table
 * memories between launches (lookup tables) or has for its firmware alone (moves) is no part of a pipeline.
 */

import { fail, locate, type Place } from '../base/errors.ts';
import type { Cube, LaunchResult, Seam } from '../device/launch.ts';
import { isPipeline, mapLaunch } from '../program/access.ts';
import type { Layer, Pipeline } from '../program/layer.ts';
import type { Program } from '../program/program.ts';
import type { Job } from './job-queue.ts';

export interface Launched {
  readonly layer: Layer;
  /** Later, where the engines only queue a launch. */
  readonly result: LaunchResult | Promise<LaunchResult>;
}

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

/** One run of a Program, whose pipelines are bound to addresses (`bindProgram`). */
export function programJob(
  program: Pick<Program, 'layers'>,
  pipelines: readonly Pipeline<Cube>[],
  { dispatch }: Pick<Seam, 'dispatch'>,
): Job<Launched> {
  const { layers } = program;
  const complete = layers.map(() => false);
  /** Every layer before this one is complete. */
  let first = 0;
  const ready = ({ id, after }: Layer) => !complete[id] && after.every((other) => complete[other] === true);
  return {
    step() {
      while (first < layers.length && complete[first]) first++;
      if (first === layers.length) return undefined;
      let next = first;
      while (next < layers.length && !ready(layers[next]!)) next++;
      const layer = layers[next] ?? stalled(layers, complete, first);
      const place = { layer: layer.name };
      const result = locate(place, () => dispatch(pipelines[layer.id]!));
      complete[layer.id] = true;
      // What is queued runs in order, so whoever comes after a layer may be queued behind it.
      return { layer, result: result instanceof Promise ? locateLater(place, result) : result };
    },
  };
}

const locateLater = (place: Place, result: Promise<LaunchResult>): Promise<LaunchResult> =>
  result.catch((error: unknown) =>
    locate(place, () => {
      throw error;
    }),
  );

/** Follows the first layer that waits to the end of its chain, or round the circle. */
function stalled(layers: readonly Layer[], complete: readonly boolean[], first: number): never {
  const chain: string[] = [];
  const seen = new Set<number>();
  let at: number | undefined = first;
  while (at !== undefined && !seen.has(at)) {
    seen.add(at);
    const layer: Layer | undefined = layers[at];
    chain.push(layer?.name ?? `layer ${at}, which does not exist`);
    at = layer?.after.find((other) => complete[other] !== true);
  }
  if (at !== undefined) chain.push(layers[at]!.name);
  return fail(
    'device/stalled',
    'no layer can start',
    { layer: layers[first]!.name },
    { actual: chain.slice(0, 12).join(' waits for ') },
  );
}
