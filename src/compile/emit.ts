/**
 * The last passes of a DLA segment: constants, layers, memory, dependencies; out comes a Program that the validator has seen.
 *
 * Memory: inputs and outputs of the segment are bound by the application. Of the others, those that are read again soonest for their
 * size stay in the SRAM (estimate/residency.ts); what the SRAM has no place for, and everything else, lies in local DRAM. Constants
 * lie one after the other in global DRAM, equal ones once.
 */

import { chooseResident } from '../estimate/residency.ts';
import { fail } from '../graph/errors.ts';
import { type Bytes, bytes } from '../graph/units.ts';
import type { BlobTableBuilder } from '../program/blobs.ts';
import { channelView, rowAlignment, surfaceGeometry } from '../program/geometry.ts';
import type { FloatScaleSdp, Layer, Pipeline } from '../program/layer.ts';
import { liveRanges } from '../program/liveness.ts';
import type { ConstantRef, Program } from '../program/program.ts';
import type { ElementType, MemoryName, Shape4, Surface, SurfaceFormat } from '../program/surface.ts';
import { validateProgram } from '../program/validate.ts';
import type { Target } from '../targets/target.ts';
import { alignment, arrange, arrangeWithin } from './allocate.ts';
import type { ConvOperation, Point } from './operation.ts';
import type { PlacedOperation, Placement, SurfaceDraft } from './place.ts';
import { type QuantisedPoint, quantiseKernels, quantisePoint } from './quantise.ts';
import { schedule } from './schedule.ts';
import { runsSparse } from './sparse.ts';

/** Of one segment; the pools of TensorRT (facts 1.5). */
const poolLimits: Readonly<Record<'local_dram' | 'global_dram', number>> = {
  local_dram: 2 ** 30,
  global_dram: 512 * 2 ** 20,
};

export interface EmitContext {
  /** Name of the segment, for messages. */
  readonly name: string;
  readonly target: Target;
  readonly sram: Bytes;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly scaleOf: (value: string) => number;
  /** Names of the network's values, which constants must not take. */
  readonly isTaken: (name: string) => boolean;
  readonly formatOf: (input: string) => SurfaceFormat;
  readonly featureFormat: SurfaceFormat;
  readonly sparsity: boolean;
  readonly blobs: BlobTableBuilder;
}

type Draft = Omit<Surface, 'id' | 'parent'> & { readonly view?: { readonly parent: number; readonly channel: number } };

