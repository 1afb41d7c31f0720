/** The image input of a convolution from the registers of CDMA and CSC. */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import type { ImageInput } from '../../../program/layer.ts';
import { pixelSignCodes, rowExtensions } from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import { pixelFormats } from '../../../program/nvdla/pixel-formats.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterView } from '../registers/register-file.ts';
import { addressIn } from './core-features.ts';

export interface FormedImage {
  readonly input: Cube;
  readonly image: ImageInput;
  /** Width of the kernel in pixels. */
  readonly kernelWidth: number;
}

/** @throws device/unsupported, device/fault */
export function formImage(cdma: RegisterView, csc: RegisterView, precision: ConvolutionPrecision): FormedImage {
  const number = cdma.field('D_DATAIN_FORMAT', 'PIXEL_FORMAT');
  const format = pixelFormats.get(number);
  if (!format) return fail('device/unsupported', `pixel format ${number} is not modelled`);
  if (format.type !== precision) {
    fail('device/unsupported', `pixels of ${format.type} in a convolution of ${precision} is not modelled`);
  }
  const components = format.order.length;
  const weightChannels = csc.field('D_WEIGHT_SIZE_EXT_1', 'WEIGHT_CHANNEL_EXT') + 1;
  const wanted = cdma.field('D_DATAIN_SIZE_1', 'DATAIN_CHANNEL') + 1;
  if (wanted !== components || weightChannels % components !== 0) {
    fail(
      'device/fault',
      `kernels, pixels of ${format.name} and data differ in channels`,
      { value: 'CSC.D_WEIGHT_SIZE_EXT_1' },
      { expected: components, actual: `${wanted} and ${weightChannels}` },
    );
  }
  if (csc.field('D_WEIGHT_SIZE_EXT_0', 'WEIGHT_WIDTH_EXT') !== 0) {
    fail('device/fault', 'the kernel of an image is one position wide', { value: 'CSC.D_WEIGHT_SIZE_EXT_0' });
  }
  if (csc.field('D_DILATION_EXT', 'X_DILATION_EXT') !== 0) {
    fail('device/unsupported', 'dilation over an image is not modelled');
  }
  const rows = rowExtensions[csc.field('D_POST_Y_EXTENSION', 'Y_EXTENSION')];
  if (!rows) return fail('device/fault', 'there is no such extension of rows', { value: 'CSC.D_POST_Y_EXTENSION' });
  const height = cdma.field('D_DATAIN_SIZE_0', 'DATAIN_HEIGHT') + 1;
  const width = cdma.field('D_DATAIN_SIZE_0', 'DATAIN_WIDTH') + 1;
  const pixelBytes = components * elementSize[precision];
  const skipped = cdma.field('D_PIXEL_OFFSET', 'PIXEL_X_OFFSET') * pixelBytes;
  const lineStride = cdma.value('D_LINE_STRIDE');
  const signed =
    cdma.field('D_DATAIN_FORMAT', 'PIXEL_SIGN_OVERRIDE') === pixelSignCodes.numbers.signed || precision === 'float16';
  const mean = (register: string, name: string): number => cdma.signed(register, name);
  return {
    input: {
      address: addressIn(cdma, 'D_DAIN_ADDR_LOW_0', 'D_DAIN_ADDR_HIGH_0') + BigInt(skipped),
      shape: [1, components, height, width],
      dtype: precision,
      format: 'dla_hwc4',
      lineStride,
      surfaceStride: 0,
      batchStride: 0,
      size: (height - 1) * lineStride + width * pixelBytes,
    },
    image: {
      order: format.order,
      ...(!signed && { unsigned: 8 * elementSize[precision] }),
      ...(cdma.field('D_MEAN_FORMAT', 'MEAN_FORMAT') === 1 && {
        mean: [
          mean('D_MEAN_GLOBAL_0', 'MEAN_RY'),
          mean('D_MEAN_GLOBAL_0', 'MEAN_GU'),
          mean('D_MEAN_GLOBAL_1', 'MEAN_BV'),
          mean('D_MEAN_GLOBAL_1', 'MEAN_AX'),
        ].slice(0, components),
      }),
      rowsPerBlock: rows,
    },
    kernelWidth: weightChannels / components,
  };
}
