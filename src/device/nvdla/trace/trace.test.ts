import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError, type ErrorCode } from '../../../base/errors.ts';
import { nvSmall } from '../../../targets/nvdla.ts';
import { Bus } from '../../bus.ts';
import { referenceEngines } from '../../engines/reference/engines.ts';
import { NvdlaDevice } from '../nvdla-device.ts';
import { nonZeroChunks, parseMemoryImage, printMemoryImage } from './memory-image.ts';
import { playTrace } from './player.ts';
import { imageFiles, parseTraceFile, runTrace } from './run-trace.ts';
import { crc32 } from './trace-memory.ts';
import { parseTrace, printTrace, type TraceStatement } from './trace-program.ts';

function problem(work: () => unknown): { code: ErrorCode; line?: number } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DlakitError)) throw error;
    const { code, place } = error.problem;
    return { code, ...(place.line !== undefined && { line: place.line }) };
  }
  throw new Error('expected a problem');
}

/** Pooling of two 1×1 pixels: max of 3 and −5. */
const pooling = `
mem_init(pri_mem, 0x80000000, 0x40, ALL_ZERO);   // two pixels
mem_load(pri_mem, 0x80000000, "input.dat");
mem_init(pri_mem, 0x80001000, 0x8, ALL_ZERO);
reg_write(NVDLA_PDP.S_POINTER_0, 0x0);
reg_write(NVDLA_PDP.D_DATA_CUBE_IN_WIDTH_0, 0x1);
reg_write(NVDLA_PDP.D_OPERATION_MODE_CFG_0, 0x11);
reg_write(NVDLA_PDP.D_POOLING_KERNEL_CFG_0, 0x1);
reg_write(NVDLA_PDP.D_DST_BASE_ADDR_LOW_0, 0x80001000);
reg_write(NVDLA_PDP.D_DST_LINE_STRIDE_0, 0x8);
reg_write(NVDLA_PDP.D_DST_SURFACE_STRIDE_0, 0x8);
reg_write(NVDLA_PDP.D_DST_RAM_CFG_0, 0x1);
reg_write(NVDLA_PDP_RDMA.S_POINTER_0, 0x0);
reg_write(NVDLA_PDP_RDMA.D_DATA_CUBE_IN_WIDTH_0, 0x1);
reg_write(NVDLA_PDP_RDMA.D_SRC_BASE_ADDR_LOW_0, 0x80000000);
reg_write(NVDLA_PDP_RDMA.D_SRC_LINE_STRIDE_0, 0x10);
reg_write(NVDLA_PDP_RDMA.D_SRC_SURFACE_STRIDE_0, 0x10);
reg_write(NVDLA_PDP_RDMA.D_SRC_RAM_CFG_0, 0x1);
reg_write(NVDLA_PDP.D_OP_ENABLE_0, 0x1);
reg_write(NVDLA_PDP_RDMA.D_OP_ENABLE_0, 0x1);
intr_notify(PDP_0, sync_id_0);
check_crc(sync_id_0, 1, 0x80001000, 0x8, CRC);
check_nothing(sync_id_0);
`;

const image = '{\n{offset:0x0, size:2, payload:0x03 0xf0} ,\n{offset:0x8, size:2, payload:0xfb 0x01},\n}\n';

const good = `0x${crc32(Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0)).toString(16)}`;

const play = (text: string, pace: 'immediate' | 'stepped' = 'immediate') => {
  const device = new NvdlaDevice({ target: nvSmall, bus: new Bus(), engines: referenceEngines(), pace });
  return playTrace(parseTrace(text), device, { load: () => image });
};

