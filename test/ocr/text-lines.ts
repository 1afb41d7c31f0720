/**
 * Seeded text lines for the PP-OCR networks: words of random letters and digits in the faces of npm's
 * dejavu-fonts-ttf, black on a light ground, every other line turned by 180°. Rendered by sharp (Pango).
 */

import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { Random } from '../../src/base/random.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';

export interface TextLine {
  readonly text: string;
  readonly rotated: boolean;
  /** RGB, interleaved. */
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export const faces = [
  'DejaVuSans',
  'DejaVuSans-Bold',
  'DejaVuSerif',
  'DejaVuSerif-Bold',
  'DejaVuSansMono',
  'DejaVuSansCondensed',
];
const families: Readonly<Record<string, string>> = {
  DejaVuSans: 'DejaVu Sans',
  'DejaVuSans-Bold': 'DejaVu Sans Bold',
  DejaVuSerif: 'DejaVu Serif',
  'DejaVuSerif-Bold': 'DejaVu Serif Bold',
  DejaVuSansMono: 'DejaVu Sans Mono',
  DejaVuSansCondensed: 'DejaVu Sans Condensed',
};
const words =
  'accelerator bridge calibration depth engine feature garden harbour integer journey kernel layer memory network open pixel quantum river surface tensor uniform vector window xenon yellow zebra Amsterdam Berlin Chicago Dublin Geneva Helsinki Istanbul Jakarta London Madrid Naples Oslo Paris Quebec Rome Sydney Tokyo Utrecht Vienna Warsaw Zurich'.split(
    ' ',
  );

/** Lines 0, 2, 4 … are upright, 1, 3, 5 … turned. @param from the faces that they are set in */
export async function textLines(
  count: number,
  seed: number,
  from: readonly string[] = faces,
): Promise<readonly TextLine[]> {
  const source = new Random(seed);
  const random = () => source.next();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const lines: TextLine[] = [];
  for (let index = 0; index < count; index++) {
    const parts = Array.from({ length: 2 + Math.floor(random() * 3) }, () =>
      random() < 0.25 ? String(Math.floor(random() * 100_000)) : pick(words),
    );
    const text = parts.join(' ');
    const face = pick(from);
    const ink = Math.floor(random() * 70);
    const ground = 200 + Math.floor(random() * 56);
    const margin = 3 + Math.floor(random() * 8);
    const rotated = index % 2 === 1;
    const fontfile = fileURLToPath(import.meta.resolve(`dejavu-fonts-ttf/ttf/${face}.ttf`));
    const rgb = (level: number) => ({ r: level, g: level, b: level });
    const drawn = await sharp({
      text: {
        text: `<span foreground="#${ink.toString(16).padStart(2, '0').repeat(3)}">${text}</span>`,
        font: families[face]!,
        fontfile,
        dpi: 160,
        rgba: true,
      },
    })
      .extend({ top: margin, bottom: margin, left: margin, right: margin, background: { ...rgb(ground), alpha: 0 } })
      .flatten({ background: rgb(ground) })
      .rotate(rotated ? 180 : 0)
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    lines.push({
      text,
      rotated,
      pixels: new Uint8Array(drawn.data),
      width: drawn.info.width,
      height: drawn.info.height,
    });
  }
  return lines;
}

/** The line as it is read: turned back when it was turned. */
export async function upright(line: TextLine): Promise<TextLine> {
  if (!line.rotated) return line;
  const { width, height } = line;
  const turned = await sharp(line.pixels, { raw: { width, height, channels: 3 } })
    .rotate(180)
    .raw()
    .toBuffer();
  return { ...line, rotated: false, pixels: new Uint8Array(turned) };
}

/** PP-OCR's own preparation: scaled to the height, BGR, (p/255 − 0.5)/0.5, zero to the right of the text. */
export async function lineTensor(line: TextLine, height: number, width: number): Promise<Tensor> {
  const scaled = Math.min(width, Math.ceil((height * line.width) / line.height));
  const { data } = await sharp(line.pixels, { raw: { width: line.width, height: line.height, channels: 3 } })
    .resize(scaled, height, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const values = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < scaled; x++) {
        values[(channel * height + y) * width + x] = (data[(y * scaled + x) * 3 + (2 - channel)]! / 255 - 0.5) / 0.5;
      }
    }
  }
  return float32Tensor([1, 3, height, width], values);
}
