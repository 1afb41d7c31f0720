/** The single-point stage for kernels: its vectors laid out block by block, and the fields that every job with one has. */

import { fail } from '../../../base/errors.ts';
import type { JetsonSdp } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { readConstant } from '../reference/feature.ts';
import { checkSinglePoint, operandShape } from '../reference/single-point.ts';
import { asAtoms } from './copy-job.ts';
import * as halves from './float16/job.ts';
import * as layout from './job.ts';
import type { JobFields, KernelHost } from './kernel-host.ts';
import { integer } from './nvdla/job.ts';
import { type Placement, placeCube } from './placement.ts';

/** A checked stage, read from memory but not laid out yet. */
export interface PointStage {
  readonly channels: number;
  readonly bias: Int32Array | undefined;
  readonly scale: Float32Array | undefined;
  readonly shift: Float32Array | undefined;
  readonly slope: Float32Array | undefined;
  readonly ending:
    | { readonly half: false; readonly lut: Int8Array | undefined; readonly low: number; readonly high: number }
    /** `lut`: where it lies. */
    | { readonly half: true; readonly lut: number; readonly low: number; readonly high: number };
  readonly operand:
    | { readonly op: number; readonly scale: number; readonly place: Placement; readonly broadcast: boolean }
    | undefined;
}

const operandCodes = {
  add: layout.operandAdd,
  sub: layout.operandSub,
  mul: layout.operandMul,
  max: layout.operandMax,
  min: layout.operandMin,
} as const;

/** @throws device/fault, device/unsupported */
export function readPointStage(sdp: JetsonSdp<Cube>, shape: Shape4, bus: Bus, bias?: Int32Array): PointStage {
  checkSinglePoint(sdp);
  const channels = shape[1];
  const vector = (cube: Cube | undefined, what: string) =>
    cube && readConstant(cube, 'float32', [1, channels], bus, what);
  const operand = sdp.operand && {
    op: operandCodes[sdp.operand.op],
    scale: sdp.operand.scale,
    broadcast: operandShape(sdp.operand.input, shape) === 'channel',
    place: placeCube(sdp.operand.input, bus, 'the SDP operand'),
  };
  return {
    channels,
    bias,
    scale: vector(sdp.scale, 'the SDP scale'),
    shift: vector(sdp.shift, 'the SDP shift'),
    slope: vector(sdp.slope, 'the SDP slope'),
    ending: endingOf(sdp, bus),
    operand,
  };
}

function endingOf(sdp: JetsonSdp<Cube>, bus: Bus): PointStage['ending'] {
  if (sdp.arithmetic === 'float-scale') {
    const { low, high, lut } = sdp;
    return { half: false, lut: lut && readConstant(lut, 'int8', [256], bus, 'the lookup table'), low, high };
  }
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY, lut } = sdp;
  return { half: true, lut: lut ? placeTable(lut, bus) : 0, low, high };
}

/** Kernels look halves up where they lie. @throws device/fault */
function placeTable(cube: Cube, bus: Bus): number {
  const elements = 65_536;
  if (cube.dtype !== 'float16' || cube.shape.reduce((product, dim) => product * dim, 1) !== elements) {
    const detail = { expected: `float16, ${elements} elements`, actual: `${cube.dtype}, ${cube.shape.join('x')}` };
    fail('device/fault', 'the lookup table has the wrong type or size', {}, detail);
  }
  return bus.locate(cube.address, elements * 2);
}

/**
 * Lays the stage out in scratch memory.
 * @param source the elements that it works on: sums of a convolution of them, or they themselves
 * @returns what sets its fields in a job
 */
export function layOutPoint(host: KernelHost, stage: PointStage, source: Placement): (job: JobFields) => void {
  const { channels, ending } = stage;
  const isHalf = ({ elementBytes }: Placement): boolean => elementBytes === 2;
  const floatStage = ending.half || isHalf(source) || (stage.operand !== undefined && isHalf(stage.operand.place));
  const padded = Math.ceil(channels / 8) * 8;
  const address = host.scratch.take('vectors', padded * 16 + 256);
  const operand = stage.operand && { ...stage.operand, place: asAtoms(host, stage.operand.place, 'operand') };

  const { buffer } = host.bus.memory;
  const bias = new Int32Array(buffer, address, padded);
  bias.fill(0);
  if (stage.bias) bias.set(stage.bias);
  const lay = (index: number, values: Float32Array | undefined): number => {
    if (!values) return 0;
    const at = address + index * padded * 4;
    const to = new Float32Array(buffer, at, padded).fill(0);
    if (values.length === 1) to.fill(values[0]!, 0, channels);
    else to.set(values);
    return at;
  };
  const scale = lay(1, stage.scale);
  const shift = lay(2, stage.shift);
  const slope = lay(3, stage.slope);
  const lut = address + padded * 16;
  if (!ending.half && ending.lut) new Int8Array(buffer, lut, 256).set(ending.lut);

  return (job) => {
    job.set(layout.bias, address);
    job.set(integer, 0);
    job.set(layout.scale, scale);
    job.set(layout.shift, shift);
    job.set(layout.slope, slope);
    job.set(halves.floatStage, floatStage ? 1 : 0);
    job.set(halves.floatSums, isHalf(source) ? 1 : 0);
    job.set(halves.halfInput, isHalf(source) ? 1 : 0);
    job.set(halves.halfOutput, ending.half ? 1 : 0);
    if (ending.half) {
      job.setFloat(halves.lowF, ending.low);
      job.setFloat(halves.highF, ending.high);
      job.set(halves.halfTable, ending.lut);
    } else {
      job.set(layout.lut, ending.lut ? lut + 128 : 0);
      job.set(layout.low, ending.low);
      job.set(layout.high, ending.high);
      job.set(layout.saturatedBelow, ending.low === -128 ? -128 : -32768);
      job.set(layout.saturatedAbove, ending.high === 127 ? 127 : 32767);
    }
    job.set(layout.operandOp, operand?.op ?? 0);
    if (!operand) return;
    job.set(halves.halfOperand, isHalf(operand.place) ? 1 : 0);
    job.setFloat(layout.operandScaleF, operand.scale);
    job.set(layout.operandAddress, operand.place.address);
    job.set(layout.operandBatch, operand.place.batchStep);
    job.set(layout.operandRow, operand.broadcast ? 0 : operand.place.rowStep);
    job.set(layout.operandPixel, operand.broadcast ? 0 : 32);
    job.set(layout.operandSurface, operand.place.surfaceStep);
  };
}

/** The stage on a surface of its own. @returns saturated results */
export function runPoint(host: KernelHost, stage: PointStage, from: Placement, to: Placement): number {
  const fields = layOutPoint(host, stage, from);
  const [batch, channels, height, width] = to.shape;
  const pixels = batch * height * width;
  return host.run(layout.kindPoint, Math.ceil(pixels / (layout.mostTiles * 4)), 0, pixels * channels, (job) => {
    job.input(from);
    job.output(to);
    fields(job);
  });
}
