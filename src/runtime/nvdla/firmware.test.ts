import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError, type Problem } from '../../base/errors.ts';
import { commonDesc } from '../../loadable/nvdla/format/descriptors.ts';
import { decodeStockLoadable, type StockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { nvFull, nvSmall } from '../../targets/nvdla.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { driverOf, submitNow } from './testing/drive.ts';
import { StockNetwork } from './user-driver.ts';

const root = fileURLToPath(new URL('../../../test/fixtures/nvdla/ops', import.meta.url));
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(`${root}/${name}/model_v12.nvdla`));

const conv = bytesOf('nv_small_CONV_s3_002');
const golden = readFileSync(`${root}/nv_small_CONV_s3_002/o.out0.raw`);

function run(loadable: StockLoadable, target: NvdlaTarget = nvSmall): Uint8Array {
  const network = new StockNetwork(loadable, driverOf(target));
  try {
    submitNow(network);
    return network.read(0);
  } finally {
    network.unload();
  }
}

function problem(work: () => unknown): Problem | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  }
  return undefined;
}

/** The loadable with bytes of its dependency graph changed: offset of a field in an operation's record, and its value. */
function withDependencies(changes: readonly { operation: number; offset: number; value: number }[]): StockLoadable {
  const loadable = decodeStockLoadable(conv.slice());
  const { data } = loadable.blobs.find(({ subInterface }) => subInterface === 2)!;
  for (const { operation, offset, value } of changes) data[operation * commonDesc.size + offset] = value;
  return loadable;
}

const dependencyCount = 4;
/** consumers[i].event, and fusedParent's. */
const event = (consumer: number): number => 8 + 4 * consumer + 2;
const [convolution, point] = [0, 1];
const [convType, sdpType, fusedParent] = [1, 2, 6];

describe('the firmware', () => {
  it('runs a convolution with its point operation, again and again on one device', () => {
    const driver = driverOf(nvSmall);
    for (let round = 0; round < 3; round++) {
      const network = new StockNetwork(decodeStockLoadable(conv), driver);
      submitNow(network);
      expect(Buffer.compare(network.read(0), golden)).toBe(0);
      submitNow(network);
      expect(Buffer.compare(network.read(0), golden)).toBe(0);
      network.unload();
    }
  });

  it('says who waits for what when nothing can go on', () => {
    // The point operation waits for the convolution to complete, which waits for the point operation to be enabled.
    const stalled = withDependencies([{ operation: convolution, offset: event(sdpType), value: 1 }]);
    const found = problem(() => run(stalled));
    expect(found?.code).toBe('device/stalled');
    expect(found?.message).toBe(
      'operation 0 (conv) waits for operation 1 (sdp) to be enabled; ' +
        'operation 1 (sdp) waits for operation 0 (conv) to be completed',
    );
    expect([found?.expected, found?.actual]).toEqual(['2 operations', '0 completed']);
  });

  it('notices an operation that waits for an event that nobody raises', () => {
    const stalled = withDependencies([{ operation: convolution, offset: dependencyCount, value: 2 }]);
    const found = problem(() => run(stalled));
    expect(found?.code).toBe('device/stalled');
    expect(found?.message).toContain('operation 0 (conv) waits for an event that nobody raises');
  });

  it('refuses an operation that is told of more events than it waits for', () => {
    const wrong = withDependencies([{ operation: point, offset: dependencyCount, value: 0 }]);
    expect(problem(() => run(wrong))?.code).toBe('loadable/corrupt');
  });

  it('refuses an operation that follows itself, and links to nowhere', () => {
    const link = 8 + 4 * convType;
    const itself = withDependencies([
      { operation: convolution, offset: link, value: 0 },
      { operation: convolution, offset: link + 1, value: 0 },
    ]);
    expect(problem(() => run(itself))?.message).toMatch(/queued twice/);
    const nowhere = withDependencies([
      { operation: point, offset: 8 + 4 * fusedParent, value: 77 },
      { operation: point, offset: 8 + 4 * fusedParent + 1, value: 0 },
    ]);
    expect(problem(() => run(nowhere))?.actual).toMatch(/not there/);
  });

  it('refuses a convolution in a precision that the configuration lacks', () => {
    const found = problem(() => run(decodeStockLoadable(bytesOf('nv_full_CONV_s4_062')), nvSmall));
    expect(found?.code).toBe('device/unsupported');
    expect(found?.message).toBe('nv_small has no int16');
  });

  it('ends in a typed error or in bytes, whatever the descriptors say', () => {
    const sources = ['nv_small_SDP_s4_051', 'nv_small_PDP_s3_008', 'nv_small_CDP_s3_016', 'nv_full_SDP_s4_053'].map(
      (name) => ({ bytes: bytesOf(name), target: name.startsWith('nv_full') ? nvFull : nvSmall }),
    );
    const codes = new Map<string, number>();
    fc.assert(
      fc.property(
        fc.nat({ max: sources.length - 1 }),
        fc.constantFrom(1, 2, 3, 4, 5),
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 2, 0x80, 0xff))), {
          minLength: 1,
          maxLength: 4,
        }),
        (source, list, changes) => {
          const { bytes, target } = sources[source]!;
          const loadable = decodeStockLoadable(bytes.slice());
          const blob = loadable.blobs.find(({ subInterface }) => subInterface === list);
          if (!blob) return;
          // Surfaces fill only the beginning of their records.
          const span = list === 4 ? 160 : Math.min(blob.data.length, 116);
          for (const [at, byte] of changes) blob.data[at % span] = byte;
          const code = problem(() => run(loadable, target))?.code ?? 'completed';
          codes.set(code, (codes.get(code) ?? 0) + 1);
        },
      ),
      { numRuns: 600 },
    );
    for (const code of ['completed', 'device/fault', 'device/stalled', 'loadable/corrupt']) {
      expect(codes.get(code) ?? 0, code).toBeGreaterThan(0);
    }
  });
});
