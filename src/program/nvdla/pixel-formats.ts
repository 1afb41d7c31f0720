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

/** Names by the number in D_DATAIN_FORMAT and in descriptors of tensors and convolutions. */
export const pixelFormatNames: readonly string[] = (
  'R8 R10 R12 R16 R16_I R16_F A16B16G16R16 X16B16G16R16 A16B16G16R16_F A16Y16U16V16 V16U16Y16A16 A16Y16U16V16_F A8B8G8R8 A8R8G8B8 ' +
  'B8G8R8A8 R8G8B8A8 X8B8G8R8 X8R8G8B8 B8G8R8X8 R8G8B8X8 A2B10G10R10 A2R10G10B10 B10G10R10A2 R10G10B10A2 A2Y10U10V10 V10U10Y10A2 ' +
  'A8Y8U8V8 V8U8Y8A8 Y8_U8V8_N444 Y8_V8U8_N444 Y10_U10V10_N444 Y10_V10U10_N444 Y12_U12V12_N444 Y12_V12U12_N444 Y16_U16V16_N444 ' +
  'Y16_V16U16_N444 FEATURE FEATURE_X8'
).split(' ');

const numberOf = (name: string): number => pixelFormatNames.indexOf(name);

/** The numbers of what is no image: features in atoms of 16 or 32 bytes, and of 8. */
export const featureData = numberOf('FEATURE');
export const featureDataX8 = numberOf('FEATURE_X8');

type Components = readonly [type: PixelFormat['type'], order: readonly number[]];

/** Those that are modelled. Where several are read alike, the one that is written comes first. */
const modelled: Readonly<Record<string, Components>> = {
  R8: ['int8', single],
  R16_I: ['int16', single],
  R10: ['int16', single],
  R12: ['int16', single],
  R16: ['int16', single],
  R16_F: ['float16', single],
  A16B16G16R16: ['int16', straight],
  X16B16G16R16: ['int16', straight],
  A16B16G16R16_F: ['float16', straight],
  A16Y16U16V16: ['int16', swapped],
  V16U16Y16A16: ['int16', rotated],
  A16Y16U16V16_F: ['float16', swapped],
  A8B8G8R8: ['int8', straight],
  A8R8G8B8: ['int8', swapped],
  B8G8R8A8: ['int8', rotated],
  R8G8B8A8: ['int8', reversed],
  X8B8G8R8: ['int8', straight],
  X8R8G8B8: ['int8', swapped],
  B8G8R8X8: ['int8', rotated],
  R8G8B8X8: ['int8', reversed],
  A8Y8U8V8: ['int8', swapped],
  V8U8Y8A8: ['int8', rotated],
};

/** By their numbers. */
export const pixelFormats: ReadonlyMap<number, PixelFormat> = new Map(
  Object.entries(modelled).map(([name, [type, order]]) => [numberOf(name), { name, type, order }]),
);

/** The number of the format that holds components of a type in an order; undefined where none does. */
export function pixelFormatOf(type: PixelFormat['type'], order: readonly number[]): number | undefined {
  for (const [number, format] of pixelFormats) {
    if (format.type === type && format.order.join() === order.join()) return number;
  }
  return undefined;
}
