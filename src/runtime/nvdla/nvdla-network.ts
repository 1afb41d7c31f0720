/**
 * A stock loadable on a device of an open NVDLA. Any loadable runs on the bytes of its buffers (user-driver.ts). One of ours
 * says in its tag what the bytes stand for, and runs on tensors of real numbers besides.
 */

import { fail } from '../../base/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { StockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { type LoadableTag, type TaggedTensor, tagOf } from '../../loadable/nvdla/format/tag.ts';
import type { Surface } from '../../program/surface.ts';
import { surfaceTensor, toSurface, toTensor } from '../border.ts';
import type { SubmitOptions } from '../job-queue.ts';
import type { RunResult } from '../network.ts';
import { packSurface, type SurfaceValues, unpackSurface } from '../pack.ts';
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

  /** What one submission takes of inputs: of tensors that hold several images the first. */
  firstImage(inputs: NvdlaInputs): NvdlaInputs {
    if (inputs instanceof Map || !this.tag) return inputs;
    const tensors = inputs as Readonly<Record<string, Tensor>>;
    return imagesOf(this.tag.inputs, tensors) === 1 ? tensors : imageOf(this.tag.inputs, tensors, 0);
  }

  /**
   * Runs on tensors, by the names and in the shapes of the tag: real numbers, or int8 on the input's scale. A submission computes one
   * image, as it does in the stock runtime: where the inputs hold several, one after the other along the first axis, each is
   * submitted, and the outputs hold as many. Runs follow one another.
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
    const tag = this.#requireTag();
    const named = this.#named(tag.outputs, this.outputs);
    const images = imagesOf(tag.inputs, inputs);
    let [launches, macs, saturated] = [0, 0, 0];
    const made = named.map((): SurfaceValues[] => []);
    for (let image = 0; image < images; image++) {
      this.feed(images === 1 ? inputs : imageOf(tag.inputs, inputs, image));
      await this.submit({
        ...options,
        onLaunch: (launched) => {
          launches++;
          macs += launched.result.counters.macs;
          saturated += launched.result.counters.saturated;
          options.onLaunch?.(launched);
        },
      });
      for (const [index, { bindId, surface }] of named.entries()) {
        made[index]!.push(unpackSurface(surface, this.read(bindId).subarray(surface.offset)));
      }
    }
    const outputs = named.map((output, index) => [output.tagged.name, realTensor(output, made[index]!)]);
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
    const values = toSurface(surface.name, { tensor }, surface, this.#driver.target.rounding.value);
    packSurface(values, surface, memory.subarray(surface.offset));
    return memory;
  }
}

/** The real numbers of what an output's surface held after each submission. */
function realTensor({ tagged, surface }: Named, parts: readonly SurfaceValues[]): Tensor {
  const { name, scale } = tagged;
  const [first = 1, ...others] = tagged.shape;
  const shape = [first * parts.length, ...others];
  const tensor = surfaceTensor(surface, shape, parts);
  return toTensor(name, { tensor, ...(scale !== undefined && { scale }) }, { name, shape, dtype: 'float32' });
}

/** How many images the inputs hold, each of them as many; 1 where they do not fit, which feeding them tells. */
function imagesOf(tagged: readonly TaggedTensor[], inputs: Readonly<Record<string, Tensor>>): number {
  const counts = tagged.map(({ name, shape }) => (inputs[name]?.shape[0] ?? 0) / (shape[0] ?? 1));
  const [count = 1, ...others] = counts;
  return Number.isInteger(count) && count > 1 && others.every((other) => other === count) ? count : 1;
}

/** One of the images that tensors hold along their first axis. */
function imageOf(
  tagged: readonly TaggedTensor[],
  inputs: Readonly<Record<string, Tensor>>,
  image: number,
): Readonly<Record<string, Tensor>> {
  const own = tagged.map(({ name, shape: [images = 1] }) => {
    const { dtype, shape, bytes } = inputs[name]!;
    const [all = 1, ...others] = shape;
    const size = (bytes.length / all) * images;
    return [name, { dtype, shape: [images, ...others], bytes: bytes.subarray(image * size, (image + 1) * size) }];
  });
  return { ...inputs, ...(Object.fromEntries(own) as Record<string, Tensor>) };
}

function checkShape({ shape }: Tensor, { name, shape: wanted }: TaggedTensor): void {
  if (shape.length === wanted.length && shape.every((dim, axis) => dim === wanted[axis])) return;
  const detail = { expected: wanted.join('x'), actual: shape.join('x') };
  fail('run/input', 'an input has the wrong shape', { value: name }, detail);
}
