import { test } from 'vitest';
import { expectMutants } from './expect-mutants.ts';

test('10,000 mutants of everything that is read', { timeout: 900_000 }, () => expectMutants(10_000));
