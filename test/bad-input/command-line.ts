/** Runs the built command line as a user does, in a folder of its own, and looks at what is left behind. */

import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/cli/dla.js', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** When the program listens for Ctrl-C; before that, a signal would end it as it ends any program. */
  readonly listens: Promise<void>;
}

/** Writes a byte to descriptor 3 when the program starts to listen for Ctrl-C. */
const announceListening = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs'; process.on('newListener', (event) => { if (event === 'SIGINT') writeSync(3, '!'); });",
)}`;

export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'dlakit-bad-input-'));

  write(name: string, content: Uint8Array | string): string {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return name;
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.folder, name)));
  }

  /** Every file and folder, with the sizes of files. */
  listing(): readonly string[] {
    return readdirSync(this.folder, { recursive: true, encoding: 'utf8' })
      .map((name) => {
        const stat = statSync(join(this.folder, name));
        return stat.isDirectory() ? `${name}/` : `${name} ${stat.size}`;
      })
      .sort();
  }

  start(...args: readonly string[]): Started {
    if (!existsSync(program)) throw new Error('dist/ is not there: run npm run build');
    const child = spawn(process.execPath, ['--import', announceListening, program, ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      let stdout = '';
      let stderr = '';
      child.stdout?.on('data', (data: Buffer) => {
        stdout += data.toString();
      });
      child.stderr?.on('data', (data: Buffer) => {
        stderr += data.toString();
      });
      child.on('error', reject);
      child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
    });
    const listens = new Promise<void>((resolve) => child.stdio[3]?.once('data', () => resolve()));
    return { child, ended, listens };
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
