/** The flags that name what the inputs of a network get: pictures, or files of tensors. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { fail } from '../base/errors.ts';
import { type DataSet, imageSource } from '../evaluate/data-set.ts';
import { type Feed, feedOf, type InputSource } from '../evaluate/feed.ts';
import { idxDataSet } from '../evaluate/idx.ts';
import type { Fit } from '../evaluate/image.ts';
import { isImageFile } from '../evaluate/labels.ts';
import { type TensorInput, tensorSource } from '../evaluate/tensor-files.ts';
import { type Graph, staticShape } from '../graph/graph.ts';
import { imageLayout, imageTypes, type Preprocess, plainPreprocess, preprocessText } from '../graph/preprocess.ts';
import { byteSource, listFolder, readBytes } from '../host/node/files.ts';
import { readImageFile, readImageFolder } from '../host/node/images.ts';
import type { Plan } from '../program/program.ts';
import type { Context } from './context.ts';
import { refuse } from './options.ts';

export interface DataFlags {
  readonly images?: string;
  readonly input?: readonly string[];
  readonly labels?: string;
  readonly limit?: number;
  readonly fit: Fit['kind'];
}

/** @param more what a command adds to what an input may be given as */
export const withData = (command: Command, more = ''): Command =>
  withFit(
    command
      .option(
        '--images <path>',
        'pictures for the one input that takes them: an IDX file (may be gzipped), a folder of images, or one image',
      )
      .option(
        '--input <name=path...>',
        `what another input gets: .npy or raw little-endian elements in its type and shape, as many samples as there are, a folder of such files, or a folder of images; a single sample is the same in every run${more}`,
      ),
  );

const withFit = (command: Command): Command =>
  command.addOption(
    new Option('--fit <how>', 'how images become the input’s size')
      .choices(['exact', 'stretch', 'crop'])
      .default('exact'),
  );

/**
 * Refuses flags of pictures where no input is given any.
 * @param flags as attributes; those of `withData` besides
 * @throws cli/usage
 */
export async function requireDataFlags(
  command: Command,
  given: DataFlags,
  flags: readonly string[] = [],
): Promise<void> {
  if (given.images !== undefined) return;
  refuse(command, ['labels'], 'goes with --images');
  const pictured = await Promise.all([...inputPaths(given).values()].map(isPictures));
  if (!pictured.includes(true)) refuse(command, ['fit', ...flags], 'goes with --images');
}

/** @throws file/not-found, evaluate/data-set */
async function readDataSet({ images, labels }: { images: string; labels?: string | undefined }): Promise<DataSet> {
  const isFolder = (await stat(images).catch(() => undefined))?.isDirectory() === true;
  if (isFolder || isImageFile(images)) {
    if (labels !== undefined) fail('cli/usage', '--labels goes with an IDX file; a folder brings its own labels');
    return isFolder ? readImageFolder(images) : readImageFile(images);
  }
  const bytes = await readBytes(images);
  const marks = labels === undefined ? undefined : await readBytes(labels);
  return idxDataSet(bytes, marks, { images, ...(labels !== undefined && { labels }) });
}

/** `--input name=path`: paths by name. @throws cli/usage */
export function inputPaths({ input = [] }: Pick<DataFlags, 'input'>): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const text of input) {
    const at = text.indexOf('=');
    if (at < 1) fail('cli/usage', '--input wants name=path', {}, { actual: text });
    const name = text.slice(0, at);
    if (paths.has(name)) fail('cli/usage', '--input gives an input twice', { value: name });
    paths.set(name, text.slice(at + 1));
  }
  return paths;
}

/** The inputs of a network as tensors. */
export const graphInputs = (graph: Graph): readonly TensorInput[] =>
  graph.inputs.map((name) => ({
    name,
    shape: staticShape(graph, name) ?? [],
    dtype: graph.values.get(name)?.dtype ?? 'float32',
  }));

