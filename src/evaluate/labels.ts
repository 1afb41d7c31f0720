/**
 * Which class the files of a folder belong to. Either every class has a sub-folder, or a `labels.txt` has one line for
 * each file: its name, white space, and the class as an index or a name. `classes.txt`, one name a line, fixes the
 * order of the classes; without it sub-folders are in order of their names, or are indices where all are numbers.
 */

import { fail } from '../base/errors.ts';

export interface LabelledFile {
  readonly file: string;
  readonly label: number;
}

export interface Labels {
  readonly files: readonly LabelledFile[];
  readonly classes?: readonly string[];
}

const lines = (text: string): readonly string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** @throws evaluate/data-set */
export function parseClasses(text: string, file: string): readonly string[] {
  const classes = lines(text);
  const repeated = classes.find((name, index) => classes.indexOf(name) !== index);
  if (repeated !== undefined) fail('evaluate/data-set', `class ${JSON.stringify(repeated)} is listed twice`, { file });
  if (classes.length === 0) fail('evaluate/data-set', 'there are no classes', { file });
  return classes;
}

/** @throws evaluate/data-set */
export function parseLabels(text: string, classes: readonly string[] | undefined, file: string): Labels {
  const entries = text.split(/\r?\n/).flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const match = /^(\S.*?)\s+(\S+)$/.exec(trimmed);
    if (!match) return fail('evaluate/data-set', 'a line names no file and class', { file, line: index + 1 });
    return [{ file: match[1]!, name: match[2]!, line: index + 1 }];
  });
  if (entries.length === 0) fail('evaluate/data-set', 'there are no labels', { file });
  if (!classes && entries.every(({ name }) => isIndex(name))) {
    return { files: entries.map(({ file: image, name }) => ({ file: image, label: Number(name) })) };
  }
  const names = classes ?? [...new Set(entries.map(({ name }) => name))].sort();
  const files = entries.map(({ file: image, name, line }) => {
    const index = names.indexOf(name);
    if (index >= 0) return { file: image, label: index };
    if (isIndex(name) && Number(name) < names.length) return { file: image, label: Number(name) };
    return fail('evaluate/data-set', `${JSON.stringify(name)} is no class`, { file, line });
  });
  return { files, classes: names };
}

/** The class of each sub-folder: its place in the list, its own number where all are numbers, its place in order of names. */
export function labelFolders(
  folders: readonly string[],
  listed?: readonly string[],
): { readonly labels: ReadonlyMap<string, number>; readonly classes?: readonly string[] } {
  if (!listed && folders.every(isIndex)) return { labels: new Map(folders.map((name) => [name, Number(name)])) };
  const classes = listed ?? folders.toSorted();
  const known = new Map(classes.map((name, index) => [name, index] as const));
  return { classes, labels: new Map([...known].filter(([name]) => folders.includes(name))) };
}

const isIndex = (text: string): boolean => /^\d{1,7}$/.test(text);

/** Files that are images by their name. */
export const isImageFile = (name: string): boolean => /\.(png|jpe?g|webp|gif|tiff?|avif|bmp)$/i.test(name);
