/**
 * The command line in this process, in a folder of its own: what it prints, how it ends, what it leaves behind. Faster than the built
 * program in a process of its own (test/bad-input), and of the same sources.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { DlakitError } from '../../src/base/errors.ts';
import { type Context, ending } from '../../src/cli/context.ts';
import { createProgram } from '../../src/cli/program.ts';

export interface Outcome {
  /** Undefined when the command did what it was asked to. */
  readonly code: string | undefined;
  /** Exit status. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
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

  delete(name: string): void {
    rmSync(join(this.path, name));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Runs `dla` with these words in the folder. Bugs throw. */
  async run(...words: readonly string[]): Promise<Outcome> {
    const [stdout, stderr]: [string[], string[]] = [[], []];
    const outcome = (code: string | undefined, status: number): Outcome => ({
      code,
      status,
      stdout: stdout.join(''),
      stderr: stderr.join(''),
    });
    const before = process.cwd();
    process.chdir(this.path);
    try {
      const program = createProgram(contextInto(stdout, stderr));
      for (const command of leafCommands(program).values()) {
        command.configureOutput({ writeErr: (text) => void stderr.push(text) });
      }
      await program.parseAsync([...words], { from: 'user' });
      return outcome(undefined, 0);
    } catch (error) {
      if (!(error instanceof DlakitError || error instanceof CommanderError)) throw error;
      const { text, exitStatus } = ending(error);
      stderr.push(text);
      return outcome(error instanceof DlakitError ? error.problem.code : error.code, exitStatus);
    } finally {
      process.chdir(before);
    }
  }
}

const contextInto = (stdout: string[], stderr: string[]): Context => ({
  text: { colour: false, width: 120 },
  signal: new AbortController().signal,
  print: (text) => void stdout.push(`${text}\n`),
  note: (text) => void stderr.push(`${text}\n`),
  async checkpoint() {},
  progress: () => ({ update() {}, stop() {} }),
  steps: () => ({ step() {}, stop() {} }),
});

/** The commands that do something: `trace` alone does not, `trace run` does. */
export function leafCommands(
  command: Command = createProgram(contextInto([], [])),
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