describe('register traces', () => {
  it('run to the bytes that they check, all channels of the atom included', () => {
    expect(play(pooling.replace('CRC', good))).toEqual({ checks: 2, registerWrites: 16 });
  });

  it('wait for hardware that takes its time', () => {
    expect(play(pooling.replace('CRC', good), 'stepped')).toEqual({ checks: 2, registerWrites: 16 });
    const early = pooling.replace('intr_notify(PDP_0, sync_id_0);', '');
    expect(problem(() => play(early.replace('CRC', good), 'stepped'))).toEqual({ code: 'trace/check', line: 22 });
    expect(play('poll_reg_equal(NVDLA_CDMA.S_CBUF_FLUSH_STATUS_0, 0x1);', 'stepped').checks).toBe(1);
  });

  it('let blocks wait only for what was told before', () => {
    const told = 'sync_notify(NVDLA_CACC, go);\nsync_wait(NVDLA_CSC, go);';
    expect(play(told)).toEqual({ checks: 0, registerWrites: 0 });
    expect(problem(() => play('sync_wait(NVDLA_CSC, go);'))).toEqual({ code: 'trace/check', line: 1 });
  });

  it('are the same when they are printed and parsed again', () => {
    const address = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const memory = fc.constantFrom('primary' as const, 'secondary' as const);
    const size = fc.nat({ max: 2 ** 30 });
    const word = fc.nat({ max: 0xffffffff });
    const name = fc.stringMatching(/^[A-Za-z]\w{0,20}$/);
    const register = fc.tuple(name, name).map(([block, register]) => `NVDLA_${block}.${register}_0`);
    const statement: fc.Arbitrary<TraceStatement> = fc.oneof(
      fc.record({ kind: fc.constant('mem_init' as const), memory, address, size }),
      fc.record({ kind: fc.constant('mem_load' as const), memory, address, file: name.map((file) => `${file}.dat`) }),
      fc.record({ kind: fc.constantFrom('reg_write' as const, 'poll_reg_equal' as const), register, value: word }),
      fc.record({ kind: fc.constant('intr_notify' as const), interrupt: name, sync: name }),
      fc.record({ kind: fc.constantFrom('sync_notify' as const, 'sync_wait' as const), block: name, sync: name }),
      fc.record({ kind: fc.constant('check_crc' as const), sync: name, memory, address, size, crc: word }),
      fc.record({ kind: fc.constant('check_nothing' as const), sync: name }),
    );
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        const text = printTrace(statements.map((each) => ({ ...each, remark: 'of no account; (really), "so"' })));
        expect(parseTrace(text)).toEqual(statements.map((each, index) => ({ ...each, line: index + 1 })));
      }),
      { numRuns: 100 },
    );
  });

  it('name the line of a check that fails', () => {
    expect(problem(() => play(pooling.replace('CRC', '0x1')))).toEqual({ code: 'trace/check', line: 22 });
    const early = pooling.replace('intr_notify(PDP_0, sync_id_0);', 'intr_notify(SDP_0, sync_id_0);');
    expect(problem(() => play(early.replace('CRC', good)))).toEqual({ code: 'trace/check', line: 21 });
    const poll = 'poll_reg_equal(NVDLA_CDMA.S_CBUF_FLUSH_STATUS_0, 0x0);';
    expect(problem(() => play(poll))).toEqual({ code: 'trace/check', line: 1 });
    expect(play(poll.replace('0x0', '0x1')).checks).toBe(1);
  });

  it('wait for every stage: an engine whose DMA is not enabled never finishes', () => {
    const text = pooling.replace('reg_write(NVDLA_PDP_RDMA.D_OP_ENABLE_0, 0x1);', '');
    expect(problem(() => play(text.replace('CRC', good))).code).toBe('trace/check');
  });

  it('may not touch memory that they did not set up', () => {
    const text = pooling.replace('D_SRC_BASE_ADDR_LOW_0, 0x80000000', 'D_SRC_BASE_ADDR_LOW_0, 0x90000000');
    expect(problem(() => play(text.replace('CRC', good))).code).toBe('device/fault');
  });

  it.each([
    'reg_write(NVDLA_SDP.S_POINTER_0)',
    'reg_write(NVDLA_SDP.S_POINTER_0, zero)',
    'reg_write(NVDLA_SDP.S_POINTER_0, 0x100000000)',
    'mem_init(pri_mem, 0x0, 0x7fffffff, ALL_ZERO)',
    'mem_init(pri_mem, 0x0, 0x10, RANDOM)',
    'mem_load(pri_mem, 0x0, input.dat)',
    'mem_load(own_mem, 0x0, "input.dat")',
    'sync_wait(NVDLA_CSC)',
    'do_something(1)',
    'reg_write NVDLA_SDP.S_POINTER_0 0',
    'check_crc(a, b, c)',
  ])('are refused where they cannot be parsed: %s', (line) => {
    expect(problem(() => parseTrace(`\n${line};`))).toEqual({ code: 'trace/syntax', line: 2 });
  });

  it.each(['reg_write(NVDLA_SDP.NOTHING_0, 1)', 'intr_notify(CPU_0, x)', 'poll_reg_equal(NVDLA_X.S_STATUS_0, 1)'])(
    'are refused where they name what is not there: %s',
    (line) => {
      expect(problem(() => play(line))).toEqual({ code: 'trace/syntax', line: 1 });
    },
  );

  it.each([
    '{offset:0x0, size:2, payload:0x03}',
    '{offset:0x0, size:1, payload:0x103}',
    '{offset:zero, size:1, payload:0x03}',
    '{offset:0x80000000, size:1, payload:0x03}',
    'garbage {offset:0x0, size:1, payload:0x03}',
    '{offset:0x0, size:1, payload:0x03} garbage',
  ])('refuse the memory image %s', (text) => {
    expect(problem(() => parseMemoryImage(text, 'input.dat')).code).toBe('trace/syntax');
  });
});

