/** The child process of mutants of what only the open NVDLA reads: stock loadables, their descriptors, and traces. */

import { serve } from '../child.ts';
import { randomOf } from '../random.ts';
import { stockBases } from './bases.ts';
import { StockJourney } from './journey.ts';
import { mutateDescriptors, mutateEntries, mutateWords } from './mutate-loadable.ts';
import { mutateTrace, traceBases } from './mutate-trace.ts';
import { takeTrace } from './trace-journey.ts';

const bases = stockBases();
const traces = traceBases(bases);

/** Shares: descriptors 55 %, entries and words of files 30 %, traces the rest. */
serve(async (seed, index) => {
  const random = randomOf(seed, index);
  const share = random.next();
  if (share > 0.85) {
    const base = random.pick(await traces);
    return takeTrace(mutateTrace(base, random), base.target, random);
  }
  const base = random.pick(bases);
  const journey = new StockJourney(seed, index, random);
  if (share < 0.08) return journey.take({ kind: 'file', base, bytes: mutateWords(base.bytes, random) });
  if (share < 0.3) return journey.take({ kind: 'file', base, bytes: mutateEntries(base.loadable, random) });
  return journey.take({ kind: 'descriptors', base, loadable: mutateDescriptors(base.loadable, random) });
});
