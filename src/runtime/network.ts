/**
 * Running a compiled network: its segments in order, Programs on a device and host segments on an onnxruntime, tensors
 * converted where they cross. A network that is loaded keeps its constants, its memory and its host sessions for as
 * many runs as are wanted; runs may overlap.
 */

import { elementSize } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime, OnnxSession } from '../onnx/session.ts';
import { type CompiledNetwork, type HostSegment, type Plan, type Program, submissionsOf } from '../program/program.ts';
import type { Surface } from '../program/surface.ts';
import { type Crossing, checkedInputs, crossingOf, planTensor, surfaceTensor, toSurface, toTensor } from './border.ts';
import type { Device } from './device.ts';
import { completions, type Dump, type DumpWish, wanted } from './dump.ts';
import type { Context, ProgramInMemory } from './loaded-program.ts';
import { packSurface, type SurfaceValues, unpackSurface } from './pack.ts';

export interface Progress {
  /** Launches and host segments that are complete, of all that there are. */
  readonly done: number;
  readonly total: number;
  readonly segment: string;
  readonly layer?: string;
}

export interface RunOptions {
  /** Tensors to keep beside the outputs: all, or those named. */
  readonly dump?: DumpWish | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface RunResult {
  readonly outputs: Record<string, Tensor>;
  /** In execution order; empty unless asked for. */
  readonly dumps: readonly Dump[];
  /** Sums over all launches of the run. */
  readonly counters: { readonly launches: number; readonly macs: number; readonly saturated: number };
}

interface LoadedDla {
  readonly kind: 'dla';
  readonly name: string;
  readonly program: Program;
  readonly loaded: ProgramInMemory;
}

interface LoadedHost {
  readonly kind: 'host';
  readonly name: string;
  readonly segment: HostSegment;
  readonly session: OnnxSession;
}

/**
 * Loads a network into a device.
 * @param runtime executes host segments; not needed for a network without any
 * @throws loadable/target, program/invalid, device/memory, run/host-missing, run/host-failed
 */
export async function loadNetwork(
  device: Device,
  network: CompiledNetwork,
  runtime?: OnnxRuntime,
): Promise<NetworkSession> {
  const { plan, blobs } = network;
  if (plan.target !== device.target.name) {
    fail(
      'loadable/target',
      'the network was compiled for another target',
      {},
      { expected: device.target.name, actual: plan.target },
    );
  }
  const segments: (LoadedDla | LoadedHost)[] = [];
  try {
    for (const segment of plan.segments) {
      const { name } = segment;
      if (segment.kind === 'dla') {
        const { program } = segment;
        segments.push({ kind: 'dla', name, program, loaded: device.load(program, blobs) });
        continue;
      }
      if (!runtime) {
        fail(
          'run/host-missing',
          `${segment.nodes.length} nodes of the network run on the host, which needs an onnxruntime`,
          { node: segment.nodes[0] ?? name },
        );
      }
      const model = blobs.get(segment.model);
      if (!model) fail('program/invalid', 'the model of a host segment is not among the blobs', { node: name });
      segments.push({ kind: 'host', name, segment, session: await runtime.createSession(model) });
    }
  } catch (error) {
    await unload(segments);
    throw error;
  }
  return new NetworkSession(device, plan, segments);
}

async function unload(segments: readonly (LoadedDla | LoadedHost)[]): Promise<void> {
  for (const segment of segments) {
    if (segment.kind === 'dla') segment.loaded.unload();
    else await segment.session.close();
  }
}

/** The state of one run. */
interface RunState {
  readonly options: RunOptions;
  readonly wants: (name: string) => boolean;
  readonly values: Map<string, Crossing>;
  readonly dumps: Map<string, Dump>;
  done: number;
  launches: number;
  macs: number;
  saturated: number;
}

export class NetworkSession {
  readonly plan: Plan;
  readonly #device: Device;
  readonly #segments: readonly (LoadedDla | LoadedHost)[];
  readonly #steps: number;

  constructor(device: Device, plan: Plan, segments: readonly (LoadedDla | LoadedHost)[]) {
    this.plan = plan;
    this.#device = device;
    this.#segments = segments;
    const stepsOf = (segment: LoadedDla | LoadedHost): number =>
      segment.kind === 'dla' ? segment.program.layers.length * submissionsOf(plan, segment.program) : 1;
    this.#steps = segments.reduce((sum, segment) => sum + stepsOf(segment), 0);
  }

