/** The worker of the test's page: fetches what a task needs from its own site, does it, and tells the page. */

import { DlakitError } from '../../src/base/errors.ts';
import type { Image } from '../../src/evaluate/image.ts';
import { browserHost } from '../../src/host/browser/index.ts';
import { checkCompileRun, type Outcome, runFloat } from './job.ts';

/** What the worker can be asked: strings name files of the site. */
export type Task =
  | {
      readonly kind: 'network';
      readonly model: string;
      readonly cache: string;
      readonly images: string;
      readonly threads: number;
    }
  | { readonly kind: 'float'; readonly model: string; readonly images: string; readonly onnxRuntimeWasm: string }
  | { readonly kind: 'decode'; readonly image: string };

/** What it answers, by the kind of task. */
export interface Answers {
  readonly network: { readonly isolated: boolean; readonly processors: number; readonly outcome: Outcome };
  readonly float: { readonly runtime: string; readonly logits: Uint8Array };
  readonly decode: Image;
}

type Result = { readonly answer: unknown } | { readonly code: string } | { readonly error: string };

export interface Reply {
  readonly result: Result;
  /** What the site's policy kept the worker from: addresses elsewhere, `eval`, … */
  readonly blocked: readonly string[];
}

async function load(name: string): Promise<Uint8Array> {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const work: { readonly [Kind in Task['kind']]: (task: Extract<Task, { kind: Kind }>) => Promise<Answers[Kind]> } = {
  async network(task) {
    const [model, cache, images] = await Promise.all([load(task.model), load(task.cache), load(task.images)]);
    const { processors, spawn } = browserHost();
    const inputs = { model, cache: new TextDecoder().decode(cache), images };
    const outcome = await checkCompileRun(inputs, { threads: task.threads, spawn });
    return { isolated: crossOriginIsolated, processors, outcome };
  },
  async float(task) {
    const wasmBinary = await load(task.onnxRuntimeWasm);
    const runtime = await browserHost({ wasmBinary }).onnxRuntime();
    const logits = await runFloat(await load(task.model), await load(task.images), runtime);
    return { runtime: runtime.name, logits };
  },
  async decode(task) {
    return browserHost().decodeImage(await load(task.image), task.image);
  },
};

const blocked: string[] = [];
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  blocked.push(`${violatedDirective}: ${blockedURI}`);
});

async function resultOf(task: Task): Promise<Result> {
  try {
    return { answer: await work[task.kind](task as never) };
  } catch (error) {
    if (error instanceof DlakitError) return { code: error.problem.code };
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

addEventListener('message', async ({ data: task }: MessageEvent<Task>) => {
  const result = await resultOf(task);
  // Violations are told in a later turn.
  await new Promise((resolve) => setTimeout(resolve, 20));
  postMessage({ result, blocked } satisfies Reply);
});
