/**
 * The fuzzer: seeded mutants of everything that dlakit reads, in child processes with a memory limit and a watchdog.
 *
 *     npx tsx test/fuzz/fuzz.ts --count 10000 --seed 1
 *     npx tsx test/fuzz/fuzz.ts --seed 1 --only 4711      replays one mutant
 *     npx tsx test/fuzz/fuzz.ts --nvdla                   of what the open NVDLA reads (nvdla/)
 */

import { type ChildProcess, fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Job, Message } from './child.ts';

interface Finding {
  readonly index: number;
  readonly input: string;
  readonly stage: string;
  readonly what: string;
}

export interface FuzzResult {
  readonly findings: readonly Finding[];
  /** input → how many mutants. */
  readonly mutants: ReadonlyMap<string, number>;
  /** `input stage` → code → how many were refused there. */
  readonly refused: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** input → how many went all the way. */
  readonly passed: ReadonlyMap<string, number>;
  /** The slowest mutants, slowest first. */
  readonly slowest: readonly { readonly index: number; readonly milliseconds: number }[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly processes: number;
  readonly only?: number;
  /** The child's program; that of the fuzzer unless given. */
  readonly worker?: URL;
  /** Milliseconds of wall-clock time without a word from a child until it is ended; to its first word it may take ten times as long. */
  readonly watchdog?: number;
  /** MiB of JavaScript heap that a child may have. */
  readonly heap?: number;
}

/** The child's program for what the open NVDLA reads. */
export const nvdlaWorker = new URL('./nvdla/worker.ts', import.meta.url);

/** Where a child that dies at once, again and again, is given up. */
const mostRestarts = 50;

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const tally = new Tally();
  const { seed, count, processes, only } = options;
  const { worker = new URL('./worker.ts', import.meta.url), watchdog = 30_000, heap = 512 } = options;
  const child = { worker, watchdog, heap };
  const runRange = (job: Job): Promise<void> => runJob(job, tally, (rest) => runChild(rest, tally, child));
  if (only !== undefined) await runRange({ seed, from: only, to: only + 1, step: 1 });
  else {
    const jobs = Array.from({ length: processes }, (_, from): Job => ({ seed, from, to: count, step: processes }));
    await Promise.all(jobs.map(runRange));
  }
  return tally.result();
}

/** Runs a job to its end, starting again behind every mutant that ends the child. */
async function runJob(job: Job, tally: Tally, run: (job: Job) => Promise<Death | undefined>): Promise<void> {
  let { from } = job;
  for (let restarts = 0; from < job.to; restarts++) {
    if (restarts > mostRestarts) throw new Error('the fuzzer’s child processes die too often');
    const died = await run({ ...job, from });
    if (died === undefined) return;
    tally.find({ index: died.index, input: '?', stage: '?', what: died.what });
    from = died.index + job.step;
  }
}

interface Death {
  readonly index: number;
  readonly what: string;
}

type Child = Required<Pick<FuzzOptions, 'worker' | 'watchdog' | 'heap'>>;

function runChild(job: Job, tally: Tally, { worker, watchdog, heap }: Child): Promise<Death | undefined> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(worker, {
      execArgv: [`--max-old-space-size=${heap}`, '--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let at: number | undefined;
    let done = false;
    let hung = false;
    let words = '';
    child.stderr?.on('data', (data: Buffer) => {
      words = (words + data.toString()).slice(-4000);
    });
    let timer: NodeJS.Timeout | undefined;
    const wind = (patience: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, patience);
    };
    // Starting is the machine's business, not the mutant's: where much else runs, it takes long.
    wind(10 * watchdog);
    child.on('message', (message: Message) => {
      wind(watchdog);
      if (message.kind === 'start') at = message.index;
      else if (message.kind === 'end') tally.add(message);
      else done = true;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (done) resolve(undefined);
      else if (at === undefined) reject(new Error(`the fuzzer’s child did not start: ${words}`));
      else resolve({ index: at, what: hung ? `hung for ${watchdog} ms` : `died (${signal ?? code}): ${words}` });
    });
    child.send(job);
  });
}

class Tally {
  readonly #findings: Finding[] = [];
  readonly #mutants = new Map<string, number>();
  readonly #passed = new Map<string, number>();
  readonly #refused = new Map<string, Map<string, number>>();
  #slowest: { index: number; milliseconds: number }[] = [];

  find(finding: Finding): void {
    this.#findings.push(finding);
  }

  add({ index, input, outcome, milliseconds }: Extract<Message, { readonly kind: 'end' }>): void {
    raise(this.#mutants, input);
    if (outcome.kind === 'passed') raise(this.#passed, input);
    else if (outcome.kind === 'finding') this.find({ index, input, ...outcome });
    else {
      const key = `${input} ${outcome.stage}`;
      const codes = this.#refused.get(key) ?? new Map<string, number>();
      raise(codes, outcome.code);
      this.#refused.set(key, codes);
    }
    this.#slowest.push({ index, milliseconds });
    if (this.#slowest.length > 100) this.#trim();
  }

  #trim(): void {
    this.#slowest = this.#slowest.sort((a, b) => b.milliseconds - a.milliseconds).slice(0, 5);
  }

  result(): FuzzResult {
    this.#trim();
    return {
      findings: this.#findings.sort((a, b) => a.index - b.index),
      mutants: this.#mutants,
      passed: this.#passed,
      refused: this.#refused,
      slowest: this.#slowest,
    };
  }
}

const raise = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

/** A line for each kind of input and for each stage that refused some of it. */
export function fuzzText({ mutants, refused, passed, slowest }: FuzzResult): string {
  const lines: string[] = [];
  for (const [input, count] of [...mutants].sort(([, a], [, b]) => b - a)) {
    lines.push(`${input}: ${count} mutants, ${passed.get(input) ?? 0} went all the way`);
    for (const [key, codes] of [...refused].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!key.startsWith(`${input} `)) continue;
      const sorted = [...codes].sort(([, a], [, b]) => b - a);
      const total = sorted.reduce((sum, [, number]) => sum + number, 0);
      lines.push(
        `  refused at ${key.slice(input.length + 1)}: ${total} (${sorted.map(([code, number]) => `${code} ${number}`).join(', ')})`,
      );
    }
  }
  lines.push(
    `slowest: ${slowest.map(({ index, milliseconds }) => `#${index} ${Math.round(milliseconds)} ms`).join(', ')}`,
  );
  return lines.join('\n');
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      processes: { type: 'string', default: '2' },
      only: { type: 'string' },
      nvdla: { type: 'boolean', default: false },
    },
  });
  const result = await fuzz({
    seed: Number(values.seed),
    count: Number(values.count),
    processes: Number(values.processes),
    ...(values.only !== undefined && { only: Number(values.only) }),
    ...(values.nvdla && { worker: nvdlaWorker }),
  });
  console.log(fuzzText(result));
  for (const { index, input, stage, what } of result.findings) console.log(`\n#${index} ${input} ${stage}: ${what}`);
  console.log(`\n${result.findings.length} findings`);
  process.exitCode = result.findings.length > 0 ? 1 : 0;
}