describe('memory images', () => {
  it('keep what is not zero, in lines that are not long', () => {
    const sparse = fc
      .array(fc.tuple(fc.nat({ max: 2000 }), fc.uint8Array({ minLength: 1, maxLength: 200 })), { maxLength: 8 })
      .map((parts) => {
        const memory = new Uint8Array(2300);
        for (const [at, bytes] of parts) memory.set(bytes, at);
        return memory;
      });
    fc.assert(
      fc.property(sparse, (memory) => {
        const text = printMemoryImage(nonZeroChunks(memory));
        const copy = new Uint8Array(memory.length);
        for (const { offset, bytes } of parseMemoryImage(text, 'image.dat')) copy.set(bytes, offset);
        expect(copy).toEqual(memory);
        expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThan(400);
        // nvdla/hw verif/verilator/new_trace_to_verilator.py wants each brace and each entry on a line of its own.
        const lines = text.trimEnd().split('\n');
        expect([lines[0], lines.at(-1)]).toEqual(['{', '}']);
        for (const line of lines.slice(1, -1)) {
          expect(line).toMatch(/^\{offset:0x[0-9a-f]+, size:\d+, payload:(0x[0-9a-f]{2} ?)+\} ,$/);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('of nothing but zeros are empty', () => {
    expect(nonZeroChunks(new Uint8Array(5000))).toEqual([]);
  });
});

describe('crc32', () => {
  it('is that of zlib', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});

describe('a trace on a device of its own', () => {
  const run = (text: string, images: Readonly<Record<string, string>>, maximum?: number) =>
    runTrace(parseTraceFile(text, 'pool.cfg'), new Map(Object.entries(images)), nvSmall, {
      ...(maximum !== undefined && { maximum }),
    });
  const code = async (work: Promise<unknown>): Promise<ErrorCode | undefined> =>
    work.then(
      () => undefined,
      (error: unknown) => (error as DlakitError).problem.code,
    );

  it('tells what worked', async () => {
    const trace = parseTraceFile(pooling.replace('CRC', good), 'pool.cfg');
    expect(imageFiles(trace)).toEqual(['input.dat']);
    expect(await run(pooling.replace('CRC', good), { 'input.dat': image })).toEqual({
      checks: 2,
      registerWrites: 16,
      engines: { pdp: 1 },
      pipelines: {
        pdp: { launches: 1, counters: { macs: 0, readBytes: 16, writtenBytes: 8, saturated: 0 } },
      },
    });
  });

  it('is refused where an image is missing or too much memory is asked for', async () => {
    expect(await code(run(pooling.replace('CRC', good), {}))).toBe('file/not-found');
    expect(await code(run('mem_init(pri_mem, 0x80000000, 0x40000000, ALL_ZERO);', {}, 2 ** 20))).toBe('device/memory');
    const far = '{offset:0x7fff0000, size:1, payload:0x01}';
    expect(await code(run('mem_load(pri_mem, 0x80000000, "far.dat");', { 'far.dat': far }))).toBe('device/memory');
  });
});
