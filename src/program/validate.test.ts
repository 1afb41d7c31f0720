import { describe, expect, it } from 'vitest';
import { bytes } from '../base/units.ts';
import { orin } from '../targets/orin.ts';
import type { Layer } from './layer.ts';
import type { Program } from './program.ts';
import type { Surface } from './surface.ts';
import { problemOf } from './testing/problem-of.ts';
import { sampleProgram } from './testing/sample-program.ts';
import { validateProgram } from './validate.ts';

const { program, blobs } = sampleProgram();
const named = (name: string): Surface => program.surfaces.find((surface) => surface.name === name)!;

const withSurface = (name: string, change: Partial<Record<keyof Surface, unknown>>): Program => ({
  ...program,
  surfaces: program.surfaces.map((surface) =>
    surface.name === name ? ({ ...surface, ...change } as Surface) : surface,
  ),
});

/** Changes a layer deep down: `withLayer('Conv_0', 'conv.stride.h', 2)`; undefined removes the field. */
const withLayer = (name: string, path: string, value: unknown): Program => ({
  ...program,
  layers: program.layers.map((layer) =>
    layer.name === name ? (replace(layer, path.split('.'), value) as Layer) : layer,
  ),
});

function replace(object: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy: Record<string, unknown> = { ...(object as Record<string, unknown>) };
  const changed = replace(copy[key], rest, value);
  if (changed === undefined) delete copy[key];
  else copy[key] = changed;
  return copy;
}

const refusal = (broken: Program) => {
  const { code, message, place, expected, actual } = problemOf(() => validateProgram(broken, blobs, orin));
  expect(code).toBe('program/invalid');
  return { message, at: place.layer ?? place.value, expected, actual };
};

it('accepts the sample program', () => {
  validateProgram(program);
  validateProgram(program, blobs, orin);
});

describe('surfaces', () => {
  it.each([
    ['pooled', { id: 99 }, "a surface's id is not its index"],
    ['pooled', { name: 'sum' }, 'two surfaces have the same name'],
    ['pooled', { name: '' }, "a surface's name is empty or too long"],
    ['pooled', { shape: [1, 40, 0, 4] }, 'a shape needs four dimensions of at least 1'],
    ['pooled', { shape: [1, 40, 4.5, 4] }, 'a shape needs four dimensions of at least 1'],
    ['pooled', { dtype: 'float16' }, 'chw32 does not hold float16'],
    ['pooled', { lineStride: 64 }, 'lineStride does not fit the shape'],
    ['pooled', { lineStride: 129 }, 'lineStride does not fit the shape'],
    ['pooled', { surfaceStride: 256 }, 'surfaceStride does not fit the shape'],
    ['pooled', { batchStride: 512 }, 'batchStride does not fit the shape'],
    ['pooled', { size: 1056 }, 'the size does not fit the strides'],
    ['pooled', { size: Number.NaN }, 'size is no number of bytes'],
    ['pooled', { offset: -64 }, 'offset is no number of bytes'],
    ['pooled', { offset: 32 }, 'the offset is not aligned'],
    ['pooled', { offset: 65_536 - 960 }, 'the surface leaves managed_sram'],
    ['pooled', { scale: 0 }, 'a scale is not positive and finite'],
    ['pooled', { scale: Number.POSITIVE_INFINITY }, 'a scale is not positive and finite'],
    ['pooled', { memory: 'io', offset: 0 }, 'an io surface is neither input nor output of the task'],
    ['pooled', { memory: 'global_dram', offset: 1 << 20 }, 'a surface in global_dram has no constant'],
    ['image', { offset: 64 }, 'an io surface starts its buffer'],
    ['image', { memory: 'local_dram' }, 'dla_hwc4 is a format of inputs'],
    ['image', { shape: [1, 2, 8, 8] }, 'dla_hwc4 has 1, 3 or 4 channels'],
    ['image', { lineStride: 32 }, 'lineStride does not fit the shape'],
    ['Conv_1:weights', { memory: 'local_dram' }, 'a kcrs surface is a constant'],
    ['Conv_1:bias', { shape: [1, 20, 2, 1] }, 'a vector has the shape 1×elements×1×1'],
    ['rest', { offset: bytes(32) }, 'a view does not lie on whole atoms inside its parent'],
    ['rest', { offset: bytes(32 * 64 * 3) }, 'a view does not lie on whole atoms inside its parent'],
    ['rest', { shape: [1, 24, 8, 8] }, 'a view does not lie on whole atoms inside its parent'],
    ['rest', { parent: 1000 }, 'the parent is no surface'],
    ['rest', { parent: named('rest').id }, 'views are nested too deep or in a circle'],
    ['rest', { memory: 'local_dram' }, 'a view has another memory than its parent'],
  ])('%s with %j: %s', (name, change, message) => {
    expect(refusal(withSurface(name, change)).message).toBe(message);
  });

  it('names the value, what was expected and what was found', () => {
    expect(refusal(withSurface('pooled', { lineStride: 64 }))).toEqual({
      message: 'lineStride does not fit the shape',
      at: 'pooled',
      expected: 'a multiple of 32 of at least 128',
      actual: '64',
    });
  });
});

