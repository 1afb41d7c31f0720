/**
 * A stock loadable on a device of an open NVDLA. Any loadable runs on the bytes of its buffers (user-driver.ts). One of ours
 * says in its tag what the bytes stand for, and runs on tensors of real numbers besides.
 */

import { fail } from '../../base/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { tagOf } from '../../loadable/nvdla/format/read-tag.ts';
import type { StockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import type { LoadableTag, TaggedTensor } from '../../loadable/nvdla/format/tag.ts';
import type { Surface } from '../../program/surface.ts';
import { surfaceTensor, toSurface, toTensor } from '../border.ts';
import type { SubmitOptions } from '../job-queue.ts';
import type { RunResult } from '../network.ts';
import { packSurface, unpackSurface } from '../pack.ts';
import { boundSurface } from './bound-surface.ts';
import type { LaunchedOperation } from './dla-task.ts';
import type { KernelDriver } from './kernel-driver.ts';
import { type Binding, StockNetwork } from './user-driver.ts';

/** Tensors by name, or the bytes of surfaces by bind id. */
export type NvdlaInputs = Readonly<Record<string, Tensor>> | ReadonlyMap<number, Uint8Array>;

/** An input or output with what the tag says of it. */
interface Named {
  readonly bindId: number;
  readonly tagged: TaggedTensor;
  readonly surface: Surface;
}

export class NvdlaNetwork extends StockNetwork {
  /** What a loadable of ours says of itself; others say nothing. */
  readonly tag: LoadableTag | undefined;
  readonly #driver: KernelDriver;
  #runs: Promise<unknown> = Promise.resolve();

  /** @throws loadable/corrupt, device/memory */
  constructor(loadable: StockLoadable, driver: KernelDriver) {
    const tag = tagOf(loadable);
    super(loadable, driver, tag?.layers);
    this.tag = tag;
    this.#driver = driver;
  }

  /**
   * Writes to the buffers of all inputs: tensors by the names and in the shapes of the tag, real numbers or int8 on the
   * input's scale; or the bytes of surfaces by bind id.
   * @throws run/input, of tensors also for a loadable without a tag
   */
  feed(inputs: NvdlaInputs): void {
    if (inputs instanceof Map) this.#feedSurfaces(inputs);
    else this.#feedTensors(inputs as Readonly<Record<string, Tensor>>);
  }

  /**
   * Runs once on tensors, by the names and in the shapes of the tag: real numbers, or int8 on the input's scale. Runs follow one
   * another.
   * @throws run/input, also for a loadable without a tag; and as {@link submit}
   */
  run(
    inputs: Readonly<Record<string, Tensor>>,
    options: SubmitOptions<LaunchedOperation> = {},
  ): Promise<Omit<RunResult, 'dumps'>> {
    const done = this.#runs.then(() => this.#run(inputs, options));
    this.#runs = done.catch(() => {});
    return done;
  }

  async #run(inputs: Readonly<Record<string, Tensor>>, options: SubmitOptions<LaunchedOperation>) {
    const { outputs: tagged } = this.#requireTag();
    this.feed(inputs);
    let [launches, macs, saturated] = [0, 0, 0];
    await this.submit({
      ...options,
      onLaunch: (launched) => {
        launches++;
        macs += launched.result.counters.macs;
        saturated += launched.result.counters.saturated;
        options.onLaunch?.(launched);
      },
    });
    const outputs = this.#named(tagged, this.outputs).map((output) => [output.tagged.name, this.#real(output)]);
    return { outputs: Object.fromEntries(outputs) as RunResult['outputs'], counters: { launches, macs, saturated } };
  }

  #feedSurfaces(surfaces: ReadonlyMap<number, Uint8Array>): void {
    for (const { bindId, tensor } of this.inputs) {
      if (surfaces.has(bindId)) continue;
      fail('run/input', 'an input is missing', { value: tensor.name }, { expected: `the bytes of input ${bindId}` });
    }
    for (const [bindId, bytes] of surfaces) this.write(bindId, bytes);
  }

  #feedTensors(inputs: Readonly<Record<string, Tensor>>): void {
    const wanted = this.#named(this.#requireTag().inputs, this.inputs);
    const known = wanted.map(({ tagged }) => tagged.name).join(', ');
    for (const name of Object.keys(inputs)) {
      if (wanted.some(({ tagged }) => tagged.name === name)) continue;
      fail('run/input', 'the network has no such input', { value: name }, { expected: known });
    }
    for (const { bindId, tagged, surface } of wanted) {
      const tensor =
        inputs[tagged.name] ?? fail('run/input', 'an input is missing', { value: tagged.name }, { expected: known });
      checkShape(tensor, tagged);
      this.write(bindId, this.#packed(bindId, surface, tensor));
    }
  }

  #requireTag(): LoadableTag {
    return (
      this.tag ?? fail('run/input', 'the loadable does not say what its inputs are: bind buffers to them by number')
    );
  }

  /** @throws loadable/corrupt */
  #named(tagged: readonly TaggedTensor[], bindings: readonly Binding[]): readonly Named[] {
    if (tagged.length !== bindings.length) {
      const detail = { expected: bindings.length, actual: tagged.length };
      fail('loadable/corrupt', 'the tag has another number of inputs or outputs than the loadable', {}, detail);
    }
    return bindings.map(({ bindId, tensor, size }) => {
      const own = tagged[bindId]!;
      return { bindId, tagged: own, surface: boundSurface(tensor, own, size, this.#driver.target.memoryAtom) };
    });
  }

  #packed(bindId: number, surface: Surface, tensor: Tensor): Uint8Array {
    const memory = new Uint8Array(this.inputs[bindId]!.size);
    packSurface(toSurface(surface.name, { tensor }, surface), surface, memory.subarray(surface.offset));
    return memory;
  }

  #real({ bindId, tagged, surface }: Named): Tensor {
    const { name, shape, scale } = tagged;
    const values = unpackSurface(surface, this.read(bindId).subarray(surface.offset));
    const tensor = surfaceTensor(surface, shape, [values]);
    return toTensor(name, { tensor, ...(scale !== undefined && { scale }) }, { name, shape, dtype: 'float32' });
  }
}

function checkShape({ shape }: Tensor, { name, shape: wanted }: TaggedTensor): void {
  if (shape.length === wanted.length && shape.every((dim, axis) => dim === wanted[axis])) return;
  const detail = { expected: wanted.join('x'), actual: shape.join('x') };
  fail('run/input', 'an input has the wrong shape', { value: name }, detail);
}
