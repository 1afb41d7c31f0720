/**
 * What an application binds on the board: type, format, strides and scale of every input and output. What the DLA touches has its
 * layouts (docs/hardware/orin.md#formats), so that nothing is reformatted; what the GPU touches is packed.
 */

import type { DataType } from '../../../base/data-type.ts';
import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { type Graph, staticShape } from '../../../graph/graph.ts';
import { elementCount } from '../../../graph/tensor.ts';
import { rowAlignment, surfaceGeometry } from '../../../program/geometry.ts';
import type { Plan } from '../../../program/program.ts';
import type { JetsonTarget } from '../../../targets/target.ts';
import type { Compilation } from '../../compilation.ts';
import { surfaceShape } from '../../operation.ts';

/** Formats that can be asked for at an output. `auto`: that of features, chw32 in INT8 and chw16 in FP16. */
export const outputFormats = ['auto', 'dla_linear', 'chw32', 'chw16', 'dla_hwc4'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface BoardBinding {
  readonly name: string;
  readonly side: 'input' | 'output';
  readonly shape: readonly number[];
  readonly type: 'int8' | 'fp16' | 'fp32' | 'int32';
  /** As trtexec calls it; `chw` is packed in the order of the shape. */
  readonly format: 'dla_hwc4' | 'dla_linear' | 'chw32' | 'chw16' | 'chw';
  /** Bytes from a row to the next, from a channel block to the next, from an image to the next; absent unless there are four dimensions. */
  readonly strides?: { readonly line: number; readonly surface: number; readonly batch: number };
  readonly bytes: number;
  /** real = scale × integer; INT8 only. */
  readonly scale?: number;
}

/**
 * @param graph the network as the board has it
 * @throws compile/unsupported for an output that cannot have the format, and for one whose type trtexec has no name for
 */
export const bindingsOf = (
  graph: Graph,
  compilation: Compilation,
  target: JetsonTarget,
  outputFormat: OutputFormat,
): readonly BoardBinding[] => [
  ...graph.inputs.map((value) => binding(value, 'input', graph, compilation, target, 'auto')),
  ...graph.outputs.map((value) => binding(value, 'output', graph, compilation, target, outputFormat)),
];

function binding(
  name: string,
  side: BoardBinding['side'],
  graph: Graph,
  { network: { plan }, quantized, options }: Compilation,
  target: JetsonTarget,
  asked: OutputFormat,
): BoardBinding {
  const shape = staticShape(graph, name) ?? [];
  const touching = touchedBy(name, side, plan);
  // A node that is only not emulated here runs on the board's DLA.
  if (touching.some((segment) => segment.kind === 'host' && segment.reason === 'refused')) {
    refuseFormat(name, asked, 'the GPU computes it');
    return packed({ name, side, shape }, graph.values.get(name)?.dtype);
  }
  const surface = touching.flatMap((segment) =>
    segment.kind === 'dla' ? (segment.program.surfaces.find((one) => one.name === name) ?? []) : [],
  )[0];
  const scale = quantized.scales.get(name);
  const isHalf = surface ? surface.dtype === 'float16' : options.precision === 'float16' || scale === undefined;
  const features = isHalf ? 'chw16' : 'chw32';
  if (asked === 'dla_hwc4') refuseFormat(name, asked, 'it is a format of inputs');
  else if (asked !== 'dla_linear' && asked !== features) {
    refuseFormat(name, asked, `it is ${isHalf ? 'FP16' : 'INT8'}, whose format beside dla_linear is ${features}`);
  }
  const format = asked === 'auto' ? ((surface?.format as BoardBinding['format']) ?? features) : asked;
  const type = isHalf ? 'fp16' : 'int8';
  const known = { name, side, shape, type, format, ...(type === 'int8' && scale !== undefined && { scale }) } as const;
  const four = surfaceShape(graph, name);
  if (four === undefined || format === 'chw') return { ...known, bytes: elementCount(shape) * (isHalf ? 2 : 1) };
  const { lineStride, surfaceStride, batchStride, size } = surfaceGeometry(
    four,
    isHalf ? 'float16' : 'int8',
    format,
    rowAlignment(format, target),
  );
  return { ...known, strides: { line: lineStride, surface: surfaceStride, batch: batchStride }, bytes: size };
}

const touchedBy = (value: string, side: BoardBinding['side'], { segments }: Plan): Plan['segments'] =>
  segments.filter((segment) =>
    segment.kind === 'dla'
      ? segment.program[`${side}s`].some((id) => segment.program.surfaces[id]!.name === value)
      : segment[`${side}s`].includes(value),
  );

/** @throws compile/unsupported unless no format was asked for */
function refuseFormat(value: string, asked: OutputFormat, why: string): void {
  if (asked !== 'auto') fail('compile/unsupported', `the output cannot be ${asked}: ${why}`, { value });
}

const packedTypes: Readonly<Partial<Record<DataType, BoardBinding['type']>>> = {
  float32: 'fp32',
  float16: 'fp16',
  int32: 'int32',
  int64: 'int32', // as TensorRT has it up to 10.x
  int8: 'int8',
};

function packed(known: Pick<BoardBinding, 'name' | 'side' | 'shape'>, dtype: DataType = 'float32'): BoardBinding {
  const type = packedTypes[dtype];
  if (type === undefined) {
    return fail('compile/unsupported', `trtexec has no name for ${dtype} at an ${known.side}`, { value: known.name });
  }
  const element = type === 'int8' ? 1 : elementSize[type === 'fp16' ? 'float16' : 'float32'];
  const bytes = elementCount(known.shape) * element;
  const [, , height, width] = known.shape;
  if (known.shape.length !== 4) return { ...known, type, format: 'chw', bytes };
  const line = width! * element;
  const strides = { line, surface: line * height!, batch: bytes / known.shape[0]! };
  return { ...known, type, format: 'chw', strides, bytes };
}
