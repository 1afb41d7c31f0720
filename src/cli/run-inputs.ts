/** What a run gets: images, or files that hold the elements of an input. */

import { batches } from '../evaluate/data-set.ts';
import { fail } from '../graph/errors.ts';
import { elementCount, elementSize, type Tensor } from '../graph/tensor.ts';
import { readBytes } from '../host/node/files.ts';
import type { PlanTensor, Preprocess } from '../program/program.ts';
import { type DataFlags, readDataSet } from './data-flags.ts';
import type { EngineFlags } from './open-device.ts';

export interface RunFlags extends EngineFlags {
  readonly target?: string;
  readonly images?: string;
  readonly fit: DataFlags['fit'];
  readonly input?: readonly string[];
  readonly dump?: string | true;
  readonly compare?: true;
  readonly output?: string;
}

export type InputTensor = Pick<PlanTensor, 'name' | 'shape' | 'dtype'>;

/** The first batch of a data set for the one input of a network. @throws run/input, evaluate/* */
export async function readImages(
  inputs: readonly InputTensor[],
  preprocess: Preprocess | undefined,
  batch: number,
  { images, fit }: { readonly images: string; readonly fit: DataFlags['fit'] },
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
export function inputFiles(input: readonly string[] | undefined): ReadonlyMap<string, string> {
  return new Map(
    (input ?? []).map((text) => {
      const at = text.indexOf('=');
      if (at < 1) fail('cli/usage', '--input wants name=file', {}, { actual: text });
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
}

/** @throws run/input, file/not-found */
export async function readTensors(
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
