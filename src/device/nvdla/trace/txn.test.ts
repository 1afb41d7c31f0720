import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import { nvFull } from '../../../targets/nvdla.ts';
import { Bus } from '../../bus.ts';
import { referenceEngines } from '../../engines/reference/engines.ts';
import { NvdlaDevice } from '../nvdla-device.ts';
import { playTxn } from './txn-player.ts';
import { parseMemoryDump, parseTxn, printMemoryDump, printTxn, type TxnStatement } from './txn-program.ts';

const play = (text: string, files: Readonly<Record<string, string>> = {}) =>
  playTxn(
    parseTxn(text),
    new NvdlaDevice({ target: nvFull, bus: new Bus(), engines: referenceEngines(), pace: 'stepped' }),
    { load: (file) => files[file] ?? '' },
  );

const copyTrace = `
# two lines of 32 bytes
load_mem 0x80000000 0x40 data.dat
write_reg 0xffff1000 0x80000000 #NVDLA_BDMA.CFG_SRC_ADDR_LOW_0
write_reg 0xffff1002 0x80001000
write_reg 0xffff1005 0x3
write_reg 0xffff1006 0x1
write_reg 0xffff1007 0x20
write_reg 0xffff1008 0x20
write_reg 0xffff100c 0x1
write_reg 0xffff100d 0x1
read_reg 0xffff100d 0x00000001 0x00000001
wait
read_reg 0xffff0003 0x00000040 0x00000040
dump_mem 0x80001000 0x40 copy.dat
`;
const line = (first: number): string =>
  Array.from({ length: 32 }, (_, index) => `0x${(first + index).toString(16).padStart(2, '0')}`).join(' ');
const image = `Data_size = 0x40\nW = 8\n${line(1)}\n${line(101)}\n`;

describe("traces of nv_full's test bench", () => {
  it('play, wait for the hardware and compare memory', () => {
    const files = {
      'data.dat': image,
      'copy.dat': `dumped memory,start_address=0x0\n====\n ${line(1)}\n ${line(101)}`,
    };
    expect(play(copyTrace, files)).toEqual({ checks: 4, registerWrites: 8 });
  });

  it.each([
    ['memory that differs', copyTrace, { 'data.dat': image, 'copy.dat': `${line(1)}\n${line(102)}` }, /byte 32/],
    ['an image that is too short', copyTrace, { 'data.dat': line(1) }, /shorter/],
    ['a register that never has the value', 'read_reg 0xffff1004 0x1 0x1', {}, /never has the value/],
    ['an interrupt that never comes', 'wait', {}, /never comes/],
    [
      'memory that is not there',
      copyTrace.replace('0xffff1000 0x8', '0xffff1000 0x1'),
      { 'data.dat': image },
      /leaves the/,
    ],
    ['a command that is unknown', 'jump 1', {}, /no trace command jump/],
    ['a missing argument', 'write_reg 0xffff1000', {}, /number of arguments/],
    ['an address outside the registers', 'write_reg 0x1000 1', {}, /no address of a register/],
    ['a number that is none', 'write_reg 0xffff1000 zero', {}, /32 bits/],
    ['too large a region', 'load_mem 0x80000000 0x7fffffff data.dat', {}, /too large/],
    ['a byte that is none', 'load_mem 0x80000000 0x1 data.dat', { 'data.dat': '0x00 0x1ff' }, /a byte was expected/],
  ])('refuse %s', (_, text, files, message) => {
    expect(() => play(text, files as Readonly<Record<string, string>>)).toThrow(message);
  });

  it('end in a result or a typed error, whatever is written', () => {
    const word = fc.oneof(fc.constantFrom(0, 1, 0xffffffff, 0x80000000), fc.nat({ max: 0xffffffff }));
    const write = fc
      .tuple(fc.nat({ max: 0x4400 }), word)
      .map(([register, value]) => `write_reg 0x${(0xffff0000 + register).toString(16)} ${value & 0xffffff}`);
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), (writes) => {
        try {
          play([...writes, 'write_reg 0xffff100c 1', 'write_reg 0xffff100d 1', 'wait'].join('\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(DlakitError);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('read images whatever stands around the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = [...bytes]
          .map((byte, index) => `0x${byte.toString(16)}${index % 7 === 6 ? '\n# x\n' : ' '}`)
          .join('');
        expect(parseMemoryDump(`W=0x8\n${text}\ndump done\n`, 'f')).toEqual(bytes);
      }),
    );
  });

  it('are the same when they are printed and parsed again', () => {
    const word = fc.nat({ max: 0xffffffff });
    const address = fc.nat({ max: 0xffff }).map((index) => index * 4);
    const statement: fc.Arbitrary<TxnStatement> = fc.oneof(
      fc.record({
        kind: fc.constantFrom('load_mem' as const, 'dump_mem' as const),
        address: word.map(BigInt),
        size: fc.nat({ max: 2 ** 26 }),
        file: fc.stringMatching(/^\w{1,12}$/),
      }),
      fc.record({ kind: fc.constant('write_reg' as const), address, value: word }),
      fc.record({ kind: fc.constant('read_reg' as const), address, mask: word, value: word }),
      fc.constant({ kind: 'wait' as const }),
    );
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        const text = printTxn(statements.map((each) => ({ ...each, remark: 'SDP.D_OP_ENABLE # indeed' })));
        expect(parseTxn(text)).toEqual(statements.map((each, index) => ({ ...each, line: index + 1 })));
      }),
      { numRuns: 100 },
    );
  });

  it('have images of 32 bytes a line, which read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = printMemoryDump(bytes);
        expect(parseMemoryDump(text, 'f')).toEqual(bytes);
        const whole = text.split('\n').slice(0, Math.floor(bytes.length / 32));
        for (const line of whole) expect(line).toMatch(/^(0x[0-9a-f]{2} ){31}0x[0-9a-f]{2}$/);
      }),
    );
  });
});
