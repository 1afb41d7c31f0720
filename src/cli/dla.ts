#!/usr/bin/env node
/** The command line. */

import { createContext, runMain } from './context.ts';
import { createProgram } from './program.ts';

await runMain(async (signal) => {
  await createProgram(createContext(signal)).parseAsync();
});
