/**
 * Runs NVDLA conformance data on the scalar reference and on the kernels, then what is left of its loadables after each way
 * through dlakit, and prints how much of it passes, by configuration and engine.
 *
 *     npm run conformance                        what DLAKIT_NVDLA_DATA names, or ../shared/nvdla
 *     npm run conformance -- FOLDER…             these folders, whole data sets or parts of one
 *     npm run conformance -- --engines kernels   only the kernels, or only the reference
 *
 * Fails when anything differs or is refused, and when a folder is absent or holds no data.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Case, type Counts, casesUnder, enginesNamed, runCases, ways } from '../test/nvdla/conformance.ts';

const beside = fileURLToPath(new URL('../../shared/nvdla', import.meta.url));
const { values, positionals: named } = parseArgs({
  options: { engines: { type: 'string' } },
  allowPositionals: true,
});
const chosen = Object.entries(enginesNamed).filter(([name]) => values.engines === undefined || values.engines === name);
const roots = named.length > 0 ? named : [process.env.DLAKIT_NVDLA_DATA ?? beside];

function gather(root: string): readonly Case[] {
  const cases = casesUnder(root);
  if (cases.length === 0) throw new Error(`${root} holds no conformance data`);
  return cases;
}

function table(counts: Readonly<Record<string, Counts>>): string {
  const rows = Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, { pass, unsupported, fail }]) => [group, `${pass} of ${pass + unsupported + fail}`]);
  const width = Math.max(...rows.map(([group]) => group!.length));
  return rows.map(([group, count]) => `  ${group!.padEnd(width)}  ${count}`).join('\n');
}

try {
  if (chosen.length === 0) throw new Error(`there are no engines ${values.engines}`);
  let failed = 0;
  for (const root of roots) {
    const cases = gather(root);
    const loadables = cases.filter(({ isLoadable }) => isLoadable);
    const runs = Object.entries(ways).flatMap(([what, way], index) =>
      index === 0
        ? chosen.map((engines) => ({ own: cases, engines, what, way }))
        : [{ own: loadables, engines: chosen.at(-1)!, what, way }],
    );
    for (const { own, engines, what, way } of runs) {
      if (own.length === 0) continue;
      const started = performance.now();
      const { counts, failures, refusals } = await runCases(own, engines[1], way);
      const passed = own.length - failures.length - refusals.length;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(
        `${root}, ${what}, ${engines[0]}\n${table(counts)}\n  ${passed} of ${own.length} pass, in ${seconds} s`,
      );
      for (const reason of failures) console.log(`  differs: ${reason}`);
      for (const reason of refusals) console.log(`  refused: ${reason}`);
      failed += failures.length + refusals.length;
    }
  }
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  console.error(
    `${(error as Error).message}\nThe data: traces from nvdla/hw (verif/tests/trace_tests), regression loadables from nvdla/sw (regression/), ` +
      'each in a folder that is named after its configuration; a subset is committed in test/fixtures/nvdla.',
  );
  process.exitCode = 2;
}
