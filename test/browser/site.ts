/** A web site on this machine: an empty page and files beside it, isolated (COOP and COEP headers) or not. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Site {
  readonly origin: string;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
};

const page = '<!doctype html><title>dlakit</title><link rel="icon" href="data:,">';

/** What sites of some care send: no code but their own, no `eval`, no other host. Workers from blobs are threads. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  'img-src data:',
].join('; ');

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** @param files name → contents; a name that is not among them gets 404 */
export async function openSite(files: ReadonlyMap<string, Uint8Array>, isolated: boolean): Promise<Site> {
  const served = new Map<string, Uint8Array>([...files, ['', new TextEncoder().encode(page)]]);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const name = path.slice(1);
    const body = served.get(name);
    response.writeHead(body ? 200 : 404, {
      'Content-Type': types[name === '' ? 'html' : (name.split('.').at(-1) ?? '')] ?? 'application/octet-stream',
      'Content-Security-Policy': policy,
      'Cache-Control': 'no-store',
      ...(isolated && isolation),
    });
    response.end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
