/** All of NVIDIA's traces, operations, networks and loadables, where the data is there (`npm run conformance` says where). */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  conformanceData,
  enginesNamed,
  networkCases,
  operationCases,
  passes,
  regressionCases,
  runCases,
  traceCases,
  txnCases,
} from './conformance.ts';

const data = conformanceData();

describe.runIf(data !== undefined).each(Object.entries(enginesNamed))(
  'the NVDLA conformance data, %s',
  (_, engines) => {
    it.each([
      ['register traces end in the same checksums', traceCases, ['traces', 'nv_small'], 74],
      ["traces of nv_full's test bench pass all their checks", txnCases, ['traces', 'nv_full_txn'], 11],
      [
        'single operations leave the same bytes, in both interface versions',
        operationCases,
        ['cmodel', 'ops'],
        2 * 209,
      ],
      ['networks leave the same bytes after every operation', networkCases, ['cmodel', 'networks'], 66],
      ['the loadables of the regression leave the same images', regressionCases, ['regression'], 15],
    ] as const)('%s', async (_name, casesIn, folder, all) => {
      const { counts, failures, refusals } = await runCases(casesIn(join(data!, ...folder)), engines);
      console.log(counts);
      expect([failures, refusals]).toEqual([[], []]);
      expect(Object.values(passes(counts)).reduce((sum, count) => sum + count)).toBe(all);
    });
  },
);
