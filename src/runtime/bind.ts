/**
 * A layer of a Program names surfaces by number; a launch needs them at addresses. What the open NVDLA keeps in registers
 * and table memories between launches (lookup tables) or has for its firmware alone (moves) is no part of a pipeline.
 */

import type { Cube } from '../device/cube.ts';
import { fail } from '../graph/errors.ts';
import type { Conv, Layer, Pdp, Pipeline, Sdp, SdpUnit } from '../program/layer.ts';

export type CubeOf = (surface: number) => Cube;

/** The pipeline that a layer launches. @throws device/unsupported for a layer that only moves bytes */
export function bindLayer(layer: Layer, cube: CubeOf): Pipeline<Cube> {
  switch (layer.kind) {
    case 'conv':
      return {
        kind: 'conv',
        conv: bindConv(layer.conv, cube),
        sdp: bindSdp(layer.sdp, cube),
        ...bindTail(layer.pdp, cube),
      };
    case 'sdp':
      return { kind: 'sdp', sdp: bindSdp(layer.sdp, cube), ...bindTail(layer.pdp, cube) };
    case 'pdp':
      return { kind: 'pdp', pdp: bindPdp(layer.pdp, cube) };
    case 'cdp': {
      const { lookup: _, ...cdp } = layer.cdp;
      return { kind: 'cdp', cdp: { ...cdp, ...ends(cdp, cube) } };
    }
    case 'resize':
      return { kind: 'resize', resize: { ...layer.resize, ...ends(layer.resize, cube) } };
    case 'copy':
      return { kind: 'copy', copy: { ...layer.copy, ...ends(layer.copy, cube) } };
    case 'rubik':
    case 'bdma':
      return fail('device/unsupported', `${layer.kind} runs from descriptors, not from a Program`, {
        layer: layer.name,
      });
  }
}

const ends = ({ input, output }: { readonly input: number; readonly output: number }, cube: CubeOf) => ({
  input: cube(input),
  output: cube(output),
});

function bindConv({ bias, ...conv }: Conv<number>, cube: CubeOf): Conv<Cube> {
  return {
    ...conv,
    input: cube(conv.input),
    weights: cube(conv.weights),
    ...(bias !== undefined && { bias: cube(bias) }),
  };
}

function bindSdp(sdp: Sdp<number>, cube: CubeOf): Sdp<Cube> {
  if (sdp.arithmetic === 'integer-scale') {
    const { input, output, x1, x2, y, lookup: _, ...rest } = sdp;
    return {
      ...rest,
      ...(input !== undefined && { input: cube(input) }),
      ...(x1 && { x1: bindUnit(x1, cube) }),
      ...(x2 && { x2: bindUnit(x2, cube) }),
      ...(y && { y: bindUnit(y, cube) }),
      ...(output !== undefined && { output: cube(output) }),
    };
  }
  const { input, output, shift, operand, slope, lut, ...rest } = sdp;
  return {
    ...rest,
    scale: cube(sdp.scale),
    ...(input !== undefined && { input: cube(input) }),
    ...(shift !== undefined && { shift: cube(shift) }),
    ...(operand && { operand: { ...operand, input: cube(operand.input) } }),
    ...(slope !== undefined && { slope: cube(slope) }),
    ...(lut !== undefined && { lut: cube(lut) }),
    ...(output !== undefined && { output: cube(output) }),
  };
}

function bindUnit({ operand, ...unit }: SdpUnit<number>, cube: CubeOf): SdpUnit<Cube> {
  return { ...unit, ...(operand !== undefined && { operand: cube(operand) }) };
}

function bindPdp({ input, ...pdp }: Pdp<number>, cube: CubeOf): Pdp<Cube> {
  return { ...pdp, ...(input !== undefined && { input: cube(input) }), output: cube(pdp.output) };
}

const bindTail = (pdp: Pdp<number> | undefined, cube: CubeOf) => (pdp === undefined ? {} : { pdp: bindPdp(pdp, cube) });
