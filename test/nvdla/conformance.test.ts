/** Bytes against bytes: what the device leaves in memory, and what NVIDIA's hardware and models leave there. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OperationDesc } from '../../src/loadable/nvdla/format/descriptors.ts';
import { decodeStockLoadable, taskInterfaces } from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { taskDescriptors } from '../../src/loadable/nvdla/format/task-blobs.ts';
import { enginesNamed, fixtures, networkCases, operationCases, passes, runCases, ways } from './conformance.ts';

const both = Object.entries(enginesNamed);

/** What the operations of a folder's loadables are: configuration, engine, precision; pooling by what it takes. */
function covered(folder: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const name of readdirSync(folder)) {
    const target = /nv_(?:small|large|full)/.exec(name)![0];
    const file = ['model.nvdla', 'model_v12.nvdla'].find((each) => existsSync(join(folder, name, each)))!;
    const loadable = decodeStockLoadable(readFileSync(join(folder, name, file)));
    for (const task of loadable.tasks) {
      if (task.interface === taskInterfaces.emulator) found.add(`${target} emulator`);
      else
        for (const operation of taskDescriptors(loadable, task).operations) found.add(`${target} ${what(operation)}`);
    }
  }
  return found;
}

const precisionNames = ['int8', 'int16', 'float16'];

function what({ type, op }: OperationDesc): string {
  switch (type) {
    case 'conv':
    case 'cdp':
      return `${type} ${precisionNames[op.inPrecision]}`;
    case 'sdp':
      return `sdp ${precisionNames[op.srcPrecision]}${op.lutIndex === -1 ? '' : ' table'}`;
    case 'pdp':
      return `pdp ${precisionNames[op.precision]} ${['average', 'max', 'min'][op.mode]}`;
    case 'rubik':
      return `rubik ${precisionNames[op.precision]}`;
    case 'bdma':
      return 'bdma';
  }
}

it('the committed goldens cover every engine, precision and configuration that NVIDIA’s C-model was run on', () => {
  const all = [...covered(join(fixtures, 'ops')), ...covered(join(fixtures, 'networks'))];
  const common = ['cdp int8', 'conv int8', 'emulator', 'pdp int8 average', 'pdp int8 max', 'pdp int8 min', 'sdp int8'];
  const full = [
    'cdp float16',
    'cdp int16',
    'conv float16',
    'conv int16',
    'conv int8',
    'pdp float16 average',
    'pdp float16 max',
    'pdp int8 average',
    'pdp int8 max',
    'pdp int8 min',
    'rubik float16',
    'rubik int8',
    'sdp float16',
    'sdp float16 table',
    'sdp int16',
    'sdp int8',
  ];
  const expected = [
    ...full.map((each) => `nv_full ${each}`),
    ...['nv_large', 'nv_small'].flatMap((target) => common.map((each) => `${target} ${each}`)),
  ];
  expect([...new Set(all)].sort()).toEqual(expected.sort());
});

describe.each(both)('the committed NVDLA goldens, %s', (_, engines) => {
  it('single operations leave the same bytes, in both interface versions', async () => {
    const { counts, failures, refusals } = await runCases(operationCases(join(fixtures, 'ops')), engines);
    expect(failures).toEqual([]);
    expect(refusals).toEqual([]);
    expect(passes(counts)).toEqual({
      'nv_full operation CDP': 4,
      'nv_full operation CONV': 2,
      'nv_full operation PDP': 6,
      'nv_full operation SDP': 10,
      'nv_large operation CDP': 4,
      'nv_large operation CONV': 2,
      'nv_large operation PDP': 6,
      'nv_large operation SDP': 8,
      'nv_small operation CDP': 4,
      'nv_small operation CONV': 4,
      'nv_small operation PDP': 6,
      'nv_small operation SDP': 6,
    });
  });

  it('networks leave the same bytes after every operation', async () => {
    const { counts, failures, refusals } = await runCases(networkCases(join(fixtures, 'networks')), engines);
    expect(failures).toEqual([]);
    expect(refusals).toEqual([]);
    expect(passes(counts)).toEqual({
      'nv_full network fp16 ncxhwx': 3,
      'nv_full network fp16 nhwc': 2,
      'nv_full network int8 ncxhwx': 2,
      'nv_full network int8 nhwc': 2,
      'nv_large network int8 ncxhwx': 2,
      'nv_large network int8 nhwc': 2,
      'nv_small network int8 ncxhwx': 3,
      'nv_small network int8 nhwc': 1,
    });
  });
});

describe.each(Object.entries(ways).slice(1))('the committed NVDLA goldens, %s', (_, way) => {
  it('leave the same bytes', async () => {
    const cases = [...operationCases(join(fixtures, 'ops')), ...networkCases(join(fixtures, 'networks'))];
    const { failures, refusals } = await runCases(cases, enginesNamed.kernels, way);
    expect([failures, refusals]).toEqual([[], []]);
    expect(cases.length).toBeGreaterThan(30);
  });
});
