import { describe, expect, it } from 'vitest';
import { DlakitError, type ErrorCode } from '../../graph/errors.ts';
import { nvSmall } from '../../targets/nvdla.ts';
import { Bus } from '../bus.ts';
import { NvdlaDevice } from '../nvdla/nvdla-device.ts';
import { referenceEngines } from '../reference/engines.ts';
import { crc32 } from './crc32.ts';
import { parseMemoryImage } from './memory-image.ts';
import { playTrace } from './player.ts';
import { parseTrace } from './trace-program.ts';

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

const play = (text: string, load: (file: string) => string = () => image) => {
  const device = new NvdlaDevice({ target: nvSmall, bus: new Bus(), engines: referenceEngines() });
  return playTrace(parseTrace(text), device, { load });
};

describe('register traces', () => {
  it('run to the bytes that they check, all channels of the atom included', () => {
    expect(play(pooling.replace('CRC', good))).toEqual({ checks: 2, registerWrites: 16 });
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

describe('crc32', () => {
  it('is that of zlib', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});
