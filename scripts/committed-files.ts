/** Files that scripts make and that are committed. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes files, or compares them with those that are there and changes none.
 * @param files path → text
 * @returns the paths of files that are absent or hold another text; none when written
 */
export function writeOrCompare(files: Readonly<Record<string, string>>, write: boolean): readonly string[] {
  if (!write) {
    const differing = Object.entries(files).filter(
      ([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text,
    );
    return differing.map(([path]) => path);
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return [];
}
