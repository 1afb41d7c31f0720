/**
 * Program and Plan: what a network becomes on a target.
 *
 * A Program is one DLA task: hardware layers over surfaces. A Plan is the whole network: Programs and host segments in
 * the order they run, the tensors that cross between them, and the pre-processing that the inputs expect. Both are
 * plain readonly data that print to text and parse back (print.ts, parse.ts); constants live in a blob table beside
 * them, found by hash.
 */

import { sha256Hex } from '../base/hashing.ts';
import type { Bytes } from '../base/units.ts';
import type { Preprocess } from '../graph/preprocess.ts';
import { elementCount } from '../graph/tensor.ts';
import type { Ranges } from '../quantize/quantize.ts';
import type { Layer } from './layer.ts';
import type { Surface } from './surface.ts';

export interface Program {
  /** The name of a target (targets/). */
  readonly target: string;
  /** Managed SRAM that the plan may use. */
  readonly sram: Bytes;
  readonly surfaces: readonly Surface[];
  /** In launch order. */
  readonly layers: readonly Layer[];
  /** Surface ids bound by the application. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** The constant surfaces and where their bytes are. */
  readonly constants: readonly ConstantRef[];
}

export interface ConstantRef {
  readonly surface: number;
  /** Key in the blob table: the hash of the bytes. */
  readonly blob: string;
}

/** Constant bytes by their hash ({@link blobTableBuilder}). */
export type BlobTable = ReadonlyMap<string, Uint8Array>;

/** A tensor that crosses between segments, or between the network and its caller. */
export interface PlanTensor {
  /** The ONNX value's name. */
  readonly name: string;
  readonly shape: readonly number[];
  /** What the network's caller and host segments see. */
  readonly dtype: 'float32' | 'int8' | 'uint8' | 'int32' | 'int64' | 'bool' | 'float16' | 'float64';
  /** Scale of the int8 form that DLA segments see; absent for tensors that only host segments touch. */
  readonly scale?: number;
}

export interface DlaSegment {
  readonly kind: 'dla';
  /** `{ForeignNode[first...last]}` as TensorRT names it. */
  readonly name: string;
  readonly program: Program;
}

export interface HostSegment {
  readonly kind: 'host';
  readonly name: string;
  /** Names of the original nodes, in order. */
  readonly nodes: readonly string[];
  /** Why it is not on the DLA: `refused` (by a rule) or `not emulated` (accepted, our compiler cannot lower it). */
  readonly reason: 'refused' | 'not emulated';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Key in the blob table of the ONNX subgraph. */
  readonly model: string;
}

export type Segment = DlaSegment | HostSegment;

export interface Plan {
  readonly network: string;
  readonly target: string;
  /** The software release whose rules placed the nodes, e.g. `JetPack 6.0`. */
  readonly release: string;
  readonly batch: number;
  readonly ranges: Ranges;
  /** Absent when not known. */
  readonly preprocess?: Preprocess;
  readonly tensors: readonly PlanTensor[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly segments: readonly Segment[];
}

/**
 * How often a Program is submitted in one run of the network: surfaces of orin and xavier hold the whole batch of the tensors
 * that they are bound to, those of the open NVDLA one image of it. Segments of one network may have other batches.
 */
export function submissionsOf({ tensors }: Pick<Plan, 'tensors'>, { surfaces, inputs, outputs }: Program): number {
  const bound = [...outputs, ...inputs][0];
  const surface = bound === undefined ? undefined : surfaces[bound];
  const tensor = tensors.find(({ name }) => name === surface?.name);
  return surface && tensor ? elementCount(tensor.shape) / elementCount(surface.shape) : 1;
}

/** A compiled network: the plan and every blob it names. */
export interface CompiledNetwork {
  readonly plan: Plan;
  readonly blobs: BlobTable;
}

/**
 * Constant bytes by their content: equal bytes are one blob, and a blob's key (SHA-256, in hexadecimal) tells whether it is
 * whole. The bytes are the caller's own, never copied.
 */
export const isBlobKey = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export interface BlobTableBuilder {
  /** Takes bytes in and gives their key. They must not change afterwards. */
  add(data: Uint8Array): string;
  /** Every blob taken so far, in the order it first came. */
  table(): BlobTable;
}

export function blobTableBuilder(): BlobTableBuilder {
  const blobs = new Map<string, Uint8Array>();
  return {
    add(data) {
      const key = sha256Hex(data);
      if (!blobs.has(key)) blobs.set(key, data);
      return key;
    },
    table: () => blobs,
  };
}
