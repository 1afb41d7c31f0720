/** What a run gets: images, or files that hold the elements of an input. */

import type { Command } from 'commander';
import { fail } from '../base/errors.ts';
import type { TensorInput } from '../evaluate/tensor-files.ts';
import type { Preprocess } from '../graph/preprocess.ts';
import type { Tensor } from '../graph/tensor.ts';
import { readBytes } from '../host/node/files.ts';
import type { LoadableTag } from '../loadable/nvdla/format/tag.ts';
import type { Plan } from '../program/program.ts';
import type { NvdlaInputs } from '../runtime/nvdla/nvdla-network.ts';
import { type DataFlags, inputPaths, planInputs, readData, withData } from './data-flags.ts';
import type { EngineFlags } from './device-flags.ts';

export type InputFlags = Pick<DataFlags, 'images' | 'input' | 'fit'>;

export interface RunFlags extends EngineFlags, InputFlags {
  readonly target?: string;
  readonly dump?: string | true;
  readonly compare?: true;
  readonly output?: string;
}

export const withInputs = (command: Command): Command =>
  withData(command, '; of a .nvdla by bind id, the bytes of its surface');

/** What a network takes in one run, and how the pictures among it were prepared. */
export interface RunInputs<Inputs> {
  readonly inputs: Inputs;
  readonly preprocess?: Preprocess | undefined;
}

/** The inputs of a compiled network. @throws cli/usage, run/input, file/not-found, evaluate/*, preprocess/* */
export const readInputs = (plan: Plan, flags: InputFlags): Promise<RunInputs<Record<string, Tensor>>> =>
  firstRun(planInputs(plan), plan.batch, plan.preprocess, flags);

/**
 * The inputs of a stock loadable: tensors where it says what its inputs are, else the bytes of surfaces.
 * @throws cli/usage, run/input, file/not-found, evaluate/*
 */
export async function readStockInputs(
  tag: LoadableTag | undefined,
  flags: InputFlags,
): Promise<RunInputs<NvdlaInputs>> {
  const files = inputPaths(flags);
  const isBindId = (name: string): boolean => /^\d+$/.test(name) && !tag?.inputs.some((input) => input.name === name);
  if (tag && ![...files.keys()].some(isBindId)) {
    const images = tag.submissions ?? 1;
    const described = tag.inputs.map(
      ({ name, shape: [first = 1, ...others] }): TensorInput => ({
        name,
        shape: [first * images, ...others],
        dtype: 'float32',
      }),
    );
    return firstRun(described, images, tag.preprocess, flags);
  }
  if (flags.images !== undefined) {
    const detail = { expected: '--input 0=surface.raw' };
    fail('run/input', 'the loadable does not say what its inputs are: give the bytes of their surfaces', {}, detail);
  }
  const surfaces = new Map<number, Uint8Array>();
  for (const [name, path] of files) {
    if (!isBindId(name)) fail('run/input', 'an input is known by its number', { value: name }, { expected: '0, 1, …' });
    surfaces.set(Number(name), await readBytes(path));
  }
  return { inputs: surfaces };
}

/** What the first run of a network takes of what is given. A file of tensors holds one run. */
async function firstRun(
  inputs: readonly TensorInput[],
  batch: number,
  preprocess: Preprocess | undefined,
  flags: InputFlags,
): Promise<RunInputs<Record<string, Tensor>>> {
  const { feed, preprocess: used } = await readData(inputs, batch, preprocess, flags);
  if (flags.images === undefined && feed.size !== feed.perRun) {
    const detail = { expected: feed.perRun, actual: feed.size };
    fail('run/input', 'there are more or fewer samples than one run takes', { file: feed.name }, detail);
  }
  for await (const { inputs: first } of feed.batches({ limit: feed.perRun }))
    return { inputs: first, preprocess: used };
  return fail('evaluate/data-set', 'there are no samples', { file: feed.name });
}
