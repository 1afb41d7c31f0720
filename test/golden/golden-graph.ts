/**
 * A Program in standard ONNX operators, each step of orin's arithmetic one operator that onnxruntime executes on its own:
 *
 *     convolution   ConvInteger (u8 × u8, zero points 128) → Add int32 → Cast float32 → Mul
 *     deconvolution the same over an input with zeros put between its pixels, kernels turned round
 *     residual      Mul of the other operand → Add (Sub, Mul, Max, Min)
 *     end           PRelu → rounding → Clip → Gather from the table
 *     pooling       MaxPool in float32; averages as ConvInteger with ones → Cast → Mul → rounding → Clip
 *     resize        Resize nearest; linear as integer Gather, Mul and Add → Cast → Mul → rounding → Clip
 *     rounding      Round, which goes half to even; where it went a half towards zero (Sub, Sign, Equal), one away again (Where)
 *
 * It shares nothing with our engines but the Program. Between layers a tensor is a float32 of whole numbers.
 */

import type { Graph } from '../../src/graph/graph.ts';
import type { Conv, Extent, FloatScaleSdp, Layer, Padding, Pdp, Resize } from '../../src/program/layer.ts';
import type { BlobTable, Program } from '../../src/program/program.ts';
import type { Shape4, Surface } from '../../src/program/surface.ts';
import { OnnxBuilder } from './onnx-builder.ts';

export interface GoldenGraph {
  readonly graph: Graph;
  /** Graph input (float32, real numbers) of each input surface. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Graph output (int8) of each surface that holds activations. */
  readonly outputs: ReadonlyMap<string, string>;
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly value: string;
}

export function goldenGraph(program: Program, blobs: BlobTable): GoldenGraph {
  return new Translator(program, blobs).translate();
}

class Translator {
  readonly #program: Program;
  readonly #blobs: BlobTable;
  readonly #b = new OnnxBuilder();
  /** What has been written of each root surface, by channels. */
  readonly #pieces = new Map<number, Piece[]>();

  constructor(program: Program, blobs: BlobTable) {
    this.#program = program;
    this.#blobs = blobs;
  }

  translate(): GoldenGraph {
    const b = this.#b;
    const inputs = new Map<string, string>();
    for (const id of this.#program.inputs) {
      const { name, shape, scale } = this.#surface(id);
      if (scale === undefined) throw new Error(`${name} has no scale`);
      const input = b.input(`in_${id}`, 'float32', shape);
      inputs.set(name, input);
      this.#write(id, this.#finish(b.node('Div', [input, b.float(scale)]), -128, 127));
    }
    for (const layer of this.#program.layers) this.#layer(layer);
    const constants = new Set(this.#program.constants.map(({ surface }) => surface));
    const outputs = new Map<string, string>();
    for (const { id, name, shape } of this.#program.surfaces) {
      if (constants.has(id)) continue;
      const output = b.cast(this.#read(id), 'int8', `out_${id}`);
      b.output(output, 'int8', shape);
      outputs.set(name, output);
    }
    return { graph: b.graph('golden'), inputs, outputs };
  }

  #surface(id: number): Surface {
    return this.#program.surfaces[id]!;
  }

  /** Root surface and the channels of it that a surface is. */
  #span(id: number): { readonly root: number; readonly from: number; readonly to: number } {
    const surface = this.#surface(id);
    if (surface.parent === undefined) return { root: id, from: 0, to: surface.shape[1] };
    const parent = this.#span(surface.parent);
    const step = surface.offset - this.#surface(surface.parent).offset;
    const from = parent.from + (step / surface.surfaceStride) * 32;
    return { root: parent.root, from, to: from + surface.shape[1] };
  }

  #write(id: number, value: string, channel = 0, channels = this.#surface(id).shape[1]): void {
    const { root, from } = this.#span(id);
    const pieces = this.#pieces.get(root) ?? [];
    this.#pieces.set(root, pieces);
    pieces.push({ from: from + channel, to: from + channel + channels, value });
  }

