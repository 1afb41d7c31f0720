/** The child process of the mutants of everything that is read, but for what only the open NVDLA reads. */

import { serve } from './child.ts';
import { Journey } from './journey.ts';
import { mutantOf, stock } from './mutant.ts';
import { randomOf } from './random.ts';

const base = stock();

serve(async (seed, index) => {
  const random = randomOf(seed, index);
  const mutant = mutantOf(random, base);
  const journey = new Journey(random);
  const outcome = await journey.take(mutant);
  return { input: mutant.kind, outcome, stage: journey.stage };
});
