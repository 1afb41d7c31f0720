/** Bytes against bytes: what the device leaves in memory, and what NVIDIA's hardware and models leave there. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  conformanceData,
  enginesNamed,
  fixtures,
  networkCases,
  operationCases,
  regressionCases,
  runCases,
  traceCases,
  txnCases,
} from './nvdla-conformance.ts';

const both = Object.entries(enginesNamed);

describe.each(both)('the committed NVDLA goldens, %s', (_, engines) => {
  it('single operations leave the same bytes, in both interface versions', async () => {
    const { counts, failures, refusals } = await runCases(operationCases(join(fixtures, 'ops')), engines);
    expect(failures).toEqual([]);
    expect(refusals).toEqual([]);
    expect(counts).toEqual({
      'nv_full operation CDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full operation CONV': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full operation PDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full operation SDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large operation CDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large operation CONV': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large operation PDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_large operation SDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_small operation CDP': { pass: 2, unsupported: 0, fail: 0 },
      'nv_small operation CONV': { pass: 2, unsupported: 0, fail: 0 },
      'nv_small operation PDP': { pass: 4, unsupported: 0, fail: 0 },
      'nv_small operation SDP': { pass: 2, unsupported: 0, fail: 0 },
    });
  });

  it('networks leave the same bytes after every operation', async () => {
    const { counts, failures, refusals } = await runCases(networkCases(join(fixtures, 'networks')), engines);
    expect(failures).toEqual([]);
    expect(refusals).toEqual([]);
    expect(counts).toEqual({
      'nv_full network fp16 ncxhwx': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full network fp16 nhwc': { pass: 1, unsupported: 0, fail: 0 },
      'nv_full network int8 ncxhwx': { pass: 2, unsupported: 0, fail: 0 },
      'nv_full network int8 nhwc': { pass: 1, unsupported: 0, fail: 0 },
      'nv_large network int8 ncxhwx': { pass: 1, unsupported: 0, fail: 0 },
      'nv_large network int8 nhwc': { pass: 1, unsupported: 0, fail: 0 },
      'nv_small network int8 ncxhwx': { pass: 3, unsupported: 0, fail: 0 },
      'nv_small network int8 nhwc': { pass: 1, unsupported: 0, fail: 0 },
    });
  });
});

const data = conformanceData();

describe.runIf(data !== undefined).each(both)('the NVDLA conformance data, %s', (_, engines) => {
  const report = (what: string, counts: object): void => console.log(what, counts);

  it('register traces end in the same checksums', async () => {
    const { counts, failures, refusals } = await runCases(traceCases(join(data!, 'traces', 'nv_small')), engines);
    report('traces', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it("traces of nv_full's test bench pass all their checks", async () => {
    const { counts, failures, refusals } = await runCases(txnCases(join(data!, 'traces', 'nv_full_txn')), engines);
    report('test bench', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it('single operations leave the same bytes', async () => {
    const { counts, failures, refusals } = await runCases(operationCases(join(data!, 'cmodel', 'ops')), engines);
    report('operations', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it('networks leave the same bytes after every operation', async () => {
    const { counts, failures, refusals } = await runCases(networkCases(join(data!, 'cmodel', 'networks')), engines);
    report('networks', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });

  it('the loadables of the regression leave the same images', async () => {
    const { counts, failures, refusals } = await runCases(regressionCases(join(data!, 'regression')), engines);
    report('regression', counts);
    expect([failures, refusals]).toEqual([[], []]);
  });
});
