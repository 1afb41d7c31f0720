/**
 * Images: decoded by sharp, which is imported when the first one is, and folders of them with labels (evaluate/labels.ts says how they
 * are laid out), whose files are read when they are wanted.
 */

import { join } from 'node:path';
import { DlakitError, fail } from '../../base/errors.ts';
import type { DataSet } from '../../evaluate/data-set.ts';
import { type Image, largestSide } from '../../evaluate/image.ts';
import {
  isImageFile,
  type LabelledFile,
  type Labels,
  labelFolders,
  parseClasses,
  parseLabels,
} from '../../evaluate/labels.ts';
import { listFolder, readBytes, readText } from './files.ts';

/**
 * A folder as a data set: sub-folders are classes, or `labels.txt` labels the files. A folder that has neither is a set
 * of images without labels, for calibration.
 * @throws file/not-found, evaluate/data-set
 */
export async function readImageFolder(folder: string): Promise<DataSet> {
  const entries = await listFolder(folder);
  const has = (name: string) => entries.some((entry) => entry.name === name && !entry.folder);
  const listed = has('classes.txt')
    ? parseClasses(await readText(join(folder, 'classes.txt')), join(folder, 'classes.txt'))
    : undefined;
  const { files, classes } = await findFiles(folder, entries, has('labels.txt'), listed);
  if (files.length === 0) fail('evaluate/data-set', 'the folder holds no images', { file: folder });
  return {
    name: folder,
    size: files.length,
    ...(classes && { classes }),
    async sample(index, alpha) {
      const { file, label } = files[index]!;
      const path = join(folder, file);
      return {
        image: await decodeImage(await readBytes(path), path, alpha),
        file: path,
        ...(label !== undefined && { label }),
      };
    },
  };
}

/** One image as a data set. */
export const readImageFile = (file: string): DataSet => ({
  name: file,
  size: 1,
  sample: async (_, alpha) => ({ image: await decodeImage(await readBytes(file), file, alpha), file }),
});

type Found = Omit<Labels, 'files'> & {
  readonly files: readonly (Omit<LabelledFile, 'label'> & { readonly label?: number })[];
};

async function findFiles(
  folder: string,
  entries: readonly { readonly name: string; readonly folder: boolean }[],
  labelled: boolean,
  listed: readonly string[] | undefined,
): Promise<Found> {
  if (labelled) {
    const file = join(folder, 'labels.txt');
    return parseLabels(await readText(file), listed, file);
  }
  const folders = entries.filter((entry) => entry.folder && !entry.name.startsWith('.')).map(({ name }) => name);
  if (folders.length === 0) {
    return { files: entries.filter(({ name }) => isImageFile(name)).map(({ name }) => ({ file: name })) };
  }
  const { classes, labels } = labelFolders(folders, listed);
  const files: LabelledFile[] = [];
  for (const name of folders) {
    const label = labels.get(name);
    if (label === undefined) {
      return fail('evaluate/data-set', 'a folder is no class of classes.txt', { file: join(folder, name) });
    }
    for (const entry of await listFolder(join(folder, name))) {
      if (!entry.folder && isImageFile(entry.name)) files.push({ file: join(name, entry.name), label });
    }
  }
  return { files, ...(classes && { classes }) };
}

type Sharp = typeof import('sharp').default;

let loaded: Promise<Sharp> | undefined;

/** Decodes PNG, JPEG, WebP, GIF, TIFF or AVIF to RGB (with `alpha` to RGBA), turned as its EXIF says. @throws evaluate/image */
export async function decodeImage(data: Uint8Array, file: string, alpha = false): Promise<Image> {
  loaded ??= import('sharp').then((module) => module.default);
  let sharp: Sharp;
  try {
    sharp = await loaded;
  } catch {
    loaded = undefined;
    return fail('evaluate/image', 'decoding images needs sharp; install it with: npm install sharp', { file });
  }
  try {
    const turned = sharp(data, { limitInputPixels: largestSide * largestSide, failOn: 'error' }).autoOrient();
    const coloured = alpha
      ? turned.toColourspace('srgb').ensureAlpha()
      : turned.flatten({ background: '#000' }).toColourspace('srgb').removeAlpha();
    const { data: pixels, info } = await coloured.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (channels !== (alpha ? 4 : 3))
      return fail('evaluate/image', 'the image has no RGB form', { file }, { actual: `${channels} channels` });
    return { width, height, channels, pixels: new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength) };
  } catch (error) {
    if (error instanceof DlakitError) throw error;
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    return fail('evaluate/image', `the image cannot be decoded: ${reason}`, { file });
  }
}
