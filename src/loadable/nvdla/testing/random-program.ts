/**
 * Random Programs of the open NVDLA that keep every rule: what a compiler could make, and more. Layers take surfaces that
 * are there, of whatever type; what nobody reads is an output; inner surfaces share memory.
 */

import { float16Bits } from '../../../base/float16.ts';
import { Random } from '../../../base/random.ts';
import { bytes } from '../../../base/units.ts';
import { arrange } from '../../../compile/allocate.ts';
import { plainUnit as plain } from '../../../compile/nvdla/lowering.ts';
import { layerReads } from '../../../program/access.ts';
import { withDependencies } from '../../../program/dependencies.ts';
import { partView, surfaceGeometry } from '../../../program/geometry.ts';
import type {
  BdmaTransfer,
  Conv,
  Convert,
  Extent,
  Layer,
  Lookup,
  Move,
  NvdlaSdp,
  Padding,
  Pdp,
  Pipeline,
  SdpUnit,
} from '../../../program/layer.ts';
import { liveRanges, rootOf } from '../../../program/liveness.ts';
import {
  atomElements,
  type ConvolutionPrecision,
  dataBanks,
  entriesPerSlice,
  kernelGroupOf,
  precisionBytes,
  streamBytes,
  weightBanks,
} from '../../../program/nvdla/convolution-buffer.ts';
import { poolingReciprocals } from '../../../program/nvdla/pooling.ts';
import { type BlobTable, blobTableBuilder, type ConstantRef, type Program } from '../../../program/program.ts';
import type { ElementType, Shape4, Surface, SurfaceFormat } from '../../../program/surface.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';

export interface RandomProgram {
  readonly program: Program;
  readonly blobs: BlobTable;
}

function fill(random: Random, length: number, dtype: ElementType): Uint8Array {
  const data = random.bytes(length);
  if (dtype !== 'float16') return data;
  const view = new DataView(data.buffer);
  for (let at = 0; at + 1 < length; at += 2) {
    view.setUint16(at, float16Bits(random.int(-64, 64) / 2 ** random.int(0, 6)), true);
  }
  return data;
}

type Launch = Pipeline<number> | Move<number>;
type Precision = ConvolutionPrecision;

/** @param layers a step may make two, so that there can be one more */
export function randomProgram(target: NvdlaTarget, seed: number, layers: number): RandomProgram {
  return new Builder(target, new Random(seed)).build(layers);
}

/** Random bytes for every input of a Program, where padding lies too. */
export function randomInputs({ inputs, surfaces }: Program, seed: number): readonly Uint8Array[] {
  const random = new Random(seed);
  return inputs.map((id) => fill(random, surfaces[id]!.size, surfaces[id]!.dtype));
}

class Builder {
  readonly #target: NvdlaTarget;
  readonly #random: Random;
  readonly #surfaces: Surface[] = [];
  readonly #constants: ConstantRef[] = [];
  readonly #blobs = blobTableBuilder();
  readonly #layers: Launch[] = [];
  readonly #inputs: number[] = [];
  /** Features that a layer may read. */
  readonly #values: number[] = [];
  /** Tables that more than one layer may look up. */
  readonly #lookups: Lookup<number>[] = [];

  constructor(target: NvdlaTarget, random: Random) {
    this.#target = target;
    this.#random = random;
  }

