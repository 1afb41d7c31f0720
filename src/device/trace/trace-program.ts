/**
 * Register traces of the open NVDLA's verification suite (`.cfg`): one command a line, comments after `//`.
 *
 *     mem_init(pri_mem, ADDRESS, SIZE, ALL_ZERO);
 *     mem_load(pri_mem, ADDRESS, "FILE");
 *     reg_write(NVDLA_SDP.S_POINTER_0, VALUE);
 *     poll_reg_equal(NVDLA_CDMA.S_CBUF_FLUSH_STATUS_0, VALUE);
 *     intr_notify(SDP_0, SYNC);
 *     check_crc(SYNC, MEMORY, ADDRESS, SIZE, CRC);
 *     check_nothing(SYNC);
 */

import { fail, type Place } from '../../graph/errors.ts';

export type TraceCommand = { readonly line: number } & (
  | { readonly kind: 'mem_init'; readonly address: bigint; readonly size: number }
  | { readonly kind: 'mem_load'; readonly address: bigint; readonly file: string }
  | { readonly kind: 'reg_write'; readonly register: string; readonly value: number }
  | { readonly kind: 'poll_reg_equal'; readonly register: string; readonly value: number }
  | { readonly kind: 'intr_notify'; readonly interrupt: string; readonly sync: string }
  | {
      readonly kind: 'check_crc';
      readonly sync: string;
      readonly address: bigint;
      readonly size: number;
      readonly crc: number;
    }
  | { readonly kind: 'check_nothing'; readonly sync: string }
);

/** Largest region that a trace may initialise. */
const mostBytes = 2 ** 30;

/** @throws trace/syntax */
export function parseTrace(text: string, file?: string): readonly TraceCommand[] {
  const commands: TraceCommand[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const statement = raw.replace(/\/\/.*$/, '').trim();
    if (statement === '') continue;
    const place: Place = { line: index + 1, ...(file !== undefined && { file }) };
    const match = /^(\w+)\s*\(([^()]*)\)\s*;?$/.exec(statement);
    if (!match) return fail('trace/syntax', 'this is no trace command', place, { actual: statement.slice(0, 80) });
    const args = match[2]!.split(',').map((argument) => argument.trim());
    commands.push({ line: index + 1, ...command(match[1]!, args, place) } as TraceCommand);
  }
  return commands;
}

type WithoutLine<T> = T extends unknown ? Omit<T, 'line'> : never;

function command(name: string, args: readonly string[], place: Place): WithoutLine<TraceCommand> {
  const count = (expected: number): void => {
    if (args.length !== expected) {
      fail('trace/syntax', `${name} has a wrong number of arguments`, place, { expected, actual: args.length });
    }
  };
  const integer = (index: number, most: number): number => {
    const value = bigInteger(args[index]!, place);
    if (value > BigInt(most)) {
      fail('trace/syntax', 'a number is too large', place, { expected: `at most ${most}`, actual: args[index]! });
    }
    return Number(value);
  };
  const word = 0xffffffff;
  switch (name) {
    case 'mem_init': {
      count(4);
      if (args[3] !== 'ALL_ZERO') {
        fail('trace/syntax', 'memory can be initialised to ALL_ZERO only', place, { actual: args[3]! });
      }
      return { kind: 'mem_init', address: bigInteger(args[1]!, place), size: integer(2, mostBytes) };
    }
    case 'mem_load': {
      count(3);
      const file = /^"([^"]+)"$/.exec(args[2]!)?.[1];
      if (file === undefined) return fail('trace/syntax', 'mem_load wants a file name', place, { actual: args[2]! });
      return { kind: 'mem_load', address: bigInteger(args[1]!, place), file };
    }
    case 'reg_write':
    case 'poll_reg_equal':
      count(2);
      return { kind: name, register: args[0]!, value: integer(1, word) };
    case 'intr_notify':
      count(2);
      return { kind: name, interrupt: args[0]!, sync: args[1]! };
    case 'check_crc':
      count(5);
      return {
        kind: name,
        sync: args[0]!,
        address: bigInteger(args[2]!, place),
        size: integer(3, mostBytes),
        crc: integer(4, word),
      };
    case 'check_nothing':
      count(1);
      return { kind: name, sync: args[0]! };
    default:
      return fail('trace/syntax', `there is no trace command ${name}`, place);
  }
}

function bigInteger(text: string, place: Place): bigint {
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text)) {
    fail('trace/syntax', 'a number was expected', place, { actual: text });
  }
  return BigInt(text);
}
