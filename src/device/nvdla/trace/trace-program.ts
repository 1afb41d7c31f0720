/**
 * Register traces of the open NVDLA's verification suite (`.cfg`): one command a line, comments after `//`.
 *
 *     mem_init(pri_mem, ADDRESS, SIZE, ALL_ZERO);
 *     mem_load(pri_mem, ADDRESS, "FILE");
 *     reg_write(NVDLA_SDP.S_POINTER_0, VALUE);
 *     poll_reg_equal(NVDLA_CDMA.S_CBUF_FLUSH_STATUS_0, VALUE);
 *     intr_notify(SDP_0, SYNC);
 *     sync_notify(NVDLA_CACC, SYNC);
 *     sync_wait(NVDLA_CSC, SYNC);
 *     check_crc(SYNC, pri_mem, ADDRESS, SIZE, CRC);
 *     check_nothing(SYNC);
 *
 * The suite's own player (nvdla/hw verif/testbench/trace_player) works through the writes of each block on their own, all
 * blocks at once; `intr_notify` only names an interrupt, and a block that has to wait for it does so with `sync_wait`.
 * Here statements run from top to bottom, and `intr_notify` itself waits.
 */

import { fail, type Place } from '../../../base/errors.ts';

export type TraceMemory = 'primary' | 'secondary';

export type TraceStatement =
  | { readonly kind: 'mem_init'; readonly memory: TraceMemory; readonly address: bigint; readonly size: number }
  | { readonly kind: 'mem_load'; readonly memory: TraceMemory; readonly address: bigint; readonly file: string }
  | { readonly kind: 'reg_write'; readonly register: string; readonly value: number }
  | { readonly kind: 'poll_reg_equal'; readonly register: string; readonly value: number }
  | { readonly kind: 'intr_notify'; readonly interrupt: string; readonly sync: string }
  | { readonly kind: 'sync_notify' | 'sync_wait'; readonly block: string; readonly sync: string }
  | {
      readonly kind: 'check_crc';
      readonly sync: string;
      readonly memory: TraceMemory;
      readonly address: bigint;
      readonly size: number;
      readonly crc: number;
    }
  | { readonly kind: 'check_nothing'; readonly sync: string };

export type TraceCommand = TraceStatement & { readonly line: number };

/** Largest region that a trace may initialise. */
const mostBytes = 2 ** 30;

/** @throws trace/syntax */
export function parseTrace(text: string, file?: string): readonly TraceCommand[] {
  const commands: TraceCommand[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const content = raw.replace(/\/\/.*$/, '').trim();
    if (content === '') continue;
    const place: Place = { line: index + 1, ...(file !== undefined && { file }) };
    const match = /^(\w+)\s*\(([^()]*)\)\s*;?$/.exec(content);
    if (!match) return fail('trace/syntax', 'this is no trace command', place, { actual: content.slice(0, 80) });
    const args = match[2]!.split(',').map((argument) => argument.trim());
    commands.push({ ...statement(match[1]!, args, place), line: index + 1 });
  }
  return commands;
}

function statement(name: string, args: readonly string[], place: Place): TraceStatement {
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
      const address = bigInteger(args[1]!, place);
      return { kind: name, memory: memory(args[0]!, place), address, size: integer(2, mostBytes) };
    }
    case 'mem_load': {
      count(3);
      const file = /^"([^"]+)"$/.exec(args[2]!)?.[1];
      if (file === undefined) return fail('trace/syntax', 'mem_load wants a file name', place, { actual: args[2]! });
      return { kind: name, memory: memory(args[0]!, place), address: bigInteger(args[1]!, place), file };
    }
    case 'reg_write':
    case 'poll_reg_equal':
      count(2);
      return { kind: name, register: args[0]!, value: integer(1, word) };
    case 'intr_notify':
      count(2);
      return { kind: name, interrupt: args[0]!, sync: args[1]! };
    case 'sync_notify':
    case 'sync_wait':
      count(2);
      return { kind: name, block: args[0]!, sync: args[1]! };
    case 'check_crc':
      count(5);
      return {
        kind: name,
        sync: args[0]!,
        memory: memory(args[1]!, place),
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

/** `1` is what the suite's checks call the primary memory. */
const memories: Readonly<Record<string, TraceMemory>> = { pri_mem: 'primary', sec_mem: 'secondary', 1: 'primary' };

function memory(name: string, place: Place): TraceMemory {
  const found = Object.hasOwn(memories, name) ? memories[name] : undefined;
  return found ?? fail('trace/syntax', 'there is no such memory', place, { actual: name });
}

function bigInteger(text: string, place: Place): bigint {
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text)) {
    fail('trace/syntax', 'a number was expected', place, { actual: text });
  }
  return BigInt(text);
}

/** A statement with a comment behind it. */
export type Remarked<T> = T & { readonly remark?: string };

/** The text that parses back to the statements, in the form that the suite's player reads. */
export function printTrace(statements: readonly Remarked<TraceStatement>[]): string {
  return statements.map((each) => `${print(each)};${each.remark ? ` // ${each.remark}` : ''}\n`).join('');
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const memoryName = (name: TraceMemory): string => (name === 'primary' ? 'pri_mem' : 'sec_mem');

function print(each: TraceStatement): string {
  switch (each.kind) {
    case 'mem_init':
      return `mem_init(${memoryName(each.memory)}, ${hex(each.address)}, ${hex(each.size)}, ALL_ZERO)`;
    case 'mem_load':
      return `mem_load(${memoryName(each.memory)}, ${hex(each.address)}, "${each.file}")`;
    case 'reg_write':
    case 'poll_reg_equal':
      return `${each.kind}(${each.register}, ${hex(each.value)})`;
    case 'intr_notify':
      return `intr_notify(${each.interrupt}, ${each.sync})`;
    case 'sync_notify':
    case 'sync_wait':
      return `${each.kind}(${each.block}, ${each.sync})`;
    case 'check_crc': {
      const { sync, memory: name, address, size, crc } = each;
      return `check_crc(${sync}, ${memoryName(name)}, ${hex(address)}, ${hex(size)}, ${hex(crc)})`;
    }
    case 'check_nothing':
      return `check_nothing(${each.sync})`;
  }
}
