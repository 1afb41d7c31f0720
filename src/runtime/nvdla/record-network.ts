/** Records the DLA segments of a compiled network, each on the inputs that it gets in a run. */

import { fail } from '../../base/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { lowerWithPlaces } from '../../loadable/nvdla/lower/program.ts';
import type { OnnxRuntime } from '../../onnx/session.ts';
import { type CompiledNetwork, type Plan, type Program, submissionsOf } from '../../program/program.ts';
import { findTarget } from '../../targets/find.ts';
import { isNvdla } from '../../targets/target.ts';
import { type Crossing, checkedInputs, crossingOf, toSurface } from '../border.ts';
import { openDevice } from '../device.ts';
import { runNetwork } from '../network.ts';
import { packSurface } from '../pack.ts';
import { type RecordedRun, type RecordOptions, recordLoadable } from './trace-recorder.ts';

export interface RecordedSegment extends RecordedRun {
  readonly name: string;
}

/**
 * @param inputs as a run takes them; of a batch the first element is recorded
 * @param runtime executes host segments ahead of the DLA's
 * @throws run/input, run/host-missing, trace/record, device/*
 */
export async function recordNetwork(
  network: CompiledNetwork,
  inputs: Readonly<Record<string, Tensor>>,
  { runtime, ...options }: RecordOptions & { readonly runtime?: OnnxRuntime | undefined } = {},
): Promise<readonly RecordedSegment[]> {
  const { plan, blobs } = network;
  const checked = checkedInputs(plan, inputs);
  const target = findTarget(plan.target);
  if (!isNvdla(target)) {
    const detail = { expected: 'a configuration of the open NVDLA', actual: target.name };
    return fail('device/unsupported', `the registers of ${target.name} are not known`, {}, detail);
  }
  const programs = plan.segments.flatMap((segment) => (segment.kind === 'dla' ? [segment] : []));
  const known = new Map(plan.inputs.map((name) => [name, crossingOf(plan, name, checked[name]!)]));
  const missing = programs.flatMap(({ program }) => namesOf(program)).filter((name) => !known.has(name));
  if (missing.length > 0) {
    for (const [name, crossing] of await run(network, inputs, missing, { runtime, ...options })) {
      known.set(name, crossing);
    }
  }
  const segments: RecordedSegment[] = [];
  for (const { name, program } of programs) {
    const submissions = submissionsOf(plan, program);
    const { loadable, memoryOf } = lowerWithPlaces(program, blobs, target);
    const bindIds = new Map(loadable.memories.map(({ id, bindId }) => [id, bindId]));
    const recorded = await recordLoadable(
      loadable,
      target,
      (memories) => {
        const surfaces = memories.inputs.map(({ size }) => new Uint8Array(size));
        for (const id of program.inputs) {
          const surface = program.surfaces[id]!;
          const memory = surfaces[bindIds.get(memoryOf(surface))!]!;
          const { value } = target.rounding;
          const values = toSurface(surface.name, known.get(surface.name)!, surface, value, submissions);
          const first = values.subarray(0, values.length / submissions);
          packSurface(first, surface, memory.subarray(surface.offset, surface.offset + surface.size));
        }
        memories.feed(new Map(surfaces.entries()));
      },
      options,
    );
    segments.push({ name, ...recorded });
  }
  return segments;
}

const namesOf = ({ inputs, surfaces }: Program): readonly string[] => inputs.map((id) => surfaces[id]!.name);

/** Runs the whole network and returns the tensors that segments read. */
async function run(
  network: CompiledNetwork,
  inputs: Readonly<Record<string, Tensor>>,
  dump: readonly string[],
  { runtime, engines }: { readonly runtime?: OnnxRuntime | undefined } & Pick<RecordOptions, 'engines'>,
): Promise<readonly (readonly [string, Crossing])[]> {
  const { plan }: { readonly plan: Plan } = network;
  const device = await openDevice({ target: plan.target, ...(engines && { engines }) });
  try {
    const { dumps } = await runNetwork(network, inputs, { device, dump, ...(runtime && { runtime }) });
    return dumps.map(({ name, tensor, scale }) => [name, { tensor, ...(scale !== undefined && { scale }) }]);
  } finally {
    device.close();
  }
}
