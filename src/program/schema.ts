/** The contracts of surface.ts, layer.ts and program.ts as schemas, for values that come from text. */

import * as z from '../base/schema.ts';
import { preprocessSchema } from '../graph/preprocess.ts';
import type { Layer } from './layer.ts';
import { byteCount, index, indices, integer, number, optional, record, text, texts } from './layers/fields.ts';
import { layerKinds } from './layers/table.ts';
import type { ConstantRef, DlaSegment, HostSegment, Plan, PlanTensor, Program } from './program.ts';
import { isBlobKey } from './program.ts';
import type { Shape4, Surface } from './surface.ts';

const blob = z.string().refine(isBlobKey, 'a blob key has 64 hexadecimal digits');

const shape4: z.ZodType<Shape4> = z.tuple([integer, integer, integer, integer]);

export const surfaceSchema = record<Surface>()({
  id: index,
  name: text,
  shape: shape4,
  dtype: z.enum(['int8', 'int16', 'int32', 'float16', 'float32']),
  format: z.enum(['chw32', 'chw16', 'chw8', 'dla_hwc4', 'dla_linear', 'kcrs', 'vector']),
  lineStride: byteCount,
  surfaceStride: byteCount,
  batchStride: byteCount,
  size: byteCount,
  memory: z.enum(['managed_sram', 'local_dram', 'global_dram', 'io']),
  offset: byteCount,
  scale: optional(number),
  parent: optional(index),
}) satisfies z.ZodType<Surface>;

export const constantSchema = record<ConstantRef>()({ surface: index, blob }) satisfies z.ZodType<ConstantRef>;

const common = { id: index, name: text, origin: texts, tableOf: optional(texts), after: indices };

const [first, ...others] = Object.values(layerKinds).map(({ kind, fields }) =>
  z.strictObject({ ...common, kind: z.literal(kind), ...fields }),
);

/** `fields` of a kind has a schema for each of its fields, so that the union of all is that of layers. */
export const layerSchema = z.discriminatedUnion('kind', [first!, ...others]) as unknown as z.ZodType<Layer>;

/** A Program without the parts that have lines of their own. */
export type ProgramHead = Omit<Program, 'surfaces' | 'layers' | 'constants'>;

export const programHeadSchema = record<ProgramHead>()({
  target: text,
  sram: byteCount,
  inputs: indices,
  outputs: indices,
}) satisfies z.ZodType<ProgramHead>;

export const planTensorSchema = record<PlanTensor>()({
  name: text,
  shape: z.array(index),
  dtype: z.enum(['float32', 'int8', 'uint8', 'int32', 'int64', 'bool', 'float16', 'float64']),
  scale: optional(number),
}) satisfies z.ZodType<PlanTensor>;

/** A Plan without the parts that have lines of their own. */
export type PlanHead = Omit<Plan, 'tensors' | 'segments'>;

export const planHeadSchema = record<PlanHead>()({
  network: text,
  target: text,
  release: text,
  batch: integer,
  ranges: z.enum(['calibrated', 'dummy', 'none']),
  preprocess: optional(preprocessSchema),
  inputs: texts,
  outputs: texts,
}) satisfies z.ZodType<PlanHead>;

export type SegmentHead = Omit<DlaSegment, 'program'> | HostSegment;

export const segmentHeadSchema = z.discriminatedUnion('kind', [
  record<Omit<DlaSegment, 'program'>>()({ kind: z.literal('dla'), name: text }),
  record<HostSegment>()({
    kind: z.literal('host'),
    name: text,
    nodes: texts,
    reason: z.enum(['refused', 'not emulated']),
    inputs: texts,
    outputs: texts,
    model: blob,
  }),
]) satisfies z.ZodType<SegmentHead>;
