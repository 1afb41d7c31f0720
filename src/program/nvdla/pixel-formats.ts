/**
 * The pixel formats of one plane and 8 or 16 bits a component that CDMA reads as an image. Kernels see R, G, B, A (or Y,
 * U, V, A) whatever the order in memory, where a name's last letter comes first. Source: nvdla/hw `arnvdla.h`,
 * cmod/cdma/NV_NVDLA_cdma.cpp. Formats of 10 bits or of two planes are not modelled.
 */

export interface PixelFormat {
  readonly name: string;
  readonly type: 'int8' | 'int16' | 'float16';
  /** For each component that kernels see, its place in a pixel. */
  readonly order: readonly number[];
}

const single = [0];
const straight = [0, 1, 2, 3];
const swapped = [2, 1, 0, 3];
const rotated = [1, 2, 3, 0];
const reversed = [3, 2, 1, 0];

/** By the number in D_DATAIN_FORMAT. */
export const pixelFormats: Readonly<Record<number, PixelFormat>> = {
  0: { name: 'R8', type: 'int8', order: single },
  1: { name: 'R10', type: 'int16', order: single },
  2: { name: 'R12', type: 'int16', order: single },
  3: { name: 'R16', type: 'int16', order: single },
  4: { name: 'R16_I', type: 'int16', order: single },
  5: { name: 'R16_F', type: 'float16', order: single },
  6: { name: 'A16B16G16R16', type: 'int16', order: straight },
  7: { name: 'X16B16G16R16', type: 'int16', order: straight },
  8: { name: 'A16B16G16R16_F', type: 'float16', order: straight },
  9: { name: 'A16Y16U16V16', type: 'int16', order: swapped },
  10: { name: 'V16U16Y16A16', type: 'int16', order: rotated },
  11: { name: 'A16Y16U16V16_F', type: 'float16', order: swapped },
  12: { name: 'A8B8G8R8', type: 'int8', order: straight },
  13: { name: 'A8R8G8B8', type: 'int8', order: swapped },
  14: { name: 'B8G8R8A8', type: 'int8', order: rotated },
  15: { name: 'R8G8B8A8', type: 'int8', order: reversed },
  16: { name: 'X8B8G8R8', type: 'int8', order: straight },
  17: { name: 'X8R8G8B8', type: 'int8', order: swapped },
  18: { name: 'B8G8R8X8', type: 'int8', order: rotated },
  19: { name: 'R8G8B8X8', type: 'int8', order: reversed },
  26: { name: 'A8Y8U8V8', type: 'int8', order: swapped },
  27: { name: 'V8U8Y8A8', type: 'int8', order: rotated },
};
