/** The way of a mutant of a trace: parsed, and played on a device of its own, which is as good as any. */

import { DlakitError } from '../../../src/base/errors.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Bus } from '../../../src/device/bus.ts';
import { referenceEngines } from '../../../src/device/engines/reference/engines.ts';
import { createWasmEngines } from '../../../src/device/engines/wasm/engines.ts';
import { parseTraceFile, runTrace } from '../../../src/device/nvdla/trace/run-trace.ts';
import type { NvdlaTarget } from '../../../src/targets/target.ts';
import type { Taken } from '../child.ts';

export const traceStages = ['parse', 'play'] as const;

/** The test bench has two memories of 32 MiB. */
const maximum = 1 << 27;
const watchdog = 1 << 22;

const refusals = { parse: /^trace\/syntax$/, play: /^trace\/|^device\/|^file\/not-found$/ } as const;

export async function takeTrace(
  files: ReadonlyMap<string, string>,
  target: NvdlaTarget,
  random: Random,
): Promise<Taken> {
  const [[name, text] = ['', '']] = files;
  let stage: (typeof traceStages)[number] = 'parse';
  const end = (outcome: Taken['outcome']): Taken => ({ input: 'trace', outcome, stage });
  try {
    const trace = parseTraceFile(text, name);
    stage = 'play';
    const engines = random.chance(0.8) ? (bus: Bus) => createWasmEngines(bus, { threads: 1 }) : referenceEngines;
    await runTrace(trace, files, target, { engines, maximum, watchdog });
    return end({ kind: 'passed' });
  } catch (error) {
    if (error instanceof DlakitError && refusals[stage].test(error.problem.code)) {
      return end({ kind: 'refused', stage, code: error.problem.code });
    }
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return end({ kind: 'finding', stage, what: what.slice(0, 4000) });
  }
}
