/** How the stages of a pipeline are chained; what each computes belongs to the target's arithmetic. */

import { fail } from '../../../base/errors.ts';
import type { Cdp, Conv, Copy, Lrn, Pdp, Pipeline, Resize, Sdp, Softmax } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import type { DeviceState } from '../../state.ts';

/** What passes between stages of the open NVDLA: int32 numbers, or bit patterns of floats, in dense NCHW order. */
export interface StageValues {
  readonly shape: Shape4;
  readonly data: Int32Array;
}

export interface Counted<V> {
  readonly values: V;
  readonly saturated: number;
}

/** What the hardware of a family of targets computes. V passes between stages; `read` and `write` convert between cubes and it. */
export interface Stages<V> {
  convolve(conv: Conv<Cube>, bus: Bus, state: DeviceState): V;
  singlePoint(sdp: Sdp<Cube>, input: V, bus: Bus, state: DeviceState): Counted<V>;
  pool(pdp: Pdp<Cube>, input: V, bus: Bus, state: DeviceState): V;
  /** Absent where the hardware has no CDP. */
  normalize?(cdp: Cdp<Cube>, input: V, state: DeviceState): Counted<V>;
  /** Absent where the hardware has no LRN without a table. */
  lrn?(lrn: Lrn<Cube>, input: V): V;
  /** Absent where the hardware has no Softmax. */
  softmax?(softmax: Softmax<Cube>, input: V): V;
  resize(stage: Resize<Cube>, bus: Bus): void;
  copy(stage: Copy<Cube>, bus: Bus): void;
  read(cube: Cube, bus: Bus, what: string): V;
  write(cube: Cube, values: V, bus: Bus, what: string): void;
  macs(conv: Conv<Cube>): number;
}

/** Runs a pipeline whose chain was checked. Returns how many results did not fit their type. */
export function runStages<V>(pipeline: Pipeline<Cube>, stages: Stages<V>, bus: Bus, state: DeviceState): number {
  switch (pipeline.kind) {
    case 'resize':
      stages.resize(pipeline.resize, bus);
      return 0;
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
    case 'lrn': {
      const { lrn } = pipeline;
      if (!stages.lrn) return fail('device/unsupported', 'these engines have no LRN');
      const values = stages.lrn(lrn, stages.read(lrn.input, bus, 'the LRN input'));
      stages.write(lrn.output, values, bus, 'the LRN output');
      return 0;
    }
    case 'softmax': {
      const { softmax } = pipeline;
      if (!stages.softmax) return fail('device/unsupported', 'these engines have no Softmax');
      const values = stages.softmax(softmax, stages.read(softmax.input, bus, 'the softmax input'));
      stages.write(softmax.output, values, bus, 'the softmax output');
      return 0;
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
