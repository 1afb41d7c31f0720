/**
 * NVIDIA's spreadsheet on a compiled Program: each launch of the convolution core is a layer of the sheet, with the parts of surfaces that
 * it has; all else is free. There is no Winograd in what is compiled, so none is counted; weights that stay in the buffer from
 * one launch to the next are counted again, as the sheet does not know of it.
 */

import { bytes } from '../../base/units.ts';
import { isNvdlaSdp, type Layer } from '../../program/layer.ts';
import { kernelGroupOf } from '../../program/nvdla/convolution-buffer.ts';
import type { Program } from '../../program/program.ts';
import type { Surface } from '../../program/surface.ts';
import type { NvdlaConditions } from './conditions.ts';
import { geometryOf } from './convolution-phases.ts';
import { type SheetEstimate, type SheetLayer, type SheetNetwork, type SheetSystem, sheetEstimate } from './sheet.ts';

export function sheetOfProgram(name: string, program: Program, conditions: NvdlaConditions): SheetEstimate {
  const layers = program.layers.flatMap((layer) =>
    layer.kind === 'conv' ? [sheetLayer(layer, program.surfaces)] : [],
  );
  const rules = { kernelMultiple: 16, staysBelow: 'weights', connectedBatch: 1, winograd: false } as const;
  const network: SheetNetwork = { name, layers, rules };
  return sheetEstimate(network, sheetSystem(program, conditions));
}

function sheetSystem({ layers }: Program, { target, clock, bandwidth }: NvdlaConditions): SheetSystem {
  const { banks, entriesPerBank, entryBytes } = target.cbuf;
  const precision = layers.find((layer) => layer.kind === 'conv')?.conv.core?.precision ?? 'int8';
  return {
    macs: target.atomic.c * kernelGroupOf(target, precision),
    buffer: bytes(banks * entriesPerBank * entryBytes),
    clock,
    dram: bandwidth,
    element: precision === 'int8' ? 1 : 2,
  };
}

function sheetLayer(layer: Extract<Layer, { kind: 'conv' }>, surfaces: readonly Surface[]): SheetLayer {
  const { conv, sdp, pdp } = layer;
  const { kernel, stride, output } = conv;
  const { channels } = geometryOf(conv, surfaces);
  const [, , height, width] = surfaces[conv.input]!.shape;
  const [, , h, w] = surfaces[(pdp?.output ?? sdp.output)!]!.shape;
  const positions = { h: output.height, w: output.width };
  const adds = isNvdlaSdp(sdp) && [sdp.x1, sdp.x2, sdp.y].some((unit) => unit?.source === 'point');
  return {
    name: layer.name,
    kind: adds ? 'residual' : 'conv',
    channels,
    height,
    width,
    kernels: output.channels,
    kernel,
    stride,
    positions,
    macs: channels * kernel.h * kernel.w * output.channels * output.height * output.width,
    output: { h, w },
  };
}
