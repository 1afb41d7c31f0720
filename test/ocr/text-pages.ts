/** Seeded pages for the PP-OCR detector: text lines, upright, one under the other on a light ground. */

import sharp from 'sharp';
import { float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { type TextLine, upright } from './text-lines.ts';

const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];
const ground = 232;

/** Pages of `size` × `size` with `linesPerPage` of the lines each. */
export async function textPages(
  lines: readonly TextLine[],
  linesPerPage: number,
  size: number,
): Promise<readonly Tensor[]> {
  const pages: Tensor[] = [];
  for (let first = 0; first + linesPerPage <= lines.length; first += linesPerPage) {
    pages.push(await page(lines.slice(first, first + linesPerPage), size));
  }
  return pages;
}

async function page(lines: readonly TextLine[], size: number): Promise<Tensor> {
  const slot = Math.floor(size / lines.length);
  const overlays = await Promise.all(
    lines.map(async (line, index) => {
      const { pixels, width, height } = await upright(line);
      const scale = Math.min(1, (0.75 * slot) / height, (0.9 * size) / width);
      const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
      const input = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .resize(w, h, { fit: 'fill', kernel: 'linear' })
        .png()
        .toBuffer();
      // Lines begin in turn at the left edge, in the middle and at the right edge.
      const left = Math.floor(((size - w) * (index % 3)) / 2);
      return { input, left, top: index * slot + Math.floor((slot - h) / 2) };
    }),
  );
  const background = { r: ground, g: ground, b: ground };
  const data = await sharp({ create: { width: size, height: size, channels: 3, background } })
    .composite(overlays)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  return pageTensor(data, size);
}

/** PP-OCR's own preparation: BGR, ImageNet's mean and deviation in the order of the channels. */
function pageTensor(pixels: Uint8Array, size: number): Tensor {
  const plane = size * size;
  const values = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < plane; i++) {
      values[channel * plane + i] = (pixels[3 * i + 2 - channel]! / 255 - mean[channel]!) / std[channel]!;
    }
  }
  return float32Tensor([1, 3, size, size], values);
}

/** Intersection over union of what lies above the threshold in two maps; 1 when neither holds anything. */
export function intersectionOverUnion(a: Float32Array, b: Float32Array, threshold: number): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    const [inA, inB] = [a[i]! > threshold, b[i]! > threshold];
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return either === 0 ? 1 : both / either;
}
