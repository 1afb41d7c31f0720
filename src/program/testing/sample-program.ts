/**
 * A small Program to test with: image → convolution with pooling → two convolutions around a residual addition →
 * a pool and an up-scaling that meet in a free concatenation, and a channel copy. Every kind of layer appears once.
 */

import { sha256Hex } from '../../base/hashing.ts';
import { bytes } from '../../base/units.ts';

import { partView, surfaceGeometry } from '../geometry.ts';
import type { FloatScaleSdp, Layer, Pipeline } from '../layer.ts';
import type { BlobTable, ConstantRef, Program } from '../program.ts';
import type { ElementType, MemoryName, Shape4, Surface, SurfaceFormat } from '../surface.ts';

const none = { top: 0, left: 0, bottom: 0, right: 0 };
const one = { top: 1, left: 1, bottom: 1, right: 1 };
const square = (size: number) => ({ h: size, w: size });

export function sampleProgram(): { readonly program: Program; readonly blobs: BlobTable } {
  const surfaces: Surface[] = [];
  const layers: Layer[] = [];
  const constants: ConstantRef[] = [];
  const blobs = new Map<string, Uint8Array>();
  const next = { managed_sram: 0, local_dram: 0, global_dram: 0, io: 0 };

  const surface = (
    name: string,
    shape: Shape4,
    memory: MemoryName,
    dtype: ElementType = 'int8',
    format: SurfaceFormat = 'chw32',
    scale?: number,
  ): number => {
    const geometry = surfaceGeometry(shape, dtype, format);
    const offset = bytes(memory === 'io' ? 0 : next[memory]);
    next[memory] += Math.ceil(geometry.size / 64) * 64;
    const id = surfaces.length;
    surfaces.push({
      id,
      name,
      shape,
      dtype,
      format,
      ...geometry,
      memory,
      offset,
      ...(scale !== undefined && { scale }),
    });
    return id;
  };
  const view = (name: string, parent: number, channel: number, channels: number): number => {
    const outer = surfaces[parent]!;
    const id = surfaces.length;
    surfaces.push({
      ...outer,
      ...partView(outer, { channel, row: 0 }, [outer.shape[0], channels, outer.shape[2], outer.shape[3]]),
      id,
      name,
      parent,
    });
    return id;
  };
  const constant = (
    name: string,
    shape: Shape4,
    dtype: ElementType,
    format: SurfaceFormat,
    data: Uint8Array,
  ): number => {
    const id = surface(name, shape, 'global_dram', dtype, format);
    const blob = sha256Hex(data);
    blobs.set(blob, data);
    constants.push({ surface: id, blob });
    return id;
  };
  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const sdp = (name: string): FloatScaleSdp<number> => ({
    arithmetic: 'float-scale',
    scale: constant(`${name}:scale`, [1, 1, 1, 1], 'float32', 'vector', floats(0.01)),
    low: 0,
    high: 127,
  });
  const conv = (name: string, input: number, channels: number, size: number, kernel: number) => {
    const [, c] = surfaces[input]!.shape;
    const weights = new Uint8Array(channels * c * kernel * kernel).map((_, index) => (index * 7 + size) % 256);
    return {
      input,
      weights: constant(`${name}:weights`, [channels, c, kernel, kernel], 'int8', 'kcrs', weights),
      bias: constant(`${name}:bias`, [1, channels, 1, 1], 'int32', 'vector', new Uint8Array(4 * channels)),
      kernel: square(kernel),
      stride: square(1),
      dilation: square(1),
      padding: kernel === 3 ? one : none,
      padValue: 0,
      groups: 1,
      transposed: false,
      output: { channels, height: size, width: size },
      sparse: false,
      truncate: 0,
    };
  };
  const layer = (name: string, pipeline: Pipeline<number>, ...after: number[]) => {
    layers.push({ ...pipeline, id: layers.length, name, origin: [name], after });
  };

  const image = surface('image', [1, 3, 8, 8], 'io', 'int8', 'dla_hwc4', 0.02);
  const both = surface('both', [1, 80, 8, 8], 'io', 'int8', 'chw32', 0.1);
  const picked = surface('picked', [1, 16, 8, 8], 'io', 'int8', 'chw32', 0.1);
  const pooled = surface('pooled', [1, 40, 4, 4], 'managed_sram', 'int8', 'chw32', 0.1);
  const inner = surface('inner', [1, 40, 4, 4], 'local_dram', 'int8', 'chw32', 0.05);
  const sum = surface('sum', [1, 40, 4, 4], 'managed_sram', 'int8', 'chw32', 0.1);
  const large = view('large', both, 0, 40);
  const rest = view('rest', both, 64, 16);

  layer('Conv_0', {
    kind: 'conv',
    conv: conv('Conv_0', image, 40, 8, 3),
    sdp: sdp('Conv_0'),
    pdp: { mode: 'max', kernel: square(2), stride: square(2), padding: none, countPadding: false, output: pooled },
  });
  layer(
    'Conv_1',
    { kind: 'conv', conv: conv('Conv_1', pooled, 40, 4, 1), sdp: { ...sdp('Conv_1'), output: inner } },
    0,
  );
  layer(
    'Add_2',
    {
      kind: 'conv',
      conv: conv('Add_2', inner, 40, 4, 3),
      sdp: { ...sdp('Add_2'), operand: { op: 'add', input: pooled, scale: 0.1 }, output: sum },
    },
    0,
    1,
  );
  layer(
    'Resize_3',
    {
      kind: 'resize',
      resize: {
        input: sum,
        mode: 'nearest',
        coordinates: 'asymmetric',
        rounding: 'floor',
        scale: square(2),
        output: large,
      },
    },
    2,
  );
  layer(
    'Copy_4',
    { kind: 'copy', copy: { input: large, inputChannel: 8, outputChannel: 0, channels: 16, output: rest } },
    3,
  );
  layer(
    'Copy_5',
    { kind: 'copy', copy: { input: large, inputChannel: 0, outputChannel: 40, channels: 24, output: both } },
    3,
  );
  layer('Sigmoid_6', { kind: 'sdp', sdp: { ...sdp('Sigmoid_6'), low: -128, input: rest, output: picked } }, 4);

  return {
    program: {
      target: 'orin',
      sram: bytes(65_536),
      surfaces,
      layers,
      inputs: [image],
      outputs: [both, picked],
      constants,
    },
    blobs,
  };
}
