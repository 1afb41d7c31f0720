/** The single-point stage of a launch: units for a run of channels in the arithmetic of the network, and its second operand. */

import { type NvdlaSdp, nvdlaArithmetic } from '../../program/layer.ts';
import type { Region } from '../emit.ts';
import { type Point, plainPoint } from '../operation.ts';
import { floatPoint } from './float16/point.ts';
import { integerPoint } from './int8/point.ts';
import type { Launches, Lowering } from './lowering.ts';

/** Units for the channels [from, to), and the output converter. */
export type PointStage = (
  from: number,
  to: number,
  operand: number | undefined,
) => Omit<NvdlaSdp<number>, 'input' | 'output'>;

/** The input of a stage: an accumulator or a surface. */
export interface StageInput {
  readonly channels: number;
  /** Real value of a step: one, or one per channel; int8 only. */
  readonly scales: Float64Array;
  readonly bias?: Float64Array;
}

export function pointStage(point: Point, { channels, scales, bias }: StageInput, outputScale: number, at: Lowering) {
  return at.precision === 'float16'
    ? floatStage(point, { channels, ...(bias && { bias }) }, at)
    : integerStage(point, { channels, scales, ...(bias && { bias }) }, outputScale, at);
}

/** Scales of a stage's operand and table. */
export const stageScales = (point: Point, at: Lowering) => ({
  ...(point.operand && { operandScale: at.scaleOf(point.operand.value) }),
  ...(point.table && { tableScale: at.scaleOf(point.table.input) }),
});

function integerStage(point: Point, input: StageInput, outputScale: number, at: Lowering): PointStage {
  const units = integerPoint(point, {
    name: at.name,
    channels: input.channels,
    inputScales: input.scales,
    ...(input.bias && { bias: input.bias }),
    outputScale,
    ...stageScales(point, at),
    atom: at.atom,
    elementwise: at.target.nvdla.elementwise,
    surfaces: at.surfaces,
  });
  return (from, to, operand) => ({
    arithmetic: 'integer-scale',
    ...units(from, to, operand),
    outputType: 'int8',
  });
}

function floatStage(point: Point, input: Omit<StageInput, 'scales'>, at: Lowering): PointStage {
  const units = floatPoint(point, { name: at.name, ...input, atom: at.atom, surfaces: at.surfaces });
  return (from, to, operand) => ({
    arithmetic: 'nvdla-float16',
    ...units(from, to, operand),
    convert: { offset: 0, scale: 1, shift: 0 },
    outputType: 'float16',
  });
}

export interface SecondOperand {
  readonly surface: number;
  readonly point: Point;
  readonly before: Launches;
}

/** The second operand of a stage; for a subtraction a launch before makes its negative. */
export function secondOperand(point: Point, at: Lowering): SecondOperand | undefined {
  const { operand } = point;
  if (operand === undefined) return undefined;
  const surface = at.surfaces.of(operand.value);
  if (operand.op !== 'sub') return { surface, point, before: [] };
  const scale = at.scaleOf(operand.value);
  const shape = at.shapeOf(operand.value);
  const output = at.surfaces.inner(`${operand.value}:negative`, shape, scale);
  const negate: Point = { ...plainPoint, multiply: Float64Array.of(-1) };
  const stage = pointStage(negate, { channels: shape[1], scales: Float64Array.of(scale) }, scale, at);
  return {
    surface: output,
    point: { ...point, operand: { ...operand, op: 'add' } },
    before: [{ kind: 'sdp', sdp: { ...stage(0, shape[1], undefined), input: surface, output } }],
  };
}

/** The part of an operand that a region needs; an operand with one number per channel has one row. */
export function operandPart(surface: number, region: Region, { surfaces }: Lowering): number {
  const [, , height, width] = surfaces.shapeOf(surface);
  return surfaces.region(surface, height === 1 && width === 1 ? { ...region, fromRow: 0, toRow: 1 } : region);
}

/** A stage that hands its input on unchanged, plus the numbers of another surface where one is given. */
export function passing(operand: number | undefined, { precision }: Lowering): ReturnType<PointStage> {
  return {
    arithmetic: nvdlaArithmetic(precision),
    ...(operand !== undefined && { x1: { ...adding, operand } }),
    convert: { offset: 0, scale: 1, shift: 0 },
    outputType: precision,
  };
}

const adding = {
  alu: 'sum',
  mul: false,
  source: 'point',
  operandUse: 'alu',
  aluOperand: 0,
  mulOperand: 0,
  aluShift: 0,
  truncate: 0,
  activation: 'none',
} as const;
