/**
 * The command line in this process, in a folder of its own: what it prints, how it ends, what it leaves behind. Faster than the built
 * program in a process of its own (test/command-line.test.ts), and of the same sources.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { DlakitError } from '../../src/base/errors.ts';
import type { Context } from '../../src/cli/context.ts';
import { createProgram } from '../../src/cli/program.ts';

export interface Outcome {
  /** Undefined when the command did what it was asked to. */
  readonly code: string | undefined;
  readonly message: string;
  readonly stdout: string;
}

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'dlakit-cli-'));

  write(name: string, content: Uint8Array | string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), content);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.path, name)));
  }

  text(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  /** Every file, with slashes. */
  files(): readonly string[] {
    return readdirSync(this.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(this.path.length + 1)
          .replaceAll('\\', '/'),
      )
      .sort();
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Runs `dla` with these words in the folder. Bugs throw. */
  async run(...words: readonly string[]): Promise<Outcome> {
    const printed: string[] = [];
    const before = process.cwd();
    process.chdir(this.path);
    try {
      const program = createProgram(contextInto(printed));
      for (const command of leafCommands(program).values()) command.configureOutput({ writeErr() {} });
      await program.parseAsync([...words], { from: 'user' });
      return { code: undefined, message: '', stdout: printed.join('\n') };
    } catch (error) {
      if (error instanceof DlakitError) {
        return { code: error.problem.code, message: error.message, stdout: printed.join('\n') };
      }
      if (error instanceof CommanderError)
        return { code: error.code, message: error.message, stdout: printed.join('\n') };
      throw error;
    } finally {
      process.chdir(before);
    }
  }
}

const contextInto = (printed: string[]): Context => ({
  text: { colour: false, width: 120 },
  signal: new AbortController().signal,
  print: (text) => void printed.push(text),
  note() {},
  async checkpoint() {},
  progress: () => ({ update() {}, stop() {} }),
});

/** The commands that do something: `trace` alone does not, `trace run` does. */
export function leafCommands(
  command: Command = createProgram(contextInto([])),
  path = '',
): ReadonlyMap<string, Command> {
  if (command.commands.length === 0) return new Map([[path, command]]);
  return new Map(
    command.commands.flatMap((part) => [...leafCommands(part, path === '' ? part.name() : `${path} ${part.name()}`)]),
  );
}

/** What `--help` prints, with what is printed after the flags. */
export function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 1000,
  });
  command.outputHelp();
  return text;
}