  build(most: number): RandomProgram {
    this.#input();
    if (this.#random.chance(0.3)) this.#image();
    while (this.#layers.length < most) this.#step();
    return { program: this.#finish(), blobs: this.#blobs.table() };
  }

  #finish(): Program {
    const layers = this.#layers.map((launch, id): Layer => ({ ...launch, id, name: `l${id}`, origin: [], after: [] }));
    const isRead = new Set(layers.flatMap((layer) => layerReads(layer).map(({ surface }) => this.#root(surface))));
    const outputs = this.#values.filter((id) => !isRead.has(id) && !this.#inputs.includes(id));
    const draft: Program = {
      target: this.#target.name,
      sram: bytes(0),
      surfaces: this.#surfaces.map((surface) =>
        outputs.includes(this.#root(surface.id)) ? { ...surface, memory: 'io' } : surface,
      ),
      layers,
      inputs: this.#inputs,
      outputs,
      constants: this.#constants,
    };
    const ranges = liveRanges(draft);
    const { offsets } = arrange(
      draft.surfaces.flatMap(({ id, memory, parent, size }) =>
        memory === 'local_dram' && parent === undefined
          ? [{ id, size, first: ranges[id]!.first, last: ranges[id]!.last }]
          : [],
      ),
    );
    const placed = draft.surfaces.map((surface) => {
      const base = offsets.get(this.#root(surface.id));
      return base === undefined ? surface : { ...surface, offset: bytes(base + surface.offset) };
    });
    const program = { ...draft, surfaces: placed };
    return { ...program, layers: withDependencies(program) };
  }

  #root(id: number): number {
    return rootOf(this.#surfaces, id);
  }

  #step(): void {
    const { nvdla } = this.#target;
    const steps: readonly (() => void)[] = [
      () => this.#convolve(),
      () => this.#convolve(),
      () => this.#convolveRows(),
      () => this.#point(),
      () => this.#point(),
      () => this.#pool(),
      () => this.#normalize(),
      () => this.#pixels(),
      ...(nvdla.rubik ? [() => this.#replane(), () => this.#contract()] : []),
      ...(nvdla.bdma ? [() => this.#transfer()] : []),
    ];
    this.#random.pick(steps)();
  }

  #surface(
    shape: Shape4,
    dtype: ElementType,
    { format = this.#format(dtype), memory = 'local_dram' }: Partial<Pick<Surface, 'format' | 'memory'>> = {},
  ): number {
    const id = this.#surfaces.length;
    const geometry = surfaceGeometry(shape, dtype, format);
    this.#surfaces.push({ id, name: `s${id}`, shape, dtype, format, memory, offset: bytes(0), ...geometry });
    return id;
  }

  #format(dtype: ElementType): SurfaceFormat {
    const elements = atomElements(this.#target, dtype as Precision);
    return elements === 32 ? 'chw32' : elements === 16 ? 'chw16' : 'chw8';
  }

  #constant(data: Uint8Array, dtype: ElementType, each: number): number {
    const blob = this.#blobs.add(data);
    const id = this.#surface([1, data.length / each, 1, 1], dtype, { format: 'vector', memory: 'global_dram' });
    const end = this.#constants.reduce((most, { surface }) => {
      const { offset, size } = this.#surfaces[surface]!;
      return Math.max(most, offset + size);
    }, 0);
    this.#surfaces[id] = { ...this.#surfaces[id]!, offset: bytes(Math.ceil(end / 64) * 64) };
    this.#constants.push({ surface: id, blob });
    return id;
  }

  #value(shape: Shape4, dtype: ElementType): number {
    const id = this.#surface(shape, dtype);
    this.#values.push(id);
    return id;
  }

  #input(): void {
    const random = this.#random;
    const dtype = random.pick(this.#target.nvdla.precisions);
    const atom = atomElements(this.#target, dtype);
    const shape: Shape4 = [1, random.pick([1, atom - 1, atom, atom + 3, 2 * atom]), random.int(1, 9), random.int(1, 9)];
    const id = this.#surface(shape, dtype, { memory: 'io' });
    this.#inputs.push(id);
    this.#values.push(id);
  }

  #pick(): Surface {
    return this.#surfaces[this.#random.pick(this.#values)]!;
  }

  #convert(): Convert {
    const random = this.#random;
    return { offset: random.int(-100, 100), scale: random.int(-300, 300), shift: random.int(0, 12) };
  }

  /** A type of result, such that atoms of all types hold the same channels. */
  #output(input: Precision, channels: number): Precision {
    if (input === 'float16') return input;
    const whole = (precision: Precision): number => {
      const atom = atomElements(this.#target, precision);
      return Math.ceil(channels / atom) * atom;
    };
    const { precisions } = this.#target.nvdla;
    return this.#random.pick(precisions.filter((type) => type !== 'float16' && whole(type) === whole(input)));
  }

  /** A convolution of some input, over all of it. */
  #conv(input: Surface, window: Window, image?: ConvImage, sharedWeights?: number): Conv<number> {
    const target = this.#target;
    const random = this.#random;
    const precision = input.dtype as Precision;
    const { kernel, stride, dilation, padding, kernels } = window;
    const [, channels, height, width] = input.shape;
    const made = (size: number, pads: number, k: number, d: number, s: number): number =>
      Math.floor((size + pads - (d * (k - 1) + 1)) / s) + 1;
    const bytesOfKernel = channels * kernel.h * kernel.w * precisionBytes(precision);
    const stream = streamBytes(kernels, bytesOfKernel, target);
    const weights =
      sharedWeights ?? this.#constant(fill(random, stream, precision), precision, precisionBytes(precision));
    const slice = { channels, width, padding: padding.left + padding.right, image: image !== undefined };
    const atom = atomElements(target, precision);
    return {
      input: input.id,
      weights,
      kernel,
      stride,
      dilation,
      padding,
      padValue: precision === 'float16' ? 0 : random.int(-128, 127),
      groups: 1,
      transposed: false,
      output: {
        channels: kernels,
        height: made(height, padding.top + padding.bottom, kernel.h, dilation.h, stride.h),
        width: made(width, padding.left + padding.right, kernel.w, dilation.w, stride.w),
      },
      sparse: false,
      truncate: precision === 'float16' ? 0 : random.int(0, 8),
      core: {
        precision,
        kernelGroup: kernelGroupOf(target, precision),
        channelBlock: target.atomic.c,
        accumulatorChannels: Math.ceil(kernels / atom) * atom,
        accumulatorBits: target.nvdla.accumulatorBits,
        cbuf: {
          dataBanks: dataBanks(height, entriesPerSlice(slice, precision, target), target),
          weightBanks: weightBanks(kernels, bytesOfKernel, target),
        },
        ...(image && { image }),
        ...(precision !== 'float16' && random.chance(0.2) && { convert: this.#convert() }),
        reuse: { data: false, weights: false },
        keep: { data: false, weights: false },
      },
    };
  }

  #window([, , height, width]: Shape4, isImage: boolean): Window {
    const random = this.#random;
    const padding = {
      top: random.int(0, 2),
      left: random.int(0, 2),
      bottom: random.int(0, 2),
      right: random.int(0, 2),
    };
    const [rows, columns] = [height + padding.top + padding.bottom, width + padding.left + padding.right];
    const kernel = { h: random.int(1, Math.min(4, rows)), w: random.int(1, Math.min(4, columns)) };
    const dilation = {
      h: kernel.h === 1 ? 1 : random.int(1, Math.max(1, Math.floor((rows - 1) / (kernel.h - 1)))),
      w: kernel.w === 1 || isImage ? 1 : random.int(1, Math.max(1, Math.floor((columns - 1) / (kernel.w - 1)))),
    };
    return {
      kernel,
      stride: { h: random.int(1, 3), w: random.int(1, 3) },
      dilation,
      padding,
      kernels: random.pick([1, 5, 8, 16, 20, 33]),
    };
  }

  #convolve(): void {
    const input = this.#pick();
    const conv = this.#conv(input, this.#window(input.shape, false));
    this.#pointAndPool({ kind: 'conv', conv }, shapeOf(conv), input.dtype as Precision);
  }

  #image(): void {
    const random = this.#random;
    const dtype = random.pick(this.#target.nvdla.precisions.filter((precision) => precision !== 'int16'));
    const channels = random.pick([1, 4]);
    const shape: Shape4 = [1, channels, random.int(2, 8), random.int(2, 8)];
    const id = this.#surface(shape, dtype, { format: 'dla_hwc4', memory: 'io' });
    this.#inputs.push(id);
    const isBytes = dtype === 'int8';
    const image: ConvImage = {
      order: channels === 1 ? [0] : random.pick(isBytes ? byteOrders : byteOrders.slice(0, 2)),
      ...(isBytes && random.chance(0.5) && { unsigned: 8 }),
      ...(isBytes && random.chance(0.5) && { mean: Array.from({ length: channels }, () => random.int(-128, 255)) }),
      rowsPerBlock: random.pick([1, 2] as const),
    };
    const conv = this.#conv(this.#surfaces[id]!, this.#window(shape, true), image);
    this.#pointAndPool({ kind: 'conv', conv }, shapeOf(conv), dtype);
  }

  /** Two launches, each with half of the rows; the second takes the weights that the first left. */
  #convolveRows(): void {
    const input = this.#pick();
    const [n, channels, height, width] = input.shape;
    if (height < 2) return;
    const upper = Math.floor(height / 2);
    const kernels = this.#random.pick([1, 8, 24]);
    const precision = input.dtype as Precision;
    const dtype = this.#output(precision, kernels);
    const output = this.#surfaces[this.#value([n, kernels, height, width], dtype)]!;
    const one = { h: 1, w: 1 };
    const padding = { top: 0, left: 0, bottom: 0, right: 0 };
    let weights: number | undefined;
    let units: Omit<NvdlaSdp<number>, 'output'> | undefined;
    for (const [row, rows] of [
      [0, upper],
      [upper, height - upper],
    ] as const) {
      const part = this.#view(input, row, [n, channels, rows, width]);
      const conv = this.#conv(part, { kernel: one, stride: one, dilation: one, padding, kernels }, undefined, weights);
      const first = weights === undefined;
      weights = conv.weights;
      units ??= this.#units([n, kernels, rows, width], precision, dtype, false);
      const core = { ...conv.core!, reuse: { data: false, weights: !first }, keep: { data: false, weights: first } };
      const sdp = { ...units, output: this.#view(output, row, [n, kernels, rows, width]).id };
      this.#layers.push({ kind: 'conv', conv: { ...conv, core }, sdp });
    }
  }

  #view(parent: Surface, row: number, shape: Shape4): Surface {
    const id = this.#surfaces.length;
    const part = partView(parent, { channel: 0, row }, shape);
    const view: Surface = { ...parent, id, name: `s${id}`, parent: parent.id, ...part };
    this.#surfaces.push(view);
    return view;
  }

  #point(): void {
    const input = this.#pick();
    this.#pointAndPool({ kind: 'sdp', input: input.id }, input.shape, input.dtype as Precision);
  }

  #pointAndPool(
    start: { readonly kind: 'conv'; readonly conv: Conv<number> } | { readonly kind: 'sdp'; readonly input: number },
    shape: Shape4,
    input: Precision,
  ): void {
    const dtype = this.#output(input, shape[1]);
    const units = this.#units(shape, input, dtype, true);
    const window = this.#random.chance(0.3) ? this.#poolWindow(shape, dtype) : undefined;
    const pdp = window && { ...window.pdp, output: this.#value(window.shape, dtype) };
    const sdp = pdp ? units : { ...units, output: this.#value(shape, dtype) };
    const tail = pdp ? { pdp } : {};
    this.#layers.push(
      start.kind === 'conv'
        ? { kind: 'conv', conv: start.conv, sdp, ...tail }
        : { kind: 'sdp', sdp: { ...sdp, input: start.input }, ...tail },
    );
  }

  #units(shape: Shape4, input: Precision, output: Precision, points: boolean): Omit<NvdlaSdp<number>, 'output'> {
    const random = this.#random;
    const { elementwise, lookupTable } = this.#target.nvdla;
    const float = input === 'float16';
    const process = float ? 'float16' : output === 'int8' ? 'int8' : input;
    const unit = (name: 'x1' | 'x2' | 'y') =>
      random.chance(0.6) ? this.#unit(name, shape, process, points) : undefined;
    const [x1, x2] = [unit('x1'), unit('x2')];
    const table = lookupTable && !float && random.chance(0.3);
    const y = table ? ({ ...plain, activation: 'lut' } as const) : elementwise ? unit('y') : undefined;
    return {
      arithmetic: float ? 'nvdla-float16' : 'integer-scale',
      ...(x1 && { x1 }),
      ...(x2 && { x2 }),
      ...(y && { y }),
      convert: float ? { offset: 0, scale: 1, shift: 0 } : this.#convert(),
      ...(table && { lookup: this.#lookup(12) }),
      outputType: output,
    };
  }

  #unit(name: 'x1' | 'x2' | 'y', shape: Shape4, process: Precision, points: boolean): SdpUnit<number> {
    const random = this.#random;
    const isY = name === 'y';
    const float = process === 'float16';
    const algorithms = ['max', 'min', 'sum', ...(isY ? (['equal'] as const) : [])] as const;
    const alu = random.chance(0.7) ? random.pick(algorithms) : undefined;
    const mul = random.chance(0.5) || alu === undefined;
    const use = alu ? (mul ? 'both' : 'alu') : 'mul';
    // A surface of points holds one number for each element.
    const same = this.#values.filter((id) => {
      const surface = this.#surfaces[id]!;
      return use !== 'both' && points && surface.dtype === process && `${surface.shape}` === `${shape}`;
    });
    const source = random.pick(['layer', 'kernel', ...(same.length > 0 ? (['point'] as const) : [])] as const);
    const inRegister = source === 'layer';
    const operand = (): number => {
      if (source === 'point') return random.pick(same);
      const dtype = float ? 'float16' : random.pick(['int8', 'int16'] as const);
      const atom = atomElements(this.#target, process);
      const size = dtype === 'int8' ? 1 : 2;
      const count = Math.ceil(shape[1] / atom) * atom * (use === 'both' ? 2 : 1);
      return this.#constant(fill(this.#random, count * size, dtype), dtype, size);
    };
    const register = (): number => {
      if (float && isY) return new DataView(Float32Array.of(random.int(-50, 50) / 8).buffer).getInt32(0, true);
      return float ? (float16Bits(random.int(-50, 50) / 8) << 16) >> 16 : random.int(-300, 300);
    };
    const prelu = mul && random.chance(0.2);
    return {
      ...plain,
      ...(alu && { alu }),
      mul,
      source,
      ...(!inRegister && { operand: operand(), operandUse: use }),
      aluOperand: inRegister && alu ? register() : 0,
      mulOperand: inRegister && mul ? register() : 0,
      aluShift: isY || float || !alu ? 0 : random.int(0, 6),
      truncate: float ? 0 : random.int(0, 10),
      activation: prelu ? 'prelu' : isY ? 'none' : random.pick(['none', 'relu'] as const),
      ...(isY && !float && !inRegister && alu && random.chance(0.5) && { aluConvert: this.#convert() }),
      ...(isY && !float && !inRegister && mul && random.chance(0.5) && { mulConvert: this.#convert() }),
    };
  }

  /** @param bits of the numbers that are looked up */
  #lookup(bits: number): Lookup<number> {
    const random = this.#random;
    if (this.#lookups.length > 0 && random.chance(0.3)) return random.pick(this.#lookups);
    const slope = () => ({ scale: random.int(-500, 500), shift: random.int(-4, 12) });
    const curve = (count: number) => ({
      entries: this.#constant(fill(this.#random, 2 * count, 'int16'), 'int16', 2),
      underflow: slope(),
      overflow: slope(),
    });
    const priority = () => random.pick(['le', 'lo'] as const);
    const [leExponent, loExponent] = [random.int(0, bits - 6), random.int(0, bits - 8)];
    const start = random.int(-(2 ** (bits - 1)), 0);
    const spacing = random.pick(['exponential', 'linear'] as const);
    const lookup: Lookup<number> = {
      le: { ...curve(65), spacing, exponent: leExponent, start, end: start + 64 * 2 ** leExponent },
      lo: { ...curve(257), exponent: loExponent, start, end: start + 256 * 2 ** loExponent },
      underflowPriority: priority(),
      overflowPriority: priority(),
      hybridPriority: priority(),
    };
    this.#lookups.push(lookup);
    return lookup;
  }

  #poolWindow(
    [n, channels, height, width]: Shape4,
    dtype: Precision,
  ): { readonly pdp: Omit<Pdp<number>, 'output'>; readonly shape: Shape4 } {
    const random = this.#random;
    const kernel = { h: random.int(1, Math.min(4, height)), w: random.int(1, Math.min(4, width)) };
    const stride = { h: random.int(1, 3), w: random.int(1, 3) };
    const mode = random.pick(['max', 'min', 'average'] as const);
    const pads = (k: number): number => random.int(0, k - 1);
    const padding = { top: pads(kernel.h), left: pads(kernel.w), bottom: pads(kernel.h), right: pads(kernel.w) };
    const rows = Math.floor((height + padding.top + padding.bottom - kernel.h) / stride.h) + 1;
    const columns = Math.floor((width + padding.left + padding.right - kernel.w) / stride.w) + 1;
    const float = dtype === 'float16';
    const table = poolingReciprocals(dtype);
    const average = {
      recipWidth: table[kernel.w - 1]!,
      recipHeight: table[kernel.h - 1]!,
      padValues: Array.from({ length: 7 }, () => (float ? 0 : random.int(-50, 50))),
    };
    return {
      pdp: { mode, kernel, stride, padding, countPadding: true, ...(mode === 'average' && { average }) },
      shape: [n, channels, rows, columns],
    };
  }

  #pool(): void {
    const input = this.#pick();
    const { pdp, shape } = this.#poolWindow(input.shape, input.dtype as Precision);
    this.#layers.push({ kind: 'pdp', pdp: { ...pdp, input: input.id, output: this.#value(shape, input.dtype) } });
  }

  #normalize(): void {
    const random = this.#random;
    const input = this.#pick();
    if (input.dtype === 'float16') return;
    this.#layers.push({
      kind: 'cdp',
      cdp: {
        input: input.id,
        localSize: random.pick([3, 5, 7, 9] as const),
        inputConvert: { offset: random.int(-10, 10), scale: random.int(1, 3), shift: random.int(0, 2) },
        outputConvert: this.#convert(),
        bypassSquareSum: random.chance(0.3),
        bypassMultiply: random.chance(0.3),
        lookup: this.#lookup(input.dtype === 'int8' ? 16 : 30),
        output: this.#value(input.shape, input.dtype),
      },
    });
  }

  /** Every row or column twice; or the two halves of an image exchanged. */
  #pixels(): void {
    const input = this.#pick();
    const [n, channels, height, width] = input.shape;
    const atom = atomElements(this.#target, input.dtype as Precision);
    const all = { input: input.id, inputChannel: 0, outputChannel: 0, channels };
    const one = { h: 1, w: 1 };
    if (this.#random.chance(0.5) && width > 1) {
      const output = this.#value(input.shape, input.dtype);
      const left = Math.floor(width / 2);
      for (const [column, columns, to] of [
        [0, left, width - left],
        [left, width - left, 0],
      ] as const) {
        const grids = { from: { row: 0, column, step: one }, to: { row: 0, column: to, step: one } };
        this.#layers.push({ kind: 'pixels', pixels: { ...all, output, ...grids, rows: height, columns } });
      }
      return;
    }
    if (channels > atom || height * atom > 8192) return;
    const step = this.#random.pick([
      { h: 1, w: 2 },
      { h: 2, w: 1 },
    ]);
    const output = this.#value([n, channels, height * step.h, width * step.w], input.dtype);
    for (const phase of [0, 1]) {
      const to = { row: step.h === 2 ? phase : 0, column: step.w === 2 ? phase : 0, step };
      const from = { row: 0, column: 0, step: one };
      this.#layers.push({ kind: 'pixels', pixels: { ...all, output, from, to, rows: height, columns: width } });
    }
  }

  /** Apart into planes and together again. */
  #replane(): void {
    const input = this.#pick();
    const planes = this.#surface(input.shape, input.dtype, { format: 'dla_linear' });
    const stride = { h: 1, w: 1 };
    this.#layers.push({ kind: 'rubik', rubik: { mode: 'split', input: input.id, output: planes, stride } });
    const output = this.#value(input.shape, input.dtype);
    this.#layers.push({ kind: 'rubik', rubik: { mode: 'merge', input: planes, output, stride } });
  }

  #contract(): void {
    const input = this.#pick();
    const [n, channels, height, width] = input.shape;
    if (channels !== 2 * atomElements(this.#target, input.dtype as Precision)) return;
    const stride = this.#random.pick([
      { h: 1, w: 2 },
      { h: 2, w: 1 },
    ]);
    const output = this.#value([n, channels / 2, height * stride.h, width * stride.w], input.dtype);
    this.#layers.push({ kind: 'rubik', rubik: { mode: 'contract', input: input.id, output, stride } });
  }

  #transfer(): void {
    const input = this.#pick();
    const output = this.#value(input.shape, input.dtype);
    const { lineStride, surfaceStride, shape, size } = input;
    const one = (from: number, lines: number): BdmaTransfer<number> => ({
      input: input.id,
      inputOffset: from * lineStride,
      inputLineStride: lineStride,
      inputSurfaceStride: surfaceStride,
      output,
      outputOffset: from * lineStride,
      outputLineStride: lineStride,
      outputSurfaceStride: surfaceStride,
      lineBytes: lineStride,
      lines,
      surfaces: size / surfaceStride,
    });
    const height = shape[2];
    const upper = Math.floor(height / 2);
    const transfers = upper > 0 ? [one(0, upper), one(upper, height - upper)] : [one(0, height)];
    this.#layers.push({ kind: 'bdma', transfers });
  }
}

interface Window {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly dilation: Extent;
  readonly padding: Padding;
  readonly kernels: number;
}

type ConvImage = NonNullable<NonNullable<Conv<number>['core']>['image']>;

const shapeOf = ({ output: { channels, height, width } }: Conv<number>): Shape4 => [1, channels, height, width];

/** Of pixels of four bytes; pixels of float16 have the first two. */
const byteOrders = [
  [0, 1, 2, 3],
  [2, 1, 0, 3],
  [1, 2, 3, 0],
  [3, 2, 1, 0],
] as const;
