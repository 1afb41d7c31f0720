/**
 * A mutant of a stock loadable, a descriptor or a trace is refused or ends as an error of the device. None reads or
 * writes outside the buffers of its task, takes long, or leaves the device worse than it was.
 */

import { expect } from 'vitest';
import { seed } from '../../seed.ts';
import { expectReach } from '../expect-reach.ts';
import { fuzz, fuzzText, nvdlaWorker } from '../fuzz.ts';
import { stages } from './journey.ts';
import { traceStages } from './trace-journey.ts';

const least: Readonly<Record<string, number>> = {
  'file decode': 55,
  'file load': 50,
  'file run': 45,
  'descriptors load': 95,
  'descriptors run': 50,
  'trace parse': 65,
  'trace play': 20,
};

export async function expectNvdlaMutants(count: number): Promise<void> {
  const result = await fuzz({ seed, count, processes: 2, worker: nvdlaWorker });
  console.log(fuzzText(result));
  expect(result.findings).toEqual([]);
  expect([...result.mutants.values()].reduce((sum, of) => sum + of)).toBe(count);
  expectReach(result, { ...stages, trace: traceStages }, least);
  // They reach the firmware, the bus and the engines.
  const codes = new Set([...result.refused.values()].flatMap((of) => [...of.keys()]));
  for (const code of ['loadable/corrupt', 'device/fault', 'device/stalled', 'device/timeout', 'device/unsupported']) {
    expect(codes).toContain(code);
  }
}
