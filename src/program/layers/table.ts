/** Every kind of hardware layer. */

import type { LayerKindName } from '../layer.ts';
import { bdmaKind } from './bdma.ts';
import { cdpKind } from './cdp.ts';
import { convKind } from './conv.ts';
import { copyKind } from './copy.ts';
import type { LayerKind } from './kind.ts';
import { lrnKind } from './lrn.ts';
import { pdpKind } from './pdp.ts';
import { pixelsKind } from './pixels.ts';
import { resizeKind } from './resize.ts';
import { rubikKind } from './rubik.ts';
import { sdpKind } from './sdp.ts';
import { softmaxKind } from './softmax.ts';

export const layerKinds: { readonly [K in LayerKindName]: LayerKind<K> } = {
  conv: convKind,
  sdp: sdpKind,
  pdp: pdpKind,
  cdp: cdpKind,
  lrn: lrnKind,
  softmax: softmaxKind,
  resize: resizeKind,
  copy: copyKind,
  pixels: pixelsKind,
  rubik: rubikKind,
  bdma: bdmaKind,
};

/** The description of the kind that a launch is of. */
export const kindOf = <K extends LayerKindName>({ kind }: { readonly kind: K }): LayerKind<K> => layerKinds[kind];
