/**
 * zod, for every schema of the package. It is told not to compile its parsers: it would call `eval` to find out whether it may,
 * and a page whose content security policy forbids that reports it.
 */

import { config } from 'zod';

config({ jitless: true });

export * from 'zod';
