/**
 * `npm run test:flaky`: runs every file that draws random numbers (property tests and the fuzzers) again and again, 20 times on
 * 5 seeds unless told otherwise, and fails when one run does. The suite itself runs on one seed (test/seed.ts).
 *
 *     npm run test:flaky -- --runs 20 --seeds 5 [file …]
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '20' }, seeds: { type: 'string', default: '5' } },
});
const [runs, seeds] = [Number(values.runs), Number(values.seeds)];

const random = /fc\.(?:assert|check)\(|random-nodes|test\/fuzz|from '\.\/journey|\/seed\.ts'/;
const files =
  positionals.length > 0
    ? positionals
    : ['src', 'test']
        .flatMap((folder) =>
          readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
        )
        .filter((path) => path.endsWith('.test.ts') && !path.endsWith('.deep.test.ts'))
        .filter((path) => path.includes('fuzz') || random.test(readFileSync(join(root, path), 'utf8')))
        .sort();

let failed = 0;
for (let run = 0; run < runs; run++) {
  const seed = 1 + (run % seeds) * 7919;
  const { status } = spawnSync('npx', ['vitest', 'run', '--reporter=dot', ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DLAKIT_SEED: `${seed}` },
  });
  if (status !== 0) failed++;
  console.log(`run ${run + 1} of ${runs}, seed ${seed}: ${status === 0 ? 'green' : 'RED'}`);
}
console.log(`${files.length} files, ${runs} runs on ${seeds} seeds, ${failed} red`);
process.exitCode = failed === 0 ? 0 : 1;
