/**
 * The scalar engines: one plain statement of what the hardware computes, against which every fast kernel is held. They
 * read whole cubes into dense arrays, apply the stages of a pipeline one after the other, and write the result.
 *
 * What a stage computes belongs to the target's arithmetic, and a pipeline says which that is; how stages are chained
 * (stages.ts) is the same for all.
 */

import { fail } from '../../../base/errors.ts';
import { mapLaunch } from '../../../program/access.ts';
import { isNvdlaSdp, type Pipeline } from '../../../program/layer.ts';
import { kindOf } from '../../../program/layers/table.ts';
import type { Bus } from '../../bus.ts';
import type { Cube, LaunchResult } from '../../launch.ts';
import type { DeviceState, ImmediateEngines } from '../../state.ts';
import { convGeometry, convolve } from './convolution.ts';
import { copy } from './copy.ts';
import { type Activations, readFeature, writeFeature } from './feature.ts';
import { convolveHalves } from './float16/convolution.ts';
import { localResponse } from './float16/lrn.ts';
import { softmax } from './float16/softmax.ts';
import { nvdlaStages } from './nvdla/stages.ts';
import { pool } from './pooling.ts';
import { resize } from './resize.ts';
import { singlePoint } from './single-point.ts';
import { runStages, type Stages } from './stages.ts';

/** Orin and xavier, INT8 and FP16: each stage goes by the types of what it reads and writes. */
const jetsonStages: Stages<Activations> = {
  convolve: (conv, bus) => (conv.input.dtype === 'float16' ? convolveHalves : convolve)(conv, bus),
  singlePoint(sdp, input, bus) {
    if (isNvdlaSdp(sdp)) return fail('device/fault', 'a pipeline of orin with an SDP of the open NVDLA');
    return singlePoint(sdp, input, bus);
  },
  pool,
  lrn: localResponse,
  softmax,
  resize,
  copy,
  read: readFeature,
  write: writeFeature,
  macs: (conv) => convGeometry(conv).macs,
};

/** The scalar engines of every target. */
export const referenceEngines = (): ImmediateEngines => ({
  kind: 'immediate',
  name: 'reference',
  dispatch: (pipeline, bus, state) => {
    checkChain(pipeline);
    return isOfNvdla(pipeline, state)
      ? run(pipeline, nvdlaStages, bus, state)
      : run(pipeline, jetsonStages, bus, state);
  },
  close: () => {},
});

function run<V>(pipeline: Pipeline<Cube>, stages: Stages<V>, bus: Bus, state: DeviceState): LaunchResult {
  const saturated = runStages(pipeline, stages, bus, state);
  return launchResult(pipeline, pipeline.kind === 'conv' ? stages.macs(pipeline.conv) : 0, saturated);
}

/** A pooling of its own says no arithmetic: the device that it is launched on does. */
function isOfNvdla(pipeline: Pipeline<Cube>, { nvdla }: DeviceState): boolean {
  if (pipeline.kind === 'conv' || pipeline.kind === 'sdp') return isNvdlaSdp(pipeline.sdp);
  return nvdla !== undefined || pipeline.kind === 'cdp' || (pipeline.kind === 'pdp' && !!pipeline.pdp.average);
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

/** The parts of a launch's result that follow from the pipeline alone. */
type Effects = Pick<LaunchResult, 'writes' | 'events'> & { readonly readBytes: number; readonly writtenBytes: number };

const known = new WeakMap<Pipeline<Cube>, Effects>();

/** The cubes that a pipeline reads and writes, its events and its counters; the same for all engines. */
export function launchResult(pipeline: Pipeline<Cube>, macs: number, saturated: number): LaunchResult {
  const effects = known.get(pipeline) ?? effectsOf(pipeline);
  known.set(pipeline, effects);
  const { writes, events, readBytes, writtenBytes } = effects;
  return { writes, events, counters: { macs, readBytes, writtenBytes, saturated } };
}

function effectsOf(pipeline: Pipeline<Cube>): Effects {
  const writes: Cube[] = [];
  let readBytes = 0;
  mapLaunch(pipeline, (cube, { role }) => {
    if (role === 'output') writes.push(cube);
    else readBytes += cube.size;
  });
  return {
    writes,
    events: kindOf(pipeline)
      .work(pipeline, (cube) => cube)
      .map(({ engine }) => ({ engine, event: 'done' })),
    readBytes,
    writtenBytes: writes.reduce((sum, cube) => sum + cube.size, 0),
  };
}
