/**
 * Networks written down as the hardware layers a compiler would make of them, to hold the model against published throughputs without a
 * compiler: convolution with bias and activation, residual addition and first pooling as one layer. Constants have keys
 * and no bytes.
 */

import { bytes } from '../../base/units.ts';
import { withDependencies } from '../../program/dependencies.ts';
import { surfaceGeometry } from '../../program/geometry.ts';
import type { Extent, Layer, Padding, Pdp, Pipeline } from '../../program/layer.ts';
import { liveRanges } from '../../program/liveness.ts';
import type { ConstantRef, Plan, Program } from '../../program/program.ts';
import type { ElementType, Shape4, Surface, SurfaceFormat } from '../../program/surface.ts';
import { chooseResident } from '../orin/residency.ts';

export interface ConvOptions {
  readonly stride?: number;
  /** On every side, or per side. */
  readonly padding?: number | Padding;
  readonly groups?: number;
  readonly residual?: number;
  /** Max pooling in the same launch. */
  readonly pool?: { readonly kernel: number; readonly stride: number; readonly padding: number };
}

const square = (size: number): Extent => ({ h: size, w: size });
const around = (size: number): Padding => ({ top: size, left: size, bottom: size, right: size });
const align = (size: number): number => Math.ceil(size / 64) * 64;

export class NetworkProgram {
  readonly #batch: number;
  readonly #sparse: boolean;
  readonly #surfaces: Surface[] = [];
  readonly #layers: Layer[] = [];
  readonly #constants: ConstantRef[] = [];
  readonly #inputs: number[] = [];
  #constantBytes = 0;

  constructor(batch: number, sparse = false) {
    this.#batch = batch;
    this.#sparse = sparse;
  }

  shape(id: number): Shape4 {
    return this.#surfaces[id]!.shape;
  }

  image(height: number, width: number): number {
    const id = this.#add('image', [this.#batch, 3, height, width], 'int8', 'dla_hwc4', 'io', 0);
    this.#inputs.push(id);
    return id;
  }

  conv(input: number, channels: number, kernel: number, options: ConvOptions = {}): number {
    const { stride = 1, groups = 1, residual, pool } = options;
    const padding = typeof options.padding === 'object' ? options.padding : around(options.padding ?? 0);
    const name = `Conv_${this.#layers.length}`;
    const [n, c, h, w] = this.shape(input);
    const height = Math.floor((h + padding.top + padding.bottom - kernel) / stride) + 1;
    const width = Math.floor((w + padding.left + padding.right - kernel) / stride) + 1;
    const conv = {
      input,
      weights: this.#constant(`${name}:weights`, [channels, c / groups, kernel, kernel], 'int8', 'kcrs'),
      bias: this.#constant(`${name}:bias`, [1, channels, 1, 1], 'int32', 'vector'),
      kernel: square(kernel),
      stride: square(stride),
      dilation: square(1),
      padding,
      padValue: 0,
      groups,
      transposed: false,
      output: { channels, height, width },
      sparse: this.#sparse && groups === 1,
      truncate: 0,
    };
    const sdp = {
      arithmetic: 'float-scale' as const,
      scale: this.#constant(`${name}:scale`, [1, channels, 1, 1], 'float32', 'vector'),
      ...(residual !== undefined && { operand: { op: 'add' as const, input: residual, scale: 1 } }),
      low: 0,
      high: 127,
    };
    if (pool === undefined) {
      const output = this.#feature(name, [n, channels, height, width]);
      this.#layer(name, { kind: 'conv', conv, sdp: { ...sdp, output } });
      return output;
    }
    const pooled = (size: number) => Math.floor((size + 2 * pool.padding - pool.kernel) / pool.stride) + 1;
    const output = this.#feature(name, [n, channels, pooled(height), pooled(width)]);
    const pdp: Pdp<number> = {
      mode: 'max',
      kernel: square(pool.kernel),
      stride: square(pool.stride),
      padding: around(pool.padding),
      countPadding: false,
      output,
    };
    this.#layer(name, { kind: 'conv', conv, sdp, pdp });
    return output;
  }

  /** Max pooling in a launch of its own. */
  maxPool(input: number, { kernel, stride, padding }: NonNullable<ConvOptions['pool']>): number {
    const name = `Pool_${this.#layers.length}`;
    const [n, c, h, w] = this.shape(input);
    const pooled = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
    const output = this.#feature(name, [n, c, pooled(h), pooled(w)]);
    const window = {
      kernel: square(kernel),
      stride: square(stride),
      padding: around(padding),
      countPadding: false,
    };
    this.#layer(name, { kind: 'pdp', pdp: { input, mode: 'max', ...window, output } });
    return output;
  }