/** The tensors that a plan takes. */
export const planInputs = ({ inputs, tensors }: Plan): readonly TensorInput[] =>
  inputs.map((name) => tensors.find((tensor) => tensor.name === name)!);

/** What a network gets, and how the pictures among it are prepared; undefined where there are none. */
export interface GivenData {
  readonly feed: Feed;
  readonly preprocess: Preprocess | undefined;
}

/**
 * What the flags give the inputs of a network.
 * @param batch of the network
 * @throws cli/usage, run/input for an input that nothing is given for, or that the network does not have; evaluate/*, file/not-found, preprocess/*
 */
export async function readData(
  inputs: readonly TensorInput[],
  batch: number,
  preprocess: Preprocess | undefined,
  flags: DataFlags,
): Promise<GivenData> {
  const paths = inputPaths(flags);
  const known = inputs.map(({ name }) => name).join(', ');
  for (const name of paths.keys()) {
    if (inputs.some((input) => input.name === name)) continue;
    fail('run/input', 'the network has no input of that name', { value: name }, { expected: known });
  }
  const pictured = flags.images === undefined ? undefined : pictureInput(inputs, paths);
  const sources: InputSource[] = [];
  let used: Preprocess | undefined;
  for (const input of inputs) {
    const path = paths.get(input.name);
    const dataSet =
      input === pictured
        ? await readDataSet({ images: flags.images!, labels: flags.labels })
        : path !== undefined && (await isPictures(path))
          ? await readDataSet({ images: path })
          : undefined;
    if (dataSet) {
      const channels = imageLayout(input.shape)?.channels;
      const own = preprocess ?? (channels && plainPreprocess(channels));
      sources.push(imageSource(dataSet, { ...input, preprocess: own, fit: { kind: flags.fit } }));
      used = own;
      continue;
    }
    if (path === undefined) {
      return fail('run/input', 'an input is missing', { value: input.name }, { expected: known });
    }
    sources.push(await tensorSource(input, batch, await Promise.all((await tensorFiles(path)).map(byteSource))));
  }
  return { feed: feedOf(sources), preprocess: used };
}

/** The input that `--images` feeds. @throws run/input */
function pictureInput(inputs: readonly TensorInput[], paths: ReadonlyMap<string, string>): TensorInput {
  const [input, ...others] = inputs.filter(
    ({ name, shape, dtype }) => !paths.has(name) && imageTypes.includes(dtype) && imageLayout(shape) !== undefined,
  );
  if (input && others.length === 0) return input;
  const shapes = inputs.map(({ name, shape }) => `${name} ${shape.join('×')}`).join(', ');
  return fail(
    'run/input',
    input
      ? '--images feeds one input, and several take images: name the others with --input'
      : 'no input that --input does not name takes images',
    {},
    { expected: 'N×C×H×W or N×H×W×C with 1, 3 or 4 channels', actual: shapes },
  );
}

const isTensorFile = (name: string): boolean => /\.(npy|bin|raw|f32)$/i.test(name);

/** Whether a path of `--input` holds pictures: an image, or a folder without files of tensors. */
async function isPictures(path: string): Promise<boolean> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return isImageFile(path);
  return !(await listFolder(path)).some(({ name, folder }) => !folder && isTensorFile(name));
}

/** The files of tensors under a path, in the order of their names. @throws evaluate/data-set, file/not-found */
async function tensorFiles(path: string): Promise<readonly string[]> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return [path];
  const entries = await listFolder(path);
  const other = entries.find(({ name, folder }) => folder || isImageFile(name));
  if (other) fail('evaluate/data-set', 'a folder of tensors holds other things', { file: join(path, other.name) });
  return entries.filter(({ name }) => isTensorFile(name)).map(({ name }) => join(path, name));
}

/** Says how pictures became inputs, where there are any. */
export function printPreprocess(preprocess: Preprocess | undefined, context: Context): void {
  if (preprocess) context.print(`pictures: ${preprocessText(preprocess)}`);
}
