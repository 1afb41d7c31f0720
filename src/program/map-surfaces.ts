/** The same launch over other surfaces: every field of a stage that refers to memory goes through a function. */

import type { Conv, Lookup, Move, Pdp, Pipeline, Sdp, SdpUnit } from './layer.ts';

export const mapLaunch = <S, T>(launch: Pipeline<S> | Move<S>, map: (surface: S) => T): Pipeline<T> | Move<T> =>
  isMove(launch) ? mapMove(launch, map) : mapPipeline(launch, map);

const isMove = <S>(launch: Pipeline<S> | Move<S>): launch is Move<S> =>
  launch.kind === 'pixels' || launch.kind === 'rubik' || launch.kind === 'bdma';

export function mapPipeline<S, T>(pipeline: Pipeline<S>, map: (surface: S) => T): Pipeline<T> {
  switch (pipeline.kind) {
    case 'conv':
      return {
        kind: 'conv',
        conv: mapConv(pipeline.conv, map),
        sdp: mapSdp(pipeline.sdp, map),
        ...mapTail(pipeline.pdp, map),
      };
    case 'sdp':
      return { kind: 'sdp', sdp: mapSdp(pipeline.sdp, map), ...mapTail(pipeline.pdp, map) };
    case 'pdp':
      return { kind: 'pdp', pdp: mapPdp(pipeline.pdp, map) };
    case 'cdp': {
      const { lookup, ...cdp } = pipeline.cdp;
      return { kind: 'cdp', cdp: { ...cdp, ...ends(cdp, map), ...(lookup && { lookup: mapLookup(lookup, map) }) } };
    }
    case 'resize':
      return { kind: 'resize', resize: { ...pipeline.resize, ...ends(pipeline.resize, map) } };
    case 'copy':
      return { kind: 'copy', copy: { ...pipeline.copy, ...ends(pipeline.copy, map) } };
  }
}

function mapMove<S, T>(move: Move<S>, map: (surface: S) => T): Move<T> {
  switch (move.kind) {
    case 'pixels':
      return { kind: 'pixels', pixels: { ...move.pixels, ...ends(move.pixels, map) } };
    case 'rubik':
      return { kind: 'rubik', rubik: { ...move.rubik, ...ends(move.rubik, map) } };
    case 'bdma':
      return { kind: 'bdma', transfers: move.transfers.map((transfer) => ({ ...transfer, ...ends(transfer, map) })) };
  }
}

const ends = <S, T>({ input, output }: { readonly input: S; readonly output: S }, map: (surface: S) => T) => ({
  input: map(input),
  output: map(output),
});

function mapConv<S, T>({ bias, ...conv }: Conv<S>, map: (surface: S) => T): Conv<T> {
  return {
    ...conv,
    input: map(conv.input),
    weights: map(conv.weights),
    ...(bias !== undefined && { bias: map(bias) }),
  };
}

function mapSdp<S, T>(sdp: Sdp<S>, map: (surface: S) => T): Sdp<T> {
  if (sdp.arithmetic === 'integer-scale') {
    const { input, output, x1, x2, y, lookup, ...rest } = sdp;
    return {
      ...rest,
      ...(input !== undefined && { input: map(input) }),
      ...(x1 && { x1: mapUnit(x1, map) }),
      ...(x2 && { x2: mapUnit(x2, map) }),
      ...(y && { y: mapUnit(y, map) }),
      ...(lookup && { lookup: mapLookup(lookup, map) }),
      ...(output !== undefined && { output: map(output) }),
    };
  }
  const { input, output, shift, operand, slope, lut, ...rest } = sdp;
  return {
    ...rest,
    scale: map(sdp.scale),
    ...(input !== undefined && { input: map(input) }),
    ...(shift !== undefined && { shift: map(shift) }),
    ...(operand && { operand: { ...operand, input: map(operand.input) } }),
    ...(slope !== undefined && { slope: map(slope) }),
    ...(lut !== undefined && { lut: map(lut) }),
    ...(output !== undefined && { output: map(output) }),
  };
}

function mapUnit<S, T>({ operand, ...unit }: SdpUnit<S>, map: (surface: S) => T): SdpUnit<T> {
  return { ...unit, ...(operand !== undefined && { operand: map(operand) }) };
}

const mapLookup = <S, T>({ le, lo, ...rest }: Lookup<S>, map: (surface: S) => T): Lookup<T> => ({
  ...rest,
  le: { ...le, entries: map(le.entries) },
  lo: { ...lo, entries: map(lo.entries) },
});

function mapPdp<S, T>({ input, ...pdp }: Pdp<S>, map: (surface: S) => T): Pdp<T> {
  return { ...pdp, ...(input !== undefined && { input: map(input) }), output: map(pdp.output) };
}

const mapTail = <S, T>(pdp: Pdp<S> | undefined, map: (surface: S) => T) =>
  pdp === undefined ? {} : { pdp: mapPdp(pdp, map) };
