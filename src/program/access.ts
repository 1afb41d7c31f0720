/** Which surfaces a layer reads and writes, and in what role: derived once here for the validator, the allocator, the
 *  estimator and the schedulers. */

import type { FloatScaleSdp, IntegerScaleSdp, Layer, Lookup, PixelGrid, Sdp } from './layer.ts';

/** `bytes`: whatever the surface holds, as the bridge DMA copies it. */
export type ReadRole = 'input' | 'operand' | 'weights' | 'vector' | 'bytes';

export interface Read {
  readonly surface: number;
  readonly role: ReadRole;
  /** The field it is named in, for messages: `conv.weights`. */
  readonly field: string;
  /** Channels of the surface that are read, when not all are. */
  readonly channels?: ChannelRange;
  /** The same of pixels. */
  readonly comb?: Comb;
}

export interface Write {
  readonly surface: number;
  readonly field: string;
  readonly channels?: ChannelRange;
  /** The pixels that are written, when not all are. */
  readonly comb?: Comb;
}

/** So many pixels of a grid. */
export interface Comb extends PixelGrid {
  readonly rows: number;
  readonly columns: number;
}

/** [from, to) */
export interface ChannelRange {
  readonly from: number;
  readonly to: number;
}

/** Everything a layer reads, stage by stage. A surface that is read in two places appears twice. */
export function layerReads(layer: Layer): readonly Read[] {
  switch (layer.kind) {
    case 'conv': {
      const { input, weights, bias } = layer.conv;
      return [
        { surface: input, role: 'input', field: 'conv.input' },
        { surface: weights, role: 'weights', field: 'conv.weights' },
        ...(bias === undefined ? [] : [{ surface: bias, role: 'vector' as const, field: 'conv.bias' }]),
        ...sdpReads(layer.sdp),
        ...pdpReads(layer.pdp),
      ];
    }
    case 'sdp':
      return [...sdpReads(layer.sdp), ...pdpReads(layer.pdp)];
    case 'pdp':
      return pdpReads(layer.pdp);
    case 'cdp':
      return [{ surface: layer.cdp.input, role: 'input', field: 'cdp.input' }, ...lookupReads(layer.cdp.lookup, 'cdp')];
    case 'resize':
      return [{ surface: layer.resize.input, role: 'input', field: 'resize.input' }];
    case 'copy': {
      const { input, inputChannel, channels } = layer.copy;
      const range = { from: inputChannel, to: inputChannel + channels };
      return [{ surface: input, role: 'input', field: 'copy.input', channels: range }];
    }
    case 'pixels': {
      const { input, inputChannel, channels, from, rows, columns } = layer.pixels;
      const range = { from: inputChannel, to: inputChannel + channels };
      const comb = { ...from, rows, columns };
      return [{ surface: input, role: 'input', field: 'pixels.input', channels: range, comb }];
    }
    case 'rubik':
      return [{ surface: layer.rubik.input, role: 'input', field: 'rubik.input' }];
    case 'bdma':
      return layer.transfers.map(({ input }) => ({ surface: input, role: 'bytes', field: 'bdma.input' }));
  }
}

/** Everything a layer writes: one surface, of the bridge DMA those that its transfers end in. */
export function layerWrites(layer: Layer): readonly Write[] {
  switch (layer.kind) {
    case 'conv':
    case 'sdp':
      return [
        ...(layer.sdp.output === undefined ? [] : [{ surface: layer.sdp.output, field: 'sdp.output' }]),
        ...(layer.pdp === undefined ? [] : [{ surface: layer.pdp.output, field: 'pdp.output' }]),
      ];
    case 'pdp':
      return [{ surface: layer.pdp.output, field: 'pdp.output' }];
    case 'cdp':
      return [{ surface: layer.cdp.output, field: 'cdp.output' }];
    case 'resize':
      return [{ surface: layer.resize.output, field: 'resize.output' }];
    case 'copy': {
      const { output, outputChannel, channels } = layer.copy;
      const range = { from: outputChannel, to: outputChannel + channels };
      return [{ surface: output, field: 'copy.output', channels: range }];
    }
    case 'pixels': {
      const { output, outputChannel, channels, to, rows, columns } = layer.pixels;
      const range = { from: outputChannel, to: outputChannel + channels };
      return [{ surface: output, field: 'pixels.output', channels: range, comb: { ...to, rows, columns } }];
    }
    case 'rubik':
      return [{ surface: layer.rubik.output, field: 'rubik.output' }];
    case 'bdma':
      return [...new Set(layer.transfers.map(({ output }) => output))].map((surface) => ({
        surface,
        field: 'bdma.output',
      }));
  }
}

const pdpReads = (pdp: { readonly input?: number } | undefined): readonly Read[] =>
  pdp?.input === undefined ? [] : [{ surface: pdp.input, role: 'input', field: 'pdp.input' }];

function sdpReads(sdp: Sdp<number>): readonly Read[] {
  const input: readonly Read[] =
    sdp.input === undefined ? [] : [{ surface: sdp.input, role: 'input', field: 'sdp.input' }];
  return [...input, ...(sdp.arithmetic === 'float-scale' ? floatReads(sdp) : integerReads(sdp))];
}

function floatReads(sdp: FloatScaleSdp<number>): readonly Read[] {
  const vectors = (['scale', 'shift', 'slope', 'lut'] as const).flatMap((name): Read[] => {
    const surface = sdp[name];
    return surface === undefined ? [] : [{ surface, role: 'vector', field: `sdp.${name}` }];
  });
  return sdp.operand === undefined
    ? vectors
    : [{ surface: sdp.operand.input, role: 'operand', field: 'sdp.operand' }, ...vectors];
}

function integerReads(sdp: IntegerScaleSdp<number>): readonly Read[] {
  const operands = (['x1', 'x2', 'y'] as const).flatMap((name): Read[] => {
    const unit = sdp[name];
    if (unit?.operand === undefined) return [];
    return [{ surface: unit.operand, role: unit.source === 'point' ? 'operand' : 'vector', field: `sdp.${name}` }];
  });
  return [...operands, ...lookupReads(sdp.lookup, 'sdp')];
}

const lookupReads = (lookup: Lookup<number> | undefined, stage: 'sdp' | 'cdp'): readonly Read[] =>
  lookup === undefined
    ? []
    : [
        { surface: lookup.le.entries, role: 'vector', field: `${stage}.lookup.le` },
        { surface: lookup.lo.entries, role: 'vector', field: `${stage}.lookup.lo` },
      ];
