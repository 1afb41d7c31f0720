/** A launch that computes some rows of another's results: the same cubes, the same arithmetic, less of it. */

import {
  type Conv,
  isNvdlaSdp,
  type NvdlaSdp,
  type Padding,
  type Pipeline,
  type Sdp,
  type SdpUnit,
} from '../../program/layer.ts';
import type { Cube } from '../launch.ts';

/** Rows [from, from + count). */
export interface Rows {
  readonly from: number;
  readonly count: number;
}

/** Undefined for pooling, which is little work, and where it follows on the fly. */
export function rowsOf(pipeline: Pipeline<Cube>, rows: Rows): Pipeline<Cube> | undefined {
  switch (pipeline.kind) {
    case 'conv': {
      const { conv, sdp, pdp } = pipeline;
      return pdp ? undefined : { kind: 'conv', conv: rowsOfConv(conv, rows), sdp: rowsOfSdp(sdp, rows) };
    }
    case 'sdp':
      return pipeline.pdp ? undefined : { kind: 'sdp', sdp: rowsOfSdp(pipeline.sdp, rows) };
    default:
      return undefined;
  }
}

export function rowsOfCube(cube: Cube, { from, count }: Rows): Cube {
  const [batch, channels, height, width] = cube.shape;
  const { lineStride } = cube;
  return {
    ...cube,
    address: cube.address + BigInt(from * lineStride),
    shape: [batch, channels, count, width],
    size: cube.size - (height - count) * lineStride,
  };
}

/** Windows begin where those of the first row would. */
const below = (padding: Padding, strideH: number, from: number): Padding => ({
  ...padding,
  top: padding.top - from * strideH,
});

const rowsOfConv = (conv: Conv<Cube>, { from, count }: Rows): Conv<Cube> => ({
  ...conv,
  padding: below(conv.padding, conv.stride.h, from),
  output: { ...conv.output, height: count },
});

function rowsOfSdp(sdp: Sdp<Cube>, rows: Rows): NvdlaSdp<Cube> {
  if (!isNvdlaSdp(sdp)) throw new TypeError('only launches of the open NVDLA are cut into rows');
  const { x1, x2, y, input } = sdp;
  return {
    ...sdp,
    ...(input && { input: rowsOfCube(input, rows) }),
    ...(x1 && { x1: rowsOfUnit(x1, rows) }),
    ...(x2 && { x2: rowsOfUnit(x2, rows) }),
    ...(y && { y: rowsOfUnit(y, rows) }),
    output: rowsOfCube(sdp.output!, rows),
  };
}

const rowsOfUnit = (unit: SdpUnit<Cube>, rows: Rows): SdpUnit<Cube> =>
  unit.source === 'point' && unit.operand ? { ...unit, operand: rowsOfCube(unit.operand, rows) } : unit;