describe('layers', () => {
  it.each([
    ['Conv_0', 'id', 5, "a layer's id is not its index"],
    ['Conv_0', 'name', 'Conv_1', 'two layers have the same name'],
    ['Conv_0', 'conv.input', 1000, 'conv.input is no surface'],
    ['Conv_0', 'conv.input', named('Conv_0:bias').id, 'conv.input is not a feature surface'],
    ['Conv_0', 'conv.stride.h', 2, 'conv.output does not fit along h'],
    ['Conv_0', 'conv.stride.h', 0, 'conv.stride.h is out of range'],
    ['Conv_0', 'conv.dilation.w', 2, 'conv.output does not fit along w'],
    ['Conv_0', 'conv.padding.left', -1, 'conv.padding.left is out of range'],
    ['Conv_0', 'conv.padding.left', 2, 'conv.output does not fit along w'],
    ['Conv_0', 'conv.groups', 2, 'the channels do not divide into groups'],
    ['Conv_0', 'conv.padValue', 200, 'conv.padValue is out of range'],
    ['Conv_0', 'conv.weights', named('Conv_1:weights').id, 'the shape of conv.weights does not fit'],
    ['Conv_0', 'conv.weights', named('Conv_1:bias').id, 'conv.weights has another format'],
    ['Conv_0', 'conv.bias', named('Conv_1:weights').id, 'conv.bias does not fit'],
    ['Conv_0', 'conv.sparse', true, 'the weights of kernel 0 are not 2:4 sparse at channel 0'],
    ['Conv_0', 'conv.output.channels', 80, 'the shape of conv.weights does not fit'],
    ['Conv_0', 'sdp.input', 1, 'the SDP of a convolution has no input'],
    ['Conv_0', 'sdp.output', named('pooled').id, 'a PDP after an SDP takes its data without a surface between them'],
    ['Conv_0', 'sdp.low', 128, 'sdp.low is out of range'],
    ['Conv_0', 'sdp.high', -1, 'sdp.high is out of range'],
    ['Conv_0', 'sdp.scale', named('Conv_0:bias').id, 'sdp.scale does not fit'],
    ['Conv_0', 'sdp.lut', named('Conv_0:bias').id, 'sdp.lut does not fit'],
    ['Conv_0', 'pdp.kernel.w', 3, 'the shape of pdp.output does not fit'],
    ['Conv_0', 'pdp.kernel.w', 9, 'pdp.kernel is larger than the padded input'],
    ['Conv_0', 'pdp.padding.top', 2, 'pdp.padding leaves windows without a pixel'],
    ['Conv_0', 'pdp.output', named('image').id, 'pdp.output cannot be written as dla_hwc4'],
    ['Conv_1', 'sdp.output', undefined, 'the pipeline writes nothing'],
    ['Add_2', 'sdp.operand.input', named('both').id, 'the shape of sdp.operand does not fit'],
    ['Add_2', 'sdp.operand.input', named('image').id, 'only a convolution reads dla_hwc4'],
    ['Add_2', 'sdp.operand.scale', Number.NaN, 'sdp.operand.scale is not finite'],
    ['Resize_3', 'resize.scale.h', 3, 'the shape of resize.output does not fit'],
    ['Resize_3', 'resize.input', named('inner').id, 'the scale changes'],
    ['Copy_4', 'copy.inputChannel', 32, 'copy.inputChannel is out of range'],
    ['Copy_4', 'copy.channels', 0, 'copy.channels is out of range'],
    ['Sigmoid_6', 'sdp.input', undefined, 'an SDP that starts a pipeline has an input'],
    ['Sigmoid_6', 'sdp.input', named('large').id, 'the shape of sdp.output does not fit'],
  ])('%s with %s = %j: %s', (name, path, value, message) => {
    expect(refusal(withLayer(name, path, value)).message).toBe(message);
  });
});

