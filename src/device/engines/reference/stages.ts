/** How the stages of a pipeline are chained; what each computes belongs to the target's arithmetic. */

import { fail } from '../../../base/errors.ts';
import type { Cdp, Conv, Copy, Pdp, Pipeline, Resize, Sdp } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import type { DeviceState } from '../../state.ts';

/** What passes between stages: int32 numbers, or bit patterns of floats, in dense NCHW order. */
export interface StageValues {
  readonly shape: Shape4;
  readonly data: Int32Array;
}

export interface Counted {
  readonly values: StageValues;
  readonly saturated: number;
}

/** One arithmetic. `read` and `write` convert between cubes and stage values. */
export interface Stages {
  convolve(conv: Conv<Cube>, bus: Bus, state: DeviceState): StageValues;
  singlePoint(sdp: Sdp<Cube>, input: StageValues, bus: Bus, state: DeviceState): Counted;
  pool(pdp: Pdp<Cube>, input: StageValues, bus: Bus, state: DeviceState): StageValues;
  /** Absent where the hardware has no CDP. */
  normalize?(cdp: Cdp<Cube>, input: StageValues, state: DeviceState): Counted;
  resize(stage: Resize<Cube>, bus: Bus): StageValues;
  copy(stage: Copy<Cube>, bus: Bus): void;
  read(cube: Cube, bus: Bus, what: string): StageValues;
  write(cube: Cube, values: StageValues, bus: Bus, what: string): void;
  macs(conv: Conv<Cube>): number;
}

/** Runs a pipeline whose chain was checked. Returns how many results did not fit their type. */
export function runStages(pipeline: Pipeline<Cube>, stages: Stages, bus: Bus, state: DeviceState): number {
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
        stages.pool(pdp, stages.read(pdp.input!, bus, 'the pooling input'), bus, state),
        bus,
        'the pooling output',
      );
      return 0;
    }
    case 'cdp': {
      const { cdp } = pipeline;
      if (!stages.normalize) return fail('device/unsupported', 'these engines have no CDP');
      const { values, saturated } = stages.normalize(cdp, stages.read(cdp.input, bus, 'the CDP input'), state);
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
      if (pdp) stages.write(pdp.output, stages.pool(pdp, values, bus, state), bus, 'the pooling output');
      else stages.write(sdp.output!, values, bus, 'the SDP output');
      return saturated;
    }
  }
}
