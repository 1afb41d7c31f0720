/**
 * Decoded images, and the way from a picture of any size to the pixels that a network expects. Decoding belongs to the
 * host; resizing is done here, in the same arithmetic everywhere, so that a data set gives the same numbers in Node and
 * in a browser: a triangle filter as wide as the reduction (what Pillow calls bilinear), rows first, rounded to bytes
 * once per axis.
 */

import { fail } from '../base/errors.ts';

/** Interleaved 8-bit pixels, row by row: R, G, B, with the opacity as a fourth where there is one, or one gray level. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  readonly pixels: Uint8Array;
}

/**
 * Decodes a PNG, JPEG, WebP, … to RGB, transparency laid over black; to RGB and opacity where that is wanted.
 * @throws evaluate/image
 */
export type DecodeImage = (data: Uint8Array, file: string, alpha?: boolean) => Promise<Image>;

/**
 * How an image is brought to a network's size: `exact` refuses any other size, `stretch` ignores the aspect ratio,
 * `crop` scales the shorter side to `shorterSide` (the network's own size by default) and cuts out the middle, as is
 * usual for ImageNet.
 */
export type Fit =
  | { readonly kind: 'exact' }
  | { readonly kind: 'stretch' }
  | { readonly kind: 'crop'; readonly shorterSide?: number };

/** Largest side that an image may have, before and after resizing. */
export const largestSide = 16_384;

/** @throws evaluate/image */
export function fitImage(image: Image, width: number, height: number, fit: Fit, file: string): Image {
  if (image.width === width && image.height === height && (fit.kind !== 'crop' || fit.shorterSide === undefined)) {
    return image;
  }
  switch (fit.kind) {
    case 'exact':
      return fail(
        'evaluate/image',
        'the image has the wrong size',
        { file },
        { expected: `${width}×${height}`, actual: `${image.width}×${image.height}` },
      );
    case 'stretch':
      return resizeImage(image, width, height);
    case 'crop': {
      const shorter = fit.shorterSide ?? Math.max(width, height);
      const ratio = Math.max(shorter / Math.min(image.width, image.height), width / image.width, height / image.height);
      const scaled = resizeImage(image, Math.round(image.width * ratio), Math.round(image.height * ratio));
      return cropCentre(scaled, width, height);
    }
  }
}

/** @throws evaluate/image when a side is not in 1 … 16384 */
export function resizeImage(image: Image, width: number, height: number): Image {
  for (const side of [width, height]) {
    if (!(Number.isInteger(side) && side >= 1 && side <= largestSide)) {
      fail('evaluate/image', 'an image side is out of range', {}, { expected: `1 to ${largestSide}`, actual: side });
    }
  }
  const { channels } = image;
  const across = image.width === width ? image.pixels : resizeColumns(image, width);
  if (image.height === height) return { width, height, channels, pixels: across };
  return { width, height, channels, pixels: resizeRows(across, width * channels, image.height, height) };
}

/** The middle of an image; it must be at least that large. */
export function cropCentre(image: Image, width: number, height: number): Image {
  const { channels } = image;
  const left = (image.width - width) >> 1;
  const top = (image.height - height) >> 1;
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * channels;
    pixels.set(image.pixels.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, pixels };
}

/** ITU-R BT.601 luma in whole thousandths. */
export function grayImage(image: Image): Image {
  if (image.channels === 1) return image;
  const { width, height, channels } = image;
  const pixels = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < pixels.length; i++, at += channels) {
    const [r, g, b] = [image.pixels[at]!, image.pixels[at + 1]!, image.pixels[at + 2]!];
    pixels[i] = Math.floor((299 * r + 587 * g + 114 * b + 500) / 1000);
  }
  return { width, height, channels: 1, pixels };
}

/** R, G, B and opacity, which is full where an image has none. */
export function alphaImage(image: Image): Image {
  const { width, height, channels } = image;
  if (channels === 4) return image;
  const pixels = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = image.pixels[i * channels + (channels === 1 ? 0 : c)]!;
  }
  return { width, height, channels: 4, pixels };
}

interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

function filterTaps(from: number, to: number): readonly Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const last = Math.min(from, Math.floor(centre + support + 0.5));
    const weights = Float64Array.from({ length: Math.max(1, last - first) }, (__, k) =>
      Math.max(0, 1 - Math.abs(first + k + 0.5 - centre) / support),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first: Math.min(first, from - 1), weights: sum > 0 ? weights.map((w) => w / sum) : Float64Array.of(1) };
  });
}

function resizeColumns({ pixels, width: from, height, channels }: Image, to: number): Uint8Array {
  const taps = filterTaps(from, to);
  const out = new Uint8Array(to * height * channels);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (const { first, weights } of taps) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let source = (y * from + first) * channels + c;
        for (let k = 0; k < weights.length; k++, source += channels) sum += pixels[source]! * weights[k]!;
        out[at++] = Math.floor(sum + 0.5);
      }
    }
  }
  return out;
}

function resizeRows(pixels: Uint8Array, line: number, from: number, to: number): Uint8Array {
  const out = new Uint8Array(line * to);
  for (const [y, { first, weights }] of filterTaps(from, to).entries()) {
    for (let x = 0; x < line; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += pixels[(first + k) * line + x]! * weights[k]!;
      out[y * line + x] = Math.floor(sum + 0.5);
    }
  }
  return out;
}