describe('data', () => {
  it.each([
    ['Add_2', 'after', [0], "conv.input is read before it is written: the writer is not in 'after'"],
    ['Add_2', 'after', [1], undefined],
    ['Sigmoid_6', 'after', [3], "sdp.input is read before it is written: the writer is not in 'after'"],
    ['Add_2', 'after', [1, 0], "'after' is not a rising list of earlier layers"],
    ['Add_2', 'after', [0, 2], "'after' is not a rising list of earlier layers"],
    ['Copy_5', 'after', [], 'two layers write the same atom and neither comes after the other'],
    ['Copy_4', 'after', [], "copy.input is read before it is written: the writer is not in 'after'"],
    ['Copy_5', 'copy.outputChannel', 39, 'the same channels are written twice'],
    ['Copy_5', 'copy.outputChannel', 41, 'the same channels are written twice'],
    ['Copy_5', 'copy.channels', 23, 'an output is not completely written'],
    ['Conv_1', 'sdp.output', named('sum').id, 'the same channels are written twice'],
    [
      'Sigmoid_6',
      'sdp.input',
      named('picked').id,
      "sdp.input is read before it is written: the writer is not in 'after'",
    ],
  ])('%s with %s = %j: %s', (name, path, value, message) => {
    const changed = withLayer(name, path, value);
    if (message === undefined) validateProgram(changed, blobs, orin);
    else expect(refusal(changed).message).toBe(message);
  });

  it('refuses an output of which a part is missing', () => {
    const layers = program.layers.filter(({ name }) => name !== 'Copy_5').map((layer, id) => ({ ...layer, id }));
    const moved = layers.map((layer) => ({ ...layer, after: layer.after.filter((id) => id < layer.id) }));
    expect(refusal({ ...program, layers: moved })).toEqual({
      message: 'an output is not completely written',
      at: 'both',
      expected: '5120 elements',
      actual: '3584',
    });
  });

  it('refuses a layer that writes an input', () => {
    const { inputs } = program;
    expect(refusal({ ...program, inputs: [...inputs, named('picked').id], outputs: [named('both').id] }).message).toBe(
      'a layer writes a constant or an input',
    );
  });
});

describe('memory', () => {
  it('refuses surfaces that overlap while both are live, and lets them follow one another', () => {
    expect(refusal(withSurface('sum', { offset: named('pooled').offset })).message).toBe(
      'two surfaces overlap in managed_sram while both are live',
    );
    const later = withLayer('Add_2', 'sdp.operand', undefined);
    const reuse: Program = {
      ...later,
      surfaces: later.surfaces.map((surface) =>
        surface.name === 'sum' ? { ...surface, offset: named('pooled').offset } : surface,
      ),
    };
    validateProgram(reuse, blobs, orin);
  });

  it('lets constants share a place only when they are the same bytes', () => {
    const at = (name: string) => ({ offset: named(name).offset });
    validateProgram(withSurface('Conv_1:scale', at('Conv_0:scale')), blobs, orin);
    expect(named('Conv_1:scale').offset).not.toBe(named('Conv_0:scale').offset);
    expect(refusal(withSurface('Conv_1:scale', at('Conv_0:bias'))).message).toBe(
      'two surfaces overlap in global_dram while both are live',
    );
  });

  it('refuses constants without bytes, or with too few', () => {
    const [first] = program.constants;
    const fewer = new Map(blobs);
    fewer.delete(first!.blob);
    expect(problemOf(() => validateProgram(program, fewer)).message).toBe('the bytes of a constant are missing');
    const shorter = new Map(blobs).set(first!.blob, new Uint8Array(3));
    expect(problemOf(() => validateProgram(program, shorter)).message).toBe(
      'a constant has another number of bytes than its surface',
    );
  });

  it('refuses more SRAM than the target has, and other targets', () => {
    expect(refusal({ ...program, sram: bytes(2 ** 21) }).message).toBe('more SRAM than the target has');
    expect(refusal({ ...program, target: 'xavier' }).message).toBe('the target differs');
  });
});
