/** The worker of the test's page: fetches what a job needs from its own site, does it, and tells the page. */

import { browserHost } from '../../src/host/browser/index.ts';
import { checkCompileRun, type Outcome } from './job.ts';

/** Names of files on the site. */
export interface Request {
  readonly model: string;
  readonly cache: string;
  readonly images: string;
  readonly threads: number;
}

export interface Reply {
  readonly isolated: boolean;
  readonly processors: number;
  readonly outcome: Outcome;
}

async function load(name: string): Promise<Uint8Array> {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function answer(request: Request): Promise<Reply> {
  const [model, cache, images] = await Promise.all([load(request.model), load(request.cache), load(request.images)]);
  const { processors, spawn } = browserHost();
  const outcome = await checkCompileRun(
    { model, cache: new TextDecoder().decode(cache), images },
    { threads: request.threads, spawn },
  );
  return { isolated: crossOriginIsolated, processors, outcome };
}

addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  try {
    postMessage({ reply: await answer(data) });
  } catch (error) {
    postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
