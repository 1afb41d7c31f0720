/** Bytes against bytes: what the device leaves in memory, and what NVIDIA's hardware and models leave there. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  conformanceData,
  fixtures,
  networkCases,
  operationCases,
  regressionCases,
  runCases,
  traceCases,
  txnCases,
} from './nvdla-conformance.ts';

describe('the committed NVDLA goldens', () => {
  it('single operations leave the same bytes, in both interface versions', () => {
    const { counts, failures, refusals } = runCases(operationCases(join(fixtures, 'ops')));
    expect(failures).toEqual([]);
    expect(refusals).toEqual([]);
    expect(counts).toEqual({
      'nv_full CDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full CONV': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full PDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full SDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large CDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large CONV': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large PDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large SDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_small CDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_small CONV': { pass: 2, unsupported: 0, fail: 0 },
      'nv_small PDP': { pass: 4, unsupported: 0, fail: 0 },
      'nv_small SDP': { pass: 2, unsupported: 0, fail: 0 },
    });
  });

  it('networks leave the same bytes after every operation', () => {
    const { counts, failures, refusals } = runCases(networkCases(join(fixtures, 'networks')));
    expect(failures).toEqual([]);
    expect(refusals).toEqual([]);
    expect(Object.values(counts).reduce((sum, { pass }) => sum + pass, 0)).toBe(4);
  });
});

const data = conformanceData();

describe.runIf(data !== undefined)('the NVDLA conformance data', () => {
  const report = (what: string, counts: object): void => console.log(what, counts);

  it('register traces end in the same checksums', () => {
    const { counts, failures, refusals } = runCases(traceCases(join(data!, 'traces', 'nv_small')));
    report('traces', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it("traces of nv_full's test bench pass all their checks", () => {
    const { counts, failures, refusals } = runCases(txnCases(join(data!, 'traces', 'nv_full_txn')));
    report('test bench', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it('single operations leave the same bytes', () => {
    const { counts, failures, refusals } = runCases(operationCases(join(data!, 'cmodel', 'ops')));
    report('operations', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it('networks leave the same bytes, or are refused by name', () => {
    const { counts, failures, refusals } = runCases(networkCases(join(data!, 'cmodel', 'networks')));
    report('networks', counts);
    expect(failures).toEqual([]);
    for (const refusal of refusals) expect(refusal).toMatch(/ not modelled$/);
  });

  it('the loadables of the regression leave the same images, or are refused by name', () => {
    const { counts, failures, refusals } = runCases(regressionCases(join(data!, 'regression')));
    report('regression', counts);
    expect(failures).toEqual([]);
    for (const refusal of refusals) expect(refusal).toMatch(/ not modelled$/);
  });
});
