/** Images through sharp, imported when the first image is decoded. */

import { DlakitError, fail } from '../../base/errors.ts';
import { type Image, largestSide } from '../../evaluate/image.ts';

type Sharp = typeof import('sharp').default;

let loaded: Promise<Sharp> | undefined;

/** Decodes PNG, JPEG, WebP, GIF, TIFF or AVIF to RGB, turned as its EXIF says. @throws evaluate/image */
export async function decodeImage(data: Uint8Array, file: string): Promise<Image> {
  loaded ??= import('sharp').then((module) => module.default);
  let sharp: Sharp;
  try {
    sharp = await loaded;
  } catch {
    loaded = undefined;
    return fail('evaluate/image', 'decoding images needs sharp; install it with: npm install sharp', { file });
  }
  try {
    const { data: pixels, info } = await sharp(data, { limitInputPixels: largestSide * largestSide, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#000' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (channels !== 3)
      return fail('evaluate/image', 'the image has no RGB form', { file }, { actual: `${channels} channels` });
    return { width, height, channels, pixels: new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength) };
  } catch (error) {
    if (error instanceof DlakitError) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    return fail('evaluate/image', `the image cannot be decoded: ${reason}`, { file });
  }
}
