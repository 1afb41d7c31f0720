/**
 * Files. A file is either written completely or not at all: bytes go to a temporary file in the same folder, which is
 * then renamed. While such a file is there, Ctrl-C removes it before the process ends.
 */

import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail } from '../../base/errors.ts';
import type { ByteSource } from '../../evaluate/tensor-files.ts';

/** @throws file/not-found */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    const data = await readFile(file);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  } catch (error) {
    return fail('file/not-found', `the file cannot be read: ${reasonOf(error)}`, { file });
  }
}

/** A file of which parts are read. @throws file/not-found */
export async function byteSource(file: string): Promise<ByteSource> {
  const reading = async <T>(work: (handle: FileHandle) => Promise<T>): Promise<T> => {
    try {
      const handle = await open(file, 'r');
      try {
        return await work(handle);
      } finally {
        await handle.close();
      }
    } catch (error) {
      return fail('file/not-found', `the file cannot be read: ${reasonOf(error)}`, { file });
    }
  };
  const { size } = await reading((handle) => handle.stat());
  return {
    file,
    size,
    read: (offset, length) =>
      reading(async (handle) => {
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length; ) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) throw new Error('it ends early');
          done += bytesRead;
        }
        return bytes;
      }),
  };
}

/** @throws file/not-found */
export const readText = async (file: string): Promise<string> => new TextDecoder().decode(await readBytes(file));

/** Names of the entries of a folder, sorted by code point. @throws file/not-found */
export async function listFolder(
  folder: string,
): Promise<readonly { readonly name: string; readonly folder: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const kinds = await Promise.all(
      entries.map(async (entry) =>
        entry.isSymbolicLink() ? (await stat(join(folder, entry.name))).isDirectory() : entry.isDirectory(),
      ),
    );
    return entries
      .map(({ name }, index) => ({ name, folder: kinds[index]! }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    return fail('file/not-found', `the folder cannot be read: ${reasonOf(error)}`, { file: folder });
  }
}

/** Writes a file, and the folders that lead to it; the old file, if there is one, stays until the new one is whole. @throws file/not-writable */
export const writeFile = (file: string, data: Uint8Array | string): Promise<void> => writeFiles([[file, data]]);

/** A file that is marked `executable` may be run by whoever may read it. */
export type FileToWrite = readonly [file: string, data: Uint8Array | string, mode?: 'executable'];

/**
 * Writes several files: all of them are complete on disk before the first takes its name.
 * @throws file/not-writable, leaving nothing new behind
 */
export async function writeFiles(files: readonly FileToWrite[]): Promise<void> {
  const made: string[] = [];
  const waiting: { readonly file: string; readonly temporary: string }[] = [];
  try {
    for (const [file, data, mode] of files) {
      await attempt(file, async () => {
        const folder = dirname(file);
        const first = await makeFolder(folder);
        if (first !== undefined) made.push(first);
        if ((await stat(file).catch(() => undefined))?.isDirectory()) throw new Error('it is a folder');
        const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
        waiting.push({ file, temporary });
        guard(temporary);
        const handle = await open(temporary, 'wx', mode === 'executable' ? 0o777 : 0o666);
        try {
          await handle.writeFile(data);
          await handle.sync();
        } finally {
          await handle.close();
        }
      });
    }
    for (const { file, temporary } of waiting) await attempt(file, () => rename(temporary, file));
  } catch (error) {
    for (const { temporary } of waiting) await rm(temporary, { force: true }).catch(() => {});
    // Another process may have put files there by now: only empty folders are removed.
    for (const folder of made.reverse()) await removeEmpty(folder);
    throw error;
  } finally {
    for (const { temporary } of waiting) release(temporary);
  }
}

/**
 * Makes a folder and those that lead to it. @returns the topmost that was made. Node's own `recursive` never ends where
 * the file system refuses a folder with ENOENT although its parent is there, as /proc does.
 */
async function makeFolder(folder: string): Promise<string | undefined> {
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return undefined;
  const parent = dirname(folder);
  const above = parent === folder ? undefined : await makeFolder(parent);
  try {
    await mkdir(folder);
  } catch (error) {
    // Another process may have made the folder in between.
    if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
      if (above !== undefined) await removeEmpty(above);
      throw error;
    }
    return above;
  }
  return above ?? folder;
}

async function removeEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return;
  for (const entry of entries) {
    if (!entry.isDirectory()) return;
    await removeEmpty(join(folder, entry.name));
  }
  if ((await readdir(folder)).length === 0) await rm(folder, { recursive: true, force: true });
}

async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    return fail('file/not-writable', `the file cannot be written: ${reasonOf(error)}`, { file });
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EEXIST: 'a part of the path is no folder',
  ENOSPC: 'no space left',
  EROFS: 'the file system is read-only',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return (code !== undefined && reasons[code]) || error.message;
}

const guarded = new Set<string>();
const signals = ['SIGINT', 'SIGTERM'] as const;

function removeGuarded(): void {
  for (const file of guarded) rmSync(file, { force: true });
}

function onSignal(signal: NodeJS.Signals): void {
  removeGuarded();
  // Another listener decides how the process ends. Without one it has to end as if nobody had caught the signal.
  if (process.listenerCount(signal) > 1) return;
  for (const name of signals) process.off(name, onSignal);
  process.kill(process.pid, signal);
}

function guard(file: string): void {
  if (guarded.size === 0) {
    process.on('exit', removeGuarded);
    for (const signal of signals) process.on(signal, onSignal);
  }
  guarded.add(file);
}

function release(file: string): void {
  if (!guarded.delete(file) || guarded.size > 0) return;
  process.off('exit', removeGuarded);
  for (const signal of signals) process.off(signal, onSignal);
}
