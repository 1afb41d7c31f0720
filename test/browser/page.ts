/** A page of a site with one worker: gives it a task and waits for the answer. */

import type { Browser } from 'playwright-core';
import type { Site } from './site.ts';
import type { Answers, Reply, Task } from './worker.ts';

const patience = 40_000;

/**
 * Opens the page, gives the task to a worker, closes the page.
 * @throws Error when the worker fails, when the browser complains of anything, and when the worker tries what the site's
 *   policy forbids: to reach another host above all
 */
export async function ask<Kind extends Task['kind']>(
  browser: Browser,
  site: Site,
  task: Extract<Task, { kind: Kind }>,
): Promise<{ readonly answer: Answers[Kind] } | { readonly code: string }> {
  const context = await browser.newContext();
  const complaints: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(String(error.error())));
  try {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`, { timeout: 15_000 });
    const { result, blocked } = await page.evaluate(talk, { task: task as Task, patience });
    complaints.push(...blocked);
    if (complaints.length > 0) throw new Error(`the browser complains:\n${complaints.join('\n')}`);
    if ('error' in result) throw new Error(`in the worker: ${result.error}`);
    return result as { readonly answer: Answers[Kind] } | { readonly code: string };
  } finally {
    await context.close();
  }
}

/** Runs in the page. */
function talk({ task, patience }: { readonly task: Task; readonly patience: number }): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const worker = new Worker('/main.js', { type: 'module' });
    const timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
    worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`));
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      clearTimeout(timer);
      worker.terminate();
      resolve(data);
    };
    worker.postMessage(task);
  });
}
