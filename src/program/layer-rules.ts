/** The validator's rules for every layer; those of each kind are in layers/. */

import { fail } from '../base/errors.ts';
import { isNvdla, type Target } from '../targets/target.ts';
import { layerReads, layerWrites } from './access.ts';
import { isFeatureFormat } from './geometry.ts';
import { isNvdlaSdp } from './layer.ts';
import { type LayerContext, surfaceOf, wrong } from './layers/context.ts';
import { kindOf } from './layers/table.ts';
import type { BlobTable, Program } from './program.ts';

/** @throws program/invalid */
export function checkLayers(program: Program, blobs?: BlobTable, target?: Target): void {
  const constants = new Map(program.constants.map(({ surface, blob }) => [surface, blob]));
  for (const layer of program.layers) checkLayer({ program, layer, blobs, constants, target });
}

function checkLayer(context: LayerContext): void {
  const { layer, target } = context;
  for (const { surface, field } of [...layerReads(layer), ...layerWrites(layer)]) surfaceOf(context, surface, field);
  for (const { surface, role, field } of layerReads(layer)) {
    const { format, name } = surfaceOf(context, surface, field);
    if (format === 'dla_hwc4' && field !== 'conv.input') {
      fail('program/invalid', 'only a convolution reads dla_hwc4', { layer: layer.name, value: name });
    }
    if ((role === 'input' || role === 'operand') && !isFeatureFormat(format)) {
      fail('program/invalid', `${field} is not a feature surface`, { layer: layer.name, value: name });
    }
  }
  for (const { surface, field } of layerWrites(layer)) {
    const { format, name } = surfaceOf(context, surface, field);
    if (!isFeatureFormat(format) || format === 'dla_hwc4') {
      fail('program/invalid', `${field} cannot be written as ${format}`, { layer: layer.name, value: name });
    }
  }
  if (target !== undefined && 'sdp' in layer && isNvdla(target) !== isNvdlaSdp(layer.sdp)) {
    const expected = isNvdla(target) ? 'integer-scale or nvdla-float16' : 'float-scale or float16';
    wrong(context, "the arithmetic is not the target's", expected, layer.sdp.arithmetic);
  }
  const kind = kindOf(layer);
  kind.check(context, layer);
  if (target === undefined) return;
  const lacking = kind.lacks(target);
  if (lacking !== undefined) wrong(context, `${target.name} has no ${lacking}`, 'another layer', layer.kind);
  if (isNvdla(target)) kind.checkRegisters?.(context, layer, target);
}
