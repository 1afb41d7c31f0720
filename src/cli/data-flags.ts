/** The flags that name images, and the data set and input that follow from them. */

import { stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { fail } from '../base/errors.ts';
import type { DataSet, ImageInput } from '../evaluate/data-set.ts';
import { idxDataSet } from '../evaluate/idx.ts';
import type { Fit } from '../evaluate/image.ts';
import { readBytes } from '../host/node/files.ts';
import { readImageFolder } from '../host/node/images.ts';
import type { PreparedNetwork } from '../index.ts';
import type { Preprocess } from '../program/program.ts';
import type { PreprocessFlags } from './compile-flags.ts';

export interface DataFlags extends PreprocessFlags {
  readonly images: string;
  readonly labels?: string;
  readonly limit?: number;
  readonly fit: Fit['kind'];
}

export const withImages = (command: Command): Command =>
  withFit(command.requiredOption('--images <path>', 'an IDX file of images (may be gzipped), or a folder of images'));

export const withFit = (command: Command): Command =>
  command.addOption(
    new Option('--fit <how>', 'how images become the input’s size')
      .choices(['exact', 'stretch', 'crop'])
      .default('exact'),
  );

/** @throws file/not-found, evaluate/data-set */
export async function readDataSet({ images, labels }: Pick<DataFlags, 'images' | 'labels'>): Promise<DataSet> {
  const found = await stat(images).catch(() => undefined);
  if (found?.isDirectory()) {
    if (labels !== undefined) fail('cli/usage', '--labels goes with an IDX file; a folder brings its own labels');
    return readImageFolder(images);
  }
  const bytes = await readBytes(images);
  const marks = labels === undefined ? undefined : await readBytes(labels);
  return idxDataSet(bytes, marks, { images, ...(labels !== undefined && { labels }) });
}

/** The one image input of a network. @throws evaluate/data-set when it has several inputs */
export function imageInputOf(
  { graph }: PreparedNetwork,
  preprocess: Preprocess | undefined,
  fit: Fit['kind'],
): ImageInput {
  const [name, ...others] = graph.inputs;
  const shape = name === undefined ? undefined : graph.values.get(name)?.shape;
  if (name === undefined || others.length > 0 || !shape) {
    return fail(
      'evaluate/data-set',
      'images feed a network with one input',
      {},
      { expected: 1, actual: graph.inputs.length },
    );
  }
  return { name, shape: shape.map(Number), ...(preprocess && { preprocess }), fit: { kind: fit } };
}