/** @throws compile/accumulator-overflow, compile/memory, calibrate/value */
export function emit(placement: Placement, context: EmitContext): Program {
  const drafts: Draft[] = [];
  const ids = new Map<string, number>();
  const constants: ConstantRef[] = [];
  const names = new Set<string>();

  const unique = (wanted: string, taken: (name: string) => boolean): string => {
    let name = wanted;
    for (let number = 2; taken(name); number++) name = `${wanted}:${number}`;
    return name;
  };
  const add = (draft: Draft): number => {
    ids.set(draft.name, drafts.length);
    return drafts.push(draft) - 1;
  };
  const constant = (
    name: string,
    shape: Shape4,
    dtype: ElementType,
    format: SurfaceFormat,
    data: Int8Array | Int32Array | Float32Array,
  ): number => {
    const taken = (candidate: string) =>
      ids.has(candidate) || placement.surfaces.has(candidate) || context.isTaken(candidate);
    const blob = context.blobs.add(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const geometry = surfaceGeometry(shape, dtype, format);
    const memory: MemoryName = 'global_dram';
    const id = add({ name: unique(name, taken), shape, dtype, format, ...geometry, memory, offset: bytes(0) });
    constants.push({ surface: id, blob });
    return id;
  };
  const vector = (name: string, data: Int8Array | Int32Array | Float32Array): number => {
    const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int8';
    return constant(name, [1, data.length, 1, 1], dtype, 'vector', data);
  };
  const surface = (name: string): number => ids.get(name) ?? declare(placement.surfaces.get(name)!);
  const declare = (draft: SurfaceDraft): number => {
    const { name, shape, scale, role } = draft;
    const format = role === 'input' ? context.formatOf(name) : context.featureFormat;
    const memory: MemoryName = role === 'inner' ? 'local_dram' : 'io';
    const geometry = surfaceGeometry(shape, 'int8', format, rowAlignment(format, context.target.name));
    const common = { name, shape, dtype: 'int8' as const, format, ...geometry, offset: bytes(0), scale };
    const root = rootView(draft, placement);
    if (root === undefined) return add({ ...common, memory });
    const parent = surface(root.of);
    return add({ ...common, memory: drafts[parent]!.memory, view: { parent, channel: root.channel } });
  };

  for (const name of context.inputs) surface(name);
  const layers: Layer[] = placement.operations.map((operation, id) => {
    const name = unique(operation.nodes.at(-1)!.name, (candidate) => names.has(candidate));
    names.add(name);
    const origin = [...new Set(operation.nodes.flatMap((node) => node.origin))];
    return { ...lower(operation, name), id, name, origin, after: [] };
  });

  function lower(operation: PlacedOperation, name: string): Pipeline<number> {
    switch (operation.kind) {
      case 'conv':
      case 'point': {
        const output = surface(operation.output);
        const pdp = operation.pool && { ...operation.pool, output };
        if (operation.kind === 'conv') {
          const { conv, scales } = convolution(operation);
          const sdp = singlePoint(operation.point, scales, operation.output, name);
          return pdp ? { kind: 'conv', conv, sdp, pdp } : { kind: 'conv', conv, sdp: { ...sdp, output } };
        }
        const scales = Float64Array.of(placement.surfaces.get(operation.input)!.scale);
        const sdp = {
          ...singlePoint(operation.point, scales, operation.output, name),
          input: surface(operation.input),
        };
        return pdp ? { kind: 'sdp', sdp, pdp } : { kind: 'sdp', sdp: { ...sdp, output } };
      }
      case 'pool': {
        const pdp = { ...operation.pool, input: surface(operation.input), output: surface(operation.output) };
        return { kind: 'pdp', pdp };
      }
      case 'resize': {
        const resize = { ...operation.resize, input: surface(operation.input), output: surface(operation.output) };
        return { kind: 'resize', resize };
      }
      case 'copy': {
        const { inputChannel, outputChannel, channels } = operation;
        const copy = { input: surface(operation.input), inputChannel, outputChannel, channels };
        return { kind: 'copy', copy: { ...copy, output: surface(operation.output) } };
      }
    }
  }

  function convolution(operation: ConvOperation) {
    const { name } = operation.nodes[0]!;
    const { kernel, stride, dilation, padding, groups, transposed, output } = operation.shape;
    const input = surface(operation.input);
    const inputScale = placement.surfaces.get(operation.input)!.scale;
    const quantised = quantiseKernels(operation, inputScale);
    const [k = 1, c = 1, r = 1, s = 1] = operation.weights.shape;
    const conv = {
      input,
      weights: constant(`${name}:weights`, [k, c, r, s], 'int8', 'kcrs', quantised.weights),
      ...(operation.bias !== undefined && { bias: vector(`${name}:bias`, quantised.bias) }),
      kernel,
      stride,
      dilation,
      padding,
      padValue: 0,
      groups,
      transposed,
      output,
      sparse: context.sparsity && runsSparse(operation, quantised.weights, context.target),
      truncate: 0,
    };
    return { conv, scales: Float64Array.from(quantised.scales, (scale) => inputScale * scale) };
  }

  function singlePoint(point: Point, scales: Float64Array, output: string, name: string): FloatScaleSdp<number> {
    const outputScale = placement.surfaces.get(output)!.scale;
    const scaleOf = (value: string) => placement.surfaces.get(value)?.scale ?? context.scaleOf(value);
    const stage: QuantisedPoint = quantisePoint(point, scales, outputScale, scaleOf, name);
    const { operand } = point;
    return {
      arithmetic: 'float-scale',
      scale: vector(`${name}:scale`, stage.scale),
      ...(stage.shift && { shift: vector(`${name}:shift`, stage.shift) }),
      ...(operand && { operand: { op: operand.op, input: surface(operand.value), scale: stage.operandScale! } }),
      ...(stage.slope && { slope: vector(`${name}:slope`, stage.slope) }),
      low: stage.low,
      high: stage.high,
      ...(stage.lut && { lut: vector(`${name}:lut`, stage.lut) }),
    };
  }

  const program: Program = {
    target: context.target.name,
    sram: context.sram,
    surfaces: drafts.map((draft, id) => finished(draft, id)),
    layers,
    inputs: context.inputs.map(surface),
    outputs: context.outputs.map(surface),
    constants,
  };
  const addressed = { ...program, surfaces: assignMemory(program, drafts, context) };
  const scheduled = { ...addressed, layers: schedule(addressed) };
  validateProgram(scheduled, context.blobs.table(), context.target);
  return scheduled;
}

const finished = ({ view, ...draft }: Draft, id: number): Surface => ({
  id,
  ...draft,
  ...(view && { parent: view.parent }),
});

/** The surface that a view lies in, itself no view, and where. */
function rootView(draft: SurfaceDraft, { surfaces }: Placement): SurfaceDraft['view'] {
  if (draft.view === undefined) return undefined;
  const outer = rootView(surfaces.get(draft.view.of)!, { surfaces, operations: [] });
  return outer === undefined ? draft.view : { of: outer.of, channel: outer.channel + draft.view.channel };
}

function assignMemory(program: Program, drafts: readonly Draft[], context: EmitContext): readonly Surface[] {
  const ranges = liveRanges(program);
  const inner = program.surfaces.flatMap(({ id, memory, parent, size }) => {
    const range = ranges[id];
    if (memory !== 'local_dram' || parent !== undefined || range === undefined) return [];
    return [{ id, size, first: range.first, last: range.last, reads: range.reads }];
  });
  const chosen = chooseResident(inner, context.sram);
  const sram = arrangeWithin(
    inner.filter(({ id }) => chosen.has(id)),
    context.sram,
  );
  const dram = arrange(inner.filter(({ id }) => !sram.offsets.has(id)));

  const constants = new Map<number, number>();
  const known = new Map<string, number>();
  let end = 0;
  for (const { surface, blob } of program.constants) {
    const offset = known.get(blob);
    constants.set(surface, offset ?? end);
    if (offset !== undefined) continue;
    known.set(blob, end);
    end += Math.ceil(program.surfaces[surface]!.size / alignment) * alignment;
  }
  demand('local_dram', dram.size, context);
  demand('global_dram', end, context);

  const roots = program.surfaces.map((surface): Surface => {
    const { id } = surface;
    const resident = sram.offsets.get(id);
    if (resident !== undefined) return { ...surface, memory: 'managed_sram', offset: bytes(resident) };
    return { ...surface, offset: bytes(constants.get(id) ?? dram.offsets.get(id) ?? 0) };
  });
  return roots.map((surface) => {
    const view = drafts[surface.id]!.view;
    if (view === undefined) return surface;
    const parent = roots[view.parent]!;
    return { ...surface, memory: parent.memory, ...channelView(parent, view.channel, surface.shape[1]) };
  });
}

function demand(memory: keyof typeof poolLimits, size: number, context: EmitContext): void {
  const limit = poolLimits[memory];
  if (size <= limit) return;
  const what = memory === 'local_dram' ? 'intermediate tensors' : 'weights';
  fail(
    'compile/memory',
    `the ${what} of ${context.name} do not fit ${memory}`,
    {},
    {
      expected: `at most ${limit} bytes`,
      actual: size,
    },
  );
}