  #read(id: number, channel = 0, channels = this.#surface(id).shape[1]): string {
    const { root, from: start } = this.#span(id);
    const [from, to] = [start + channel, start + channel + channels];
    const pieces = this.#pieces.get(root) ?? [];
    const exact = pieces.find((piece) => piece.from === from && piece.to === to);
    if (exact) return exact.value;
    const outer = pieces.find((piece) => piece.from <= from && to <= piece.to);
    if (outer) return this.#slice(outer.value, 1, from - outer.from, to - outer.from);
    const parts: string[] = [];
    for (let at = from; at < to; ) {
      const piece = pieces.find((candidate) => candidate.from <= at && at < candidate.to);
      if (!piece) throw new Error(`channel ${at} of ${this.#surface(root).name} was never written`);
      const end = Math.min(piece.to, to);
      const whole = piece.from === at && piece.to === end;
      parts.push(whole ? piece.value : this.#slice(piece.value, 1, at - piece.from, end - piece.from));
      at = end;
    }
    return this.#b.node('Concat', parts, { axis: 1 });
  }

  #slice(value: string, axis: number, from: number, to: number): string {
    const b = this.#b;
    return b.node('Slice', [value, b.ints(from), b.ints(to), b.ints(axis)]);
  }

  #blob(id: number): Uint8Array {
    const constant = this.#program.constants.find(({ surface }) => surface === id);
    const data = constant && this.#blobs.get(constant.blob);
    if (!data) throw new Error(`${this.#surface(id).name} is no constant`);
    return data.slice();
  }

  #layer(layer: Layer): void {
    switch (layer.kind) {
      case 'conv':
        this.#point(layer, this.#b.cast(this.#conv(layer.conv), 'float32'), layer.conv.output);
        break;
      case 'sdp': {
        const [, channels, height, width] = this.#surface(layer.sdp.input!).shape;
        this.#point(layer, this.#read(layer.sdp.input!), { channels, height, width });
        break;
      }
      case 'pdp': {
        const { pdp } = layer;
        this.#write(pdp.output, this.#pool(pdp, this.#read(pdp.input!), this.#surface(pdp.input!).shape));
        break;
      }
      case 'resize':
        this.#write(layer.resize.output, this.#resize(layer.resize));
        break;
      case 'copy': {
        const { input, inputChannel, output, outputChannel, channels } = layer.copy;
        this.#write(output, this.#read(input, inputChannel, channels), outputChannel, channels);
        break;
      }
      default:
        throw new Error(`no golden form of ${layer.kind}`);
    }
  }

  /** The integers of a float32 tensor as uint8 with zero point 128. */
  #offset(value: string): string {
    const b = this.#b;
    return b.cast(b.node('Add', [value, b.float(128)]), 'uint8');
  }

  #conv(conv: Conv<number>): string {
    const b = this.#b;
    const { input, weights, bias, kernel, stride, dilation, groups, padding, padValue } = conv;
    const { shape } = this.#surface(weights);
    const data = this.#blob(weights).map((byte) => byte ^ 128);
    let x = this.#offset(this.#read(input));
    let accumulator: string;
    if (conv.transposed) {
      x = this.#spread(x, conv);
      accumulator = this.#convInteger(x, turn(data, shape, groups), {
        kernel,
        stride: { h: 1, w: 1 },
        dilation,
        groups,
      });
    } else {
      let pads = padding;
      if (padValue !== 0) {
        x = this.#pad(x, padding, padValue + 128);
        pads = { top: 0, left: 0, bottom: 0, right: 0 };
      }
      accumulator = this.#convInteger(x, { data, shape }, { kernel, stride, dilation, groups, padding: pads });
    }
    accumulator = this.#crop(accumulator, conv.output.height, conv.output.width);
    if (bias === undefined) return accumulator;
    const biases = new Int32Array(this.#blob(bias).buffer);
    return b.node('Add', [accumulator, b.int32s([1, conv.output.channels, 1, 1], biases)]);
  }

  #convInteger(
    x: string,
    weights: { readonly data: Uint8Array; readonly shape: readonly number[] },
    how: { kernel: Extent; stride: Extent; dilation: Extent; groups: number; padding?: Padding },
  ): string {
    const b = this.#b;
    const { kernel, stride, dilation, groups, padding = { top: 0, left: 0, bottom: 0, right: 0 } } = how;
    const w = b.constant({ dtype: 'uint8', shape: weights.shape, bytes: weights.data });
    return b.node('ConvInteger', [x, w, b.uint8(128), b.uint8(128)], {
      kernel_shape: [kernel.h, kernel.w],
      strides: [stride.h, stride.w],
      dilations: [dilation.h, dilation.w],
      group: groups,
      pads: [padding.top, padding.left, padding.bottom, padding.right],
    });
  }

  #pad(x: string, { top, left, bottom, right }: Padding, value: number): string {
    const b = this.#b;
    return b.node('Pad', [x, b.ints(0, 0, top, left, 0, 0, bottom, right), b.uint8(value)], { mode: 'constant' });
  }

  /** The first rows and columns of a tensor that may have more. */
  #crop(value: string, height: number, width: number): string {
    return this.#slice(this.#slice(value, 2, 0, height), 3, 0, width);
  }

  /** The input of a deconvolution with stride − 1 zeros between pixels and the border that makes it a convolution. */
  #spread(x: string, { input, kernel, stride, dilation, padding, output }: Conv<number>): string {
    const b = this.#b;
    const [n, c, h, w] = this.#surface(input).shape;
    let value = b.node('Reshape', [x, b.ints(n, c, h, 1, w, 1)]);
    const after = b.ints(0, 0, 0, 0, 0, 0, 0, 0, 0, stride.h - 1, 0, stride.w - 1);
    value = b.node('Pad', [value, after, b.uint8(128)], { mode: 'constant' });
    value = b.node('Reshape', [value, b.ints(n, c, h * stride.h, w * stride.w)]);
    const reach = { h: dilation.h * (kernel.h - 1), w: dilation.w * (kernel.w - 1) };
    const border = {
      top: reach.h - padding.top,
      left: reach.w - padding.left,
      bottom: Math.max(0, output.height + padding.top - h * stride.h),
      right: Math.max(0, output.width + padding.left - w * stride.w),
    };
    return this.#pad(value, border, 128);
  }

  #point(
    layer: Extract<Layer, { kind: 'conv' | 'sdp' }>,
    value: string,
    { channels, height, width }: { channels: number; height: number; width: number },
  ): void {
    const { sdp, pdp } = layer;
    if (sdp.arithmetic !== 'float-scale') throw new Error('integer-scale layers have no golden form');
    const result = this.#sdp(sdp, value, channels);
    if (pdp) {
      const batch = this.#surface(pdp.output).shape[0];
      this.#write(pdp.output, this.#pool(pdp, result, [batch, channels, height, width]));
    } else this.#write(sdp.output!, result);
  }

  #vector(id: number, channels: number): string {
    const values = new Float32Array(this.#blob(id).buffer);
    return this.#b.floats(values.length === 1 ? [1, 1, 1, 1] : [1, channels, 1, 1], values);
  }

  #sdp(sdp: FloatScaleSdp<number>, value: string, channels: number): string {
    const b = this.#b;
    let t = b.node('Mul', [value, this.#vector(sdp.scale, channels)]);
    if (sdp.shift !== undefined) t = b.node('Add', [t, this.#vector(sdp.shift, channels)]);
    if (sdp.operand) {
      const other = b.node('Mul', [this.#read(sdp.operand.input), b.float(sdp.operand.scale)]);
      const op = { add: 'Add', sub: 'Sub', mul: 'Mul', max: 'Max', min: 'Min' }[sdp.operand.op];
      t = b.node(op, [t, other]);
    }
    if (sdp.slope !== undefined) {
      const below = b.node('Less', [t, b.float(0)]);
      t = b.node('Where', [below, b.node('Mul', [t, this.#vector(sdp.slope, channels)]), t]);
    }
    const q = this.#finish(t, sdp.low, sdp.high);
    if (sdp.lut === undefined) return q;
    const table = b.floats([256], new Int8Array(this.#blob(sdp.lut).buffer));
    return b.node('Gather', [table, b.cast(b.node('Add', [q, b.float(128)]), 'int64')], { axis: 0 });
  }

  #finish(value: string, low: number, high: number): string {
    const b = this.#b;
    return b.node('Clip', [this.#round(value), b.float(low), b.float(high)]);
  }

  /** Half away from zero. The difference to the nearest integer is exact in float32. */
  #round(value: string): string {
    const b = this.#b;
    const even = b.node('Round', [value]);
    const sign = b.node('Sign', [value]);
    const beyond = b.node('Mul', [b.node('Sub', [value, even]), sign]);
    const short = b.node('Equal', [beyond, b.float(0.5)]);
    return b.node('Where', [short, b.node('Add', [even, sign]), even]);
  }

  #pool(pdp: Pdp<number>, value: string, input: Shape4): string {
    const b = this.#b;
    const { kernel, stride, padding } = pdp;
    const [, channels, height, width] = input;
    const [, , outHeight, outWidth] = this.#surface(pdp.output).shape;
    // What the last window needs, whatever the network wrote: a window may reach beyond the padding (ceil mode).
    const pads = {
      top: padding.top,
      left: padding.left,
      bottom: Math.max(0, (outHeight - 1) * stride.h + kernel.h - height - padding.top),
      right: Math.max(0, (outWidth - 1) * stride.w + kernel.w - width - padding.left),
    };
    if (pdp.mode !== 'average') {
      const attributes = {
        kernel_shape: [kernel.h, kernel.w],
        strides: [stride.h, stride.w],
        pads: [pads.top, pads.left, pads.bottom, pads.right],
      };
      const source = pdp.mode === 'min' ? b.node('Neg', [value]) : value;
      const pooled = this.#crop(b.node('MaxPool', [source], attributes), outHeight, outWidth);
      return pdp.mode === 'min' ? b.node('Neg', [pooled]) : pooled;
    }
    const ones = {
      data: new Uint8Array(channels * kernel.h * kernel.w).fill(129),
      shape: [channels, 1, kernel.h, kernel.w],
    };
    const how = { kernel, stride, dilation: { h: 1, w: 1 }, groups: channels, padding: pads };
    const sum = this.#crop(this.#convInteger(this.#offset(value), ones, how), outHeight, outWidth);
    const counted = (out: number, size: number, taps: number, step: number, before: number): number[] =>
      Array.from({ length: out }, (_, i) =>
        pdp.countPadding ? taps : Math.min(i * step - before + taps, size) - Math.max(i * step - before, 0),
      );
    const rows = counted(outHeight, height, kernel.h, stride.h, padding.top);
    const columns = counted(outWidth, width, kernel.w, stride.w, padding.left);
    const factors = rows.flatMap((row) => columns.map((column) => 1 / (row * column)));
    const scaled = b.node('Mul', [b.cast(sum, 'float32'), b.floats([1, 1, outHeight, outWidth], factors)]);
    return this.#finish(scaled, -128, 127);
  }

  #resize(resize: Resize<number>): string {
    const b = this.#b;
    const { scale } = resize;
    const value = this.#read(resize.input);
    if (resize.mode === 'nearest') {
      const { rounding, coordinates } = resize;
      const nearest = { floor: 'floor', half_down: 'round_prefer_floor', half_up: 'round_prefer_ceil' }[rounding];
      return b.node('Resize', [value, '', b.floats([4], [1, 1, scale.h, scale.w])], {
        mode: 'nearest',
        coordinate_transformation_mode: coordinates,
        nearest_mode: nearest,
      });
    }
    const [, , height, width] = this.#surface(resize.input).shape;
    const rows = this.#blend(b.cast(value, 'int32'), 2, height, scale.h);
    const sums = this.#blend(rows, 3, width, scale.w);
    return this.#finish(b.node('Mul', [b.cast(sums, 'float32'), b.float(resize.factor)]), -128, 127);
  }

  /** Linear interpolation along an axis times 2·scale, in integers. */
  #blend(value: string, axis: 2 | 3, size: number, scale: number): string {
    const b = this.#b;
    const positions = Array.from({ length: size * scale }, (_, i) => (i + 0.5) / scale - 0.5);
    const take = (index: (position: number) => number, weight: (position: number) => number): string => {
      const indices = positions.map((position) => Math.min(Math.max(index(position), 0), size - 1));
      const weights = positions.map((position) => Math.round(weight(position) * 2 * scale));
      const shape = axis === 2 ? [1, 1, weights.length, 1] : [1, 1, 1, weights.length];
      const taken = b.node('Gather', [value, b.ints(...indices)], { axis });
      return b.node('Mul', [taken, b.int32s(shape, weights)]);
    };
    const rest = (position: number) => position - Math.floor(position);
    return b.node('Add', [
      take(Math.floor, (position) => 1 - rest(position)),
      take((position) => Math.floor(position) + 1, rest),
    ]);
  }
}

/** Deconvolution weights [C, K/G, R, S] as those of the convolution over the spread input: [K, C/G, R, S], turned round. */
function turn(data: Uint8Array, [c, kg, r, s]: Shape4, groups: number): { data: Uint8Array; shape: Shape4 } {
  const cg = c / groups;
  const shape: Shape4 = [kg * groups, cg, r, s];
  const out = new Uint8Array(data.length);
  for (let k = 0; k < shape[0]; k++) {
    const group = Math.floor(k / kg);
    for (let i = 0; i < cg; i++) {
      for (let tap = 0; tap < r * s; tap++) {
        out[(k * cg + i) * r * s + tap] = data[((group * cg + i) * kg + (k % kg)) * r * s + (r * s - 1 - tap)]!;
      }
    }
  }
  return { data: out, shape };
}
