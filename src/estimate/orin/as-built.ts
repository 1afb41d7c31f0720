/**
 * What a TensorRT engine spends around the DLA: handing a task over, changing formats, layers on the GPU. An engine whose bindings
 * have the DLA's own formats and that is one loadable has none of it, and NVIDIA's published throughput is of such engines. With
 * FP32 linear bindings, trtexec's default, the GPU reformats every input and output; where nodes run on the GPU, every loadable
 * beside them is handed over there and back, and its tensors are reformatted.
 *
 * Fitted to the engines of branes-ai/graphs (docs/hardware/estimate-model.md#as-built): engines of one layer, which have one loadable
 * and FP32 bindings, and MobileNetV2, which TensorRT 8.5.2 broke into about nine loadables and 130 layers on the GPU.
 */

import { type Microseconds, microseconds } from '../../base/units.ts';
import { elementCount } from '../../graph/tensor.ts';
import type { DlaSegment, HostSegment, Plan, Segment } from '../../program/program.ts';
import type { PowerMode } from '../../targets/target.ts';
import type { Fitted } from './parameters.ts';

/** Formats that the network's inputs and outputs are bound in: the DLA's own, or FP32 linear. */
export type Bindings = 'native' | 'fp32';

export interface AsBuiltParameters {
  /** Handing one task over to the DLA and back, at the processor's full clock and at a capped one. */
  readonly handOver: { readonly full: Fitted<Microseconds>; readonly capped: Fitted<Microseconds> };
  /** Reformatting a million elements on the GPU. */
  readonly reformat: Fitted<Microseconds>;
  /** One layer on the GPU: what launching it costs, whatever its size. */
  readonly gpuLayer: Fitted<Microseconds>;
}

const engines = 'fitted to engines of branes-ai/graphs (docs/hardware/estimate-model.md#as-built)';

const around = (low: number, high: number) => [microseconds(low), microseconds(high)] as const;

export const asBuiltParameters: AsBuiltParameters = {
  handOver: {
    full: { value: microseconds(125.5), status: 'fitted', range: around(123.1, 128.5), source: `${engines}: MAXN` },
    capped: { value: microseconds(148.5), status: 'fitted', range: around(146.4, 150.4), source: `${engines}: 50W` },
  },
  reformat: { value: microseconds(84.5), status: 'fitted', range: around(80.9, 86.4), source: engines },
  gpuLayer: { value: microseconds(8.9), status: 'fitted', range: around(8.7, 9.1), source: `${engines}: MobileNetV2` },
};

export interface AsBuiltPart {
  readonly kind: 'hand-over' | 'reformat' | 'gpu';
  /** Index of the segment in the Plan. */
  readonly segment: number;
  /** For people: `input image, fp32:chw to int8:dla_hwc4`. */
  readonly what: string;
  /** Of a reformat: elements, whole batch. Of layers on the GPU: how many. */
  readonly count: number;
  readonly time: Microseconds;
}

/** What runs before and after the launches of a segment; a segment on the GPU has only `before`. */
export interface AsBuiltSegment {
  readonly before: readonly AsBuiltPart[];
  readonly after: readonly AsBuiltPart[];
}

/** The parts of every segment of a plan, in order. */
export function asBuilt(
  plan: Plan,
  bindings: Bindings,
  mode: Pick<PowerMode, 'name'>,
  parameters: AsBuiltParameters,
): readonly AsBuiltSegment[] {
  const onGpu = new Set(plan.segments.filter(runsOnGpu).flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
  return plan.segments.map((segment, index) => {
    if (segment.kind === 'dla') return dlaParts(segment, index, { plan, bindings, mode, onGpu, parameters });
    return { before: runsOnGpu(segment) ? [gpuPart(segment, index, parameters)] : [], after: [] };
  });
}

/** A node that is only not emulated here runs on the board's DLA. */
const runsOnGpu = (segment: Segment): segment is HostSegment => segment.kind === 'host' && segment.reason === 'refused';

interface Surroundings {
  readonly plan: Plan;
  readonly bindings: Bindings;
  readonly mode: Pick<PowerMode, 'name'>;
  readonly onGpu: ReadonlySet<string>;
  readonly parameters: AsBuiltParameters;
}

function dlaParts(
  { program: { surfaces, inputs, outputs } }: DlaSegment,
  segment: number,
  { plan, bindings, mode, onGpu, parameters }: Surroundings,
): AsBuiltSegment {
  const reformats = (ids: readonly number[], bound: readonly string[], side: 'input' | 'output') =>
    ids.flatMap((id): AsBuiltPart[] => {
      const { name, shape, dtype, format } = surfaces[id]!;
      const isLinear = onGpu.has(name) || (bindings === 'fp32' && bound.includes(name));
      if (!isLinear) return [];
      const own = `${dtype === 'float16' ? 'fp16' : dtype}:${format}`;
      const what = `${side} ${name}, ${side === 'input' ? `linear to ${own}` : `${own} to linear`}`;
      return [{ kind: 'reformat', segment, what, count: elementCount(shape), time: reformatTime(shape, parameters) }];
    });
  const before = reformats(inputs, plan.inputs, 'input');
  const after = reformats(outputs, plan.outputs, 'output');
  if (before.length + after.length === 0) return { before, after };
  const time = handOverTime(mode, parameters);
  return {
    before: [{ kind: 'hand-over', segment, what: 'a task to the DLA and back', count: 1, time }, ...before],
    after,
  };
}

function gpuPart({ nodes }: HostSegment, segment: number, { gpuLayer }: AsBuiltParameters): AsBuiltPart {
  const count = nodes.length;
  const what = `${count} node${count === 1 ? '' : 's'} on the GPU`;
  return { kind: 'gpu', segment, what, count, time: microseconds(count * gpuLayer.value) };
}

export const reformatTime = (shape: readonly number[], { reformat }: AsBuiltParameters): Microseconds =>
  microseconds((elementCount(shape) / 1e6) * reformat.value);

/** Only MAXN leaves the processor and the GPU at their full clocks; the capped figure is of AGX Orin's 50W. */
export const handOverTime = ({ name }: Pick<PowerMode, 'name'>, { handOver }: AsBuiltParameters): Microseconds =>
  name.startsWith('MAXN') ? handOver.full.value : handOver.capped.value;
