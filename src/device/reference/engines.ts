/**
 * The scalar engines: one plain statement of what the hardware computes, against which every fast kernel is held. They
 * read whole cubes into dense arrays, apply the stages of a pipeline one after the other, and write the result.
 *
 * What a stage computes belongs to the target's arithmetic, how stages are chained does not: {@link scalarEngines} takes
 * the stages as a table, so integer-scale hardware brings its own and shares the rest.
 */

import { fail } from '../../graph/errors.ts';
import type { Cdp, Conv, Copy, Pdp, Pipeline, Resize, Sdp } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import type { EngineName, LaunchResult } from '../launch.ts';
import type { DeviceState, Engines } from '../state.ts';
import { convGeometry, convolve } from './convolution.ts';
import { copy } from './copy.ts';
import { type Activations, readFeature, writeFeature } from './feature.ts';
import { pool } from './pooling.ts';
import { resize } from './resize.ts';
import { singlePoint } from './single-point.ts';

/** What passes between stages: numbers in dense NCHW order. Accumulators wider than int32 come as float64. */
export interface StageValues {
  readonly shape: Shape4;
  readonly data: Int32Array | Float64Array;
}

/** One arithmetic. `read` and `write` convert between cubes and stage values. */
export interface Stages<V extends StageValues> {
  convolve(conv: Conv<Cube>, bus: Bus, state: DeviceState): V;
  singlePoint(
    sdp: Sdp<Cube>,
    input: V,
    bus: Bus,
    state: DeviceState,
  ): { readonly values: V; readonly saturated: number };
  pool(pdp: Pdp<Cube>, input: V, bus: Bus): V;
  /** Absent where the hardware has no CDP. */
  normalise?(cdp: Cdp<Cube>, input: V, state: DeviceState): { readonly values: V; readonly saturated: number };
  resize(stage: Resize<Cube>, bus: Bus): V;
  copy(stage: Copy<Cube>, bus: Bus): void;
  read(cube: Cube, bus: Bus, what: string): V;
  write(cube: Cube, values: V, bus: Bus, what: string): void;
  macs(conv: Conv<Cube>): number;
}

const floatScaleStages: Stages<Activations> = {
  convolve,
  singlePoint(sdp, input, bus) {
    if (sdp.arithmetic !== 'float-scale') return fail('device/unsupported', 'these engines have no integer-scale SDP');
    return singlePoint(sdp, input, bus);
  },
  pool,
  resize,
  copy,
  read: readFeature,
  write: writeFeature,
  macs: (conv) => convGeometry(conv).macs,
};

/** The engines of orin and xavier. */
export const referenceEngines = (): Engines => scalarEngines('reference', floatScaleStages);

/** Chains the stages of an arithmetic into engines. */
export function scalarEngines<V extends StageValues>(name: string, stages: Stages<V>): Engines {
  return {
    name,
    run: (pipeline, bus, state) => {
      checkChain(pipeline);
      const saturated = runStages(pipeline, stages, bus, state);
      return launchResult(pipeline, pipeline.kind === 'conv' ? stages.macs(pipeline.conv) : 0, saturated);
    },
    close: () => {},
  };
}

function runStages<V extends StageValues>(
  pipeline: Pipeline<Cube>,
  stages: Stages<V>,
  bus: Bus,
  state: DeviceState,
): number {
  switch (pipeline.kind) {
    case 'resize': {
      const { output } = pipeline.resize;
      stages.write(output, stages.resize(pipeline.resize, bus), bus, 'the resize output');
      return 0;
    }
    case 'copy':
      stages.copy(pipeline.copy, bus);
      return 0;
    case 'pdp': {
      const { pdp } = pipeline;
      stages.write(
        pdp.output,
        stages.pool(pdp, stages.read(pdp.input!, bus, 'the pooling input'), bus),
        bus,
        'the pooling output',
      );
      return 0;
    }
    case 'cdp': {
      const { cdp } = pipeline;
      if (!stages.normalise) return fail('device/unsupported', 'these engines have no CDP');
      const { values, saturated } = stages.normalise(cdp, stages.read(cdp.input, bus, 'the CDP input'), state);
      stages.write(cdp.output, values, bus, 'the CDP output');
      return saturated;
    }
    default: {
      const { sdp, pdp } = pipeline;
      const input =
        pipeline.kind === 'conv'
          ? stages.convolve(pipeline.conv, bus, state)
          : stages.read(sdp.input!, bus, 'the SDP input');
      const { values, saturated } = stages.singlePoint(sdp, input, bus, state);
      if (pdp) stages.write(pdp.output, stages.pool(pdp, values, bus), bus, 'the pooling output');
      else stages.write(sdp.output!, values, bus, 'the SDP output');
      return saturated;
    }
  }
}

/**
 * A pipeline reads memory at its first stage and writes it at its last; stages between hand on directly.
 * @throws device/fault
 */
export function checkChain(pipeline: Pipeline<Cube>): void {
  const broken =
    (pipeline.kind === 'conv' && pipeline.sdp.input && 'the SDP stage after a convolution has an input of its own') ||
    (pipeline.kind === 'sdp' && !pipeline.sdp.input && 'the first SDP stage has no input') ||
    (pipeline.kind === 'pdp' && !pipeline.pdp.input && 'the first pooling stage has no input') ||
    ('sdp' in pipeline && pipeline.pdp?.input && 'the pooling stage after an SDP stage has an input of its own') ||
    ('sdp' in pipeline &&
      pipeline.pdp &&
      pipeline.sdp.output &&
      'an SDP stage that hands on to pooling has an output') ||
    ('sdp' in pipeline && !pipeline.pdp && !pipeline.sdp.output && 'the last SDP stage has no output');
  if (broken) fail('device/fault', broken);
}

const cubesOf = (stage: object): Cube[] =>
  Object.values(stage).filter(
    (value): value is Cube => typeof value === 'object' && value !== null && 'address' in value,
  );

/** The cubes that a pipeline reads and writes, its events and its counters; the same for all engines. */
export function launchResult(pipeline: Pipeline<Cube>, macs: number, saturated: number): LaunchResult {
  const engines: EngineName[] = [];
  const writes: Cube[] = [];
  let readBytes = 0;
  const stage = (engine: EngineName, fields: object, more: readonly (object | undefined)[] = []): void => {
    engines.push(engine);
    const { output } = fields as { output?: object };
    const written = output && 'address' in output ? (output as Cube) : undefined;
    if (written) writes.push(written);
    for (const source of [fields, ...more]) {
      for (const cube of source ? cubesOf(source) : []) if (cube !== written) readBytes += cube.size;
    }
  };
  if (pipeline.kind === 'conv') stage('conv', pipeline.conv);
  if (pipeline.kind === 'conv' || pipeline.kind === 'sdp') {
    const { sdp } = pipeline;
    stage('sdp', sdp, sdp.arithmetic === 'float-scale' ? [sdp.operand] : [sdp.x1, sdp.x2, sdp.y]);
  }
  if ('pdp' in pipeline && pipeline.pdp) stage('pdp', pipeline.pdp);
  if (pipeline.kind === 'cdp') stage('cdp', pipeline.cdp);
  if (pipeline.kind === 'resize') stage('resize', pipeline.resize);
  if (pipeline.kind === 'copy') stage('bdma', pipeline.copy);
  return {
    writes,
    events: engines.map((engine) => ({ engine, event: 'done' })),
    counters: { macs, readBytes, writtenBytes: writes.reduce((sum, cube) => sum + cube.size, 0), saturated },
  };
}