  globalAveragePool(input: number): number {
    const name = `Pool_${this.#layers.length}`;
    const [n, c, h, w] = this.shape(input);
    const output = this.#feature(name, [n, c, 1, 1]);
    const window = { kernel: { h, w }, stride: square(1), padding: around(0), countPadding: false };
    this.#layer(name, { kind: 'pdp', pdp: { input, mode: 'average', ...window, output } });
    return output;
  }

  upsample(input: number, scale: number): number {
    const name = `Resize_${this.#layers.length}`;
    const [n, c, h, w] = this.shape(input);
    const output = this.#feature(name, [n, c, h * scale, w * scale]);
    const resize = { input, mode: 'nearest' as const, coordinates: 'asymmetric' as const, rounding: 'floor' as const };
    this.#layer(name, { kind: 'resize', resize: { ...resize, scale: square(scale), output } });
    return output;
  }

  /** The Program with its memory planned: whole tensors in SRAM as the model assumes and as there are gaps, the rest one after another in DRAM. */
  program(outputs: readonly number[], sram: number): Program {
    const program: Program = {
      target: 'orin',
      sram: bytes(sram),
      surfaces: this.#surfaces,
      layers: this.#layers,
      inputs: this.#inputs,
      outputs,
      constants: this.#constants,
    };
    const ranges = liveRanges(program);
    const intervals = this.#surfaces
      .filter(({ id, memory }) => memory === 'local_dram' && !outputs.includes(id))
      .map(({ id, size }) => ({ id, size, ...ranges[id]! }));
    const resident = chooseResident(intervals, sram);
    const placed: { start: number; end: number; first: number; last: number }[] = [];
    const offsets = new Map<number, number>();
    for (const { id, size, first, last } of intervals
      .filter(({ id }) => resident.has(id))
      .toSorted((a, b) => b.size - a.size)) {
      const together = placed
        .filter((other) => other.first <= last && first <= other.last)
        .sort((a, b) => a.start - b.start);
      let start = 0;
      for (const other of together) if (other.start < start + size) start = Math.max(start, align(other.end));
      if (start + size > sram) continue;
      placed.push({ start, end: start + size, first, last });
      offsets.set(id, start);
    }
    let dram = 0;
    const surfaces = this.#surfaces.map((surface): Surface => {
      if (outputs.includes(surface.id)) return { ...surface, memory: 'io' };
      const offset = offsets.get(surface.id);
      if (offset !== undefined) return { ...surface, memory: 'managed_sram', offset: bytes(offset) };
      if (surface.memory !== 'local_dram') return surface;
      const at = dram;
      dram += align(surface.size);
      return { ...surface, offset: bytes(at) };
    });
    const placedProgram = { ...program, surfaces };
    return { ...placedProgram, layers: withDependencies(placedProgram) };
  }

  #add(
    name: string,
    shape: Shape4,
    dtype: ElementType,
    format: SurfaceFormat,
    memory: Surface['memory'],
    offset: number,
  ): number {
    const id = this.#surfaces.length;
    const geometry = surfaceGeometry(shape, dtype, format);
    this.#surfaces.push({ id, name, shape, dtype, format, ...geometry, memory, offset: bytes(offset) });
    return id;
  }

  #feature(name: string, shape: Shape4): number {
    return this.#add(`${name}:out`, shape, 'int8', 'chw32', 'local_dram', 0);
  }

  #constant(name: string, shape: Shape4, dtype: ElementType, format: SurfaceFormat): number {
    const id = this.#add(name, shape, dtype, format, 'global_dram', this.#constantBytes);
    this.#constantBytes += align(this.#surfaces[id]!.size);
    this.#constants.push({ surface: id, blob: id.toString(16).padStart(64, '0') });
    return id;
  }

  #layer(name: string, pipeline: Pipeline<number>): void {
    this.#layers.push({ ...pipeline, id: this.#layers.length, name, origin: [name], after: [] });
  }
}

/** A Plan of one DLA task around a Program. */
export function planOf(network: string, program: Program, batch: number): Plan {
  const crossing = (ids: readonly number[]) =>
    ids.map((id) => ({ name: program.surfaces[id]!.name, shape: program.surfaces[id]!.shape, dtype: 'int8' as const }));
  const [inputs, outputs] = [crossing(program.inputs), crossing(program.outputs)];
  return {
    network,
    target: program.target,
    release: 'JetPack 5.1.1',
    batch,
    ranges: 'dummy',
    tensors: [...inputs, ...outputs],
    inputs: inputs.map(({ name }) => name),
    outputs: outputs.map(({ name }) => name),
    segments: [{ kind: 'dla', name: `{ForeignNode[${network}]}`, program }],
  };
}