  /**
   * Runs once. Inputs and outputs are named, typed and shaped as the plan says (`plan.tensors`), batch included; float16 and bytes
   * are taken for float32.
   * @throws run/input, run/dump, cancelled, device/fault, device/stalled, device/memory, run/host-failed
   */
  async run(given: Readonly<Record<string, Tensor>>, options: RunOptions = {}): Promise<RunResult> {
    const { plan } = this;
    const inputs = checkedInputs(plan, given);
    const run: RunState = {
      options,
      wants: wanted(plan, options.dump),
      values: new Map(plan.inputs.map((name) => [name, crossingOf(plan, name, inputs[name]!)])),
      dumps: new Map(),
      done: 0,
      launches: 0,
      macs: 0,
      saturated: 0,
    };
    for (const segment of this.#segments) {
      if (options.signal?.aborted) fail('cancelled', 'the run was cancelled');
      if (segment.kind === 'dla') await this.#runProgram(segment, run);
      else await this.#runHost(segment, run);
    }
    const outputs = plan.outputs.map((name) => [name, this.#value(name, run)] as const);
    const { launches, macs, saturated } = run;
    return {
      outputs: Object.fromEntries(outputs),
      dumps: [...run.dumps.values()],
      counters: { launches, macs, saturated },
    };
  }

  /** Frees the device's memory and the host sessions. Not while a run is in flight. */
  close(): Promise<void> {
    return unload(this.#segments);
  }

  #value(name: string, run: RunState): Tensor {
    const crossing = run.values.get(name);
    if (!crossing) return fail('program/invalid', 'a tensor is used before it is made', { value: name });
    const wanted = planTensor(this.plan, name);
    return { ...toTensor(name, crossing, wanted), shape: wanted.shape };
  }

  async #runProgram({ name: segment, program, loaded }: LoadedDla, run: RunState): Promise<void> {
    const context = loaded.acquire();
    const runs = submissionsOf(this.plan, program);
    /** What engines that queue have still to do. */
    const pending: Promise<void>[] = [];
    const whenKnown = <T>(value: T | Promise<T>, use: (value: T) => void): void => {
      if (!(value instanceof Promise)) {
        use(value);
        return;
      }
      const later = value.then(use);
      // A failure is heard by the wait for all of them, which may not have begun.
      later.catch(() => {});
      pending.push(later);
    };
    try {
      const inputs = program.inputs.map((id) => {
        const surface = program.surfaces[id]!;
        const crossing = run.values.get(surface.name);
        if (!crossing) return fail('program/invalid', 'a tensor is used before it is made', { value: surface.name });
        return {
          surface,
          values: toSurface(surface.name, crossing, surface, this.#device.target.rounding.value, runs),
        };
      });
      const parts = new Map<number, SurfaceValues[]>();
      const take = (surface: Surface): void => {
        const all = parts.get(surface.id) ?? [];
        parts.set(surface.id, all);
        const at = all.push(notYet) - 1;
        whenKnown(this.#device.seam.read(context.cubes[surface.id]!), (bytes) => {
          all[at] = unpackSurface(surface, bytes);
        });
      };
      const dumped = new Map<Surface, string | undefined>();
      const finish = (surface: Surface): Crossing => this.#crossing(surface, parts.get(surface.id) ?? []);
      for (let index = 0; index < runs; index++) {
        const last = index === runs - 1;
        const dump = (surface: Surface, layer?: string): void => {
          if (!run.wants(surface.name) || run.dumps.has(surface.name) || dumped.has(surface)) return;
          take(surface);
          if (last) dumped.set(surface, layer);
        };
        for (const { surface, values } of inputs) {
          const count = values.length / runs;
          const own = values.subarray(index * count, (index + 1) * count);
          packSurface(own, surface, this.#memory(context, surface));
          dump(surface);
        }
        const completed = run.options.dump === undefined ? undefined : completions(program);
        const { done } = this.#device.submit(context, {
          signal: run.options.signal,
          onLaunch: ({ layer, result }) => {
            for (const surface of completed?.(layer.id) ?? []) dump(surface, layer.name);
            whenKnown(result, ({ counters }) => {
              run.launches++;
              run.macs += counters.macs;
              run.saturated += counters.saturated;
              this.#advance(run, segment, layer.name);
            });
          },
        });
        await done;
        for (const id of program.outputs) {
          const surface = program.surfaces[id]!;
          // A dump may have taken this run's values already.
          if ((parts.get(id)?.length ?? 0) <= index) take(surface);
        }
      }
      if (pending.length > 0) await Promise.all(pending);
      for (const [surface, layer] of dumped) this.#dump(run, segment, surface, finish(surface), layer);
      for (const id of program.outputs) {
        const surface = program.surfaces[id]!;
        run.values.set(surface.name, finish(surface));
      }
    } finally {
      // The memory of launches that are still queued is not used again before they are done.
      if (pending.length > 0) await Promise.allSettled(pending);
      loaded.release(context);
    }
  }

