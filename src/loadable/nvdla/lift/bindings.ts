/** What tensor descriptors, and the tag of a loadable of ours, say of the memories that the application binds. */

import { dataCategoryCodes, dataTypeCodes, precisionCodes } from '../../../program/nvdla/codes.ts';
import type { TensorDesc } from '../format/stock-loadable.ts';
import type { TaggedTensor } from '../format/tag.ts';
import type { BoundTensor } from './surfaces.ts';

/** A tensor that the application binds; undefined for a type or size that no surface of the hardware has. */
export function boundTensor(tensor: TensorDesc, tagged: TaggedTensor | undefined): BoundTensor | undefined {
  const { dims, strides, dataCategory, dataType, offset } = tensor;
  const type = dataTypeCodes.names[dataType];
  const dtype = precisionCodes.names.find((precision) => precision === type);
  const { n, c, h, w } = dims;
  if (dtype === undefined || n !== 1 || c < 1 || h < 1 || w < 1 || offset !== 0) return undefined;
  const [, lineStride = 0, surfaceStride = 0] = strides;
  const isImage = dataCategory === dataCategoryCodes.numbers.image;
  return { dtype, isImage, channels: taggedChannels(tagged, c, h * w), height: h, width: w, lineStride, surfaceStride };
}

/** The channels of a tensor: descriptors count the components of a pixel in memory, tags those that the network reads. */
function taggedChannels(tagged: TaggedTensor | undefined, held: number, plane: number): number {
  const channels = (tagged?.shape.reduce((product, dim) => product * dim, 1) ?? held * plane) / plane;
  return Number.isInteger(channels) && channels >= 1 && channels <= held ? channels : held;
}
