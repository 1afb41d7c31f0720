import { test } from 'vitest';
import { expectNvdlaMutants } from './expect-mutants.ts';

test('10,000 mutants of what the open NVDLA reads', { timeout: 900_000 }, () => expectNvdlaMutants(10_000));
