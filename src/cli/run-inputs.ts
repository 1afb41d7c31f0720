/** What a run gets: images, or files that hold the elements of an input. */

import type { Command } from 'commander';
import { elementSize } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { batches } from '../evaluate/data-set.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import { readBytes } from '../host/node/files.ts';
import type { LoadableTag } from '../loadable/nvdla/format/tag.ts';
import type { Plan, PlanTensor, Preprocess } from '../program/program.ts';
import type { NvdlaInputs } from '../runtime/nvdla/nvdla-network.ts';
import { type DataFlags, readDataSet, withFit } from './data-flags.ts';
import type { EngineFlags } from './device-flags.ts';
import { refuse } from './options.ts';

export interface InputFlags {
  readonly images?: string;
  readonly fit: DataFlags['fit'];
  readonly input?: readonly string[];
}

export interface RunFlags extends EngineFlags, InputFlags {
  readonly target?: string;
  readonly dump?: string | true;
  readonly compare?: true;
  readonly output?: string;
}

export const withInputs = (command: Command): Command =>
  withFit(
    command
      .option('--images <path>', 'the first batch of an IDX file or of a folder of images')
      .option(
        '--input <name=file...>',
        'raw little-endian elements of an input, in its own type and shape; of a .nvdla by bind id, the bytes of its surface',
      ),
  );

/** @throws cli/usage for an input given twice, or a fit of no images */
export function requireInputFlags(command: Command, { images, input }: InputFlags): void {
  if (images === undefined) refuse(command, ['fit'], 'goes with --images');
  if (images === undefined || input === undefined) return;
  fail('cli/usage', '--images and --input both give the input; one of them is wanted');
}

type InputTensor = Pick<PlanTensor, 'name' | 'shape' | 'dtype'>;

/** The inputs of a compiled network. @throws cli/usage, run/input, file/not-found, evaluate/* */
export async function readInputs(plan: Plan, flags: InputFlags): Promise<Record<string, Tensor>> {
  const described = plan.inputs.map((name) => plan.tensors.find((tensor) => tensor.name === name)!);
  if (flags.images !== undefined) return readImages(described, plan.preprocess, plan.batch, flags.images, flags.fit);
  return readTensors(described, inputFiles(flags));
}

/**
 * The inputs of a stock loadable: tensors where it says what its inputs are, else the bytes of surfaces.
 * @throws cli/usage, run/input, file/not-found, evaluate/*
 */
export async function readStockInputs(tag: LoadableTag | undefined, flags: InputFlags): Promise<NvdlaInputs> {
  const files = inputFiles(flags);
  const isBindId = (name: string): boolean => /^\d+$/.test(name) && !tag?.inputs.some((input) => input.name === name);
  if (tag && ![...files.keys()].some(isBindId)) {
    const images = tag.submissions ?? 1;
    const described = tag.inputs.map(
      ({ name, shape: [first = 1, ...others] }): InputTensor => ({
        name,
        shape: [first * images, ...others],
        dtype: 'float32',
      }),
    );
    if (flags.images !== undefined) return readImages(described, tag.preprocess, images, flags.images, flags.fit);
    return readTensors(described, files);
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
  return surfaces;
}

/** The first batch of a data set for the one input of a network. @throws run/input, evaluate/* */
async function readImages(
  inputs: readonly InputTensor[],
  preprocess: Preprocess | undefined,
  batch: number,
  images: string,
  fit: DataFlags['fit'],
): Promise<Record<string, Tensor>> {
  const [tensor, ...others] = inputs;
  if (!tensor || others.length > 0) {
    return fail('run/input', 'images feed a network with one input', {}, { expected: 1, actual: inputs.length });
  }
  const dataSet = await readDataSet({ images });
  const { name, shape } = tensor;
  const input = { name, shape, ...(preprocess && { preprocess }), fit: { kind: fit } };
  for await (const { inputs: first } of batches(dataSet, input, { limit: batch })) return first;
  return fail('evaluate/data-set', 'there are no images', { file: images });
}

/** `--input name=file`: files by name. @throws cli/usage */
function inputFiles({ input = [] }: InputFlags): ReadonlyMap<string, string> {
  return new Map(
    input.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) fail('cli/usage', '--input wants name=file', {}, { actual: text });
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
}

/** @throws run/input, file/not-found */
async function readTensors(
  inputs: readonly InputTensor[],
  files: ReadonlyMap<string, string>,
): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, path] of files) {
    const tensor = inputs.find((candidate) => candidate.name === name);
    const known = inputs.map((candidate) => candidate.name).join(', ');
    if (!tensor)
      return fail('run/input', 'the network has no input of that name', { value: name }, { expected: known });
    const { dtype, shape } = tensor;
    const bytes = await readBytes(path);
    const expected = elementCount(shape) * elementSize[dtype];
    if (bytes.length !== expected) {
      const detail = { expected: `${expected} bytes (${dtype} ${shape.join('×')})`, actual: `${bytes.length} bytes` };
      fail('run/input', 'the file has another size than the input', { file: path, value: name }, detail);
    }
    tensors[name] = { dtype, shape, bytes };
  }
  return tensors;
}