  async #runHost({ name, segment, session }: LoadedHost, run: RunState): Promise<void> {
    const feeds = Object.fromEntries(segment.inputs.map((input) => [input, this.#value(input, run)]));
    const results = await session.run(feeds);
    for (const output of segment.outputs) {
      const tensor = results[output];
      if (!tensor)
        return fail('run/host-failed', 'a host segment gave no value of that name', { value: output, node: name });
      checkHostValue(this.plan, output, tensor, name);
      run.values.set(output, { tensor });
      if (run.wants(output) && !run.dumps.has(output)) run.dumps.set(output, { name: output, tensor, segment: name });
    }
    this.#advance(run, name);
  }

  #advance(run: RunState, segment: string, layer?: string): void {
    run.done++;
    run.options.onProgress?.({ done: run.done, total: this.#steps, segment, ...(layer !== undefined && { layer }) });
  }

  /** A surface's bytes, to be written; valid until device memory grows. */
  #memory({ cubes }: Context, surface: Surface): Uint8Array {
    const { address } = cubes[surface.id]!;
    const { bus } = this.#device;
    const at = bus.locateForWrite(address, surface.size);
    return bus.bytes.subarray(at, at + surface.size);
  }

  /** The tensor of a surface over all runs, in the shape that ONNX gives it where the plan knows that. */
  #crossing(surface: Surface, parts: readonly SurfaceValues[]): Crossing & { readonly scale?: number } {
    const known = this.plan.tensors.find(({ name }) => name === surface.name);
    const [batch, ...rest] = surface.shape;
    const shape = known?.shape ?? [batch * parts.length, ...rest];
    return {
      tensor: surfaceTensor(surface, shape, parts),
      ...(surface.scale !== undefined && { scale: surface.scale }),
    };
  }

  #dump(run: RunState, segment: string, { name }: Surface, crossing: Crossing, layer?: string): void {
    run.dumps.set(name, { name, ...crossing, segment, ...(layer !== undefined && { layer }) });
  }
}

/** In the place of values that engines have not given yet. */
const notYet = new Int8Array();

/** The model of a host segment came with the loadable: what it gives is held to what the plan says. */
function checkHostValue(plan: Plan, name: string, { dtype, bytes, shape }: Tensor, node: string): void {
  const wanted = planTensor(plan, name);
  if (dtype === wanted.dtype && bytes.length === elementCount(wanted.shape) * elementSize[dtype]) return;
  fail(
    'run/host-failed',
    'a host segment gave a value of another type or size than the plan says',
    { value: name, node },
    { expected: `${wanted.dtype} ${wanted.shape.join('×')}`, actual: `${dtype} ${shape.join('×')}` },
  );
}

/** Loads, runs once and frees. @throws as {@link loadNetwork} and {@link NetworkSession.run} */
export async function runNetwork(
  network: CompiledNetwork,
  inputs: Readonly<Record<string, Tensor>>,
  options: RunOptions & { readonly device: Device; readonly runtime?: OnnxRuntime },
): Promise<RunResult> {
  checkedInputs(network.plan, inputs);
  const session = await loadNetwork(options.device, network, options.runtime);
  try {
    return await session.run(inputs, options);
  } finally {
    await session.close();
  }
}
