/**
 * Traces of nv_full's test bench (`input.txn`): one command a line, comments after `#`. Registers are addressed in 32-bit
 * words from 0xffff0000.
 *
 *     load_mem ADDRESS SIZE FILE
 *     write_reg ADDRESS VALUE
 *     read_reg ADDRESS MASK VALUE
 *     wait
 *     dump_mem ADDRESS SIZE FILE
 *
 * `read_reg` waits until the bits of the mask have the value, `wait` until an interrupt comes; `dump_mem` names the file
 * of the expected memory. A memory image is text: lines of bytes; other lines are skipped.
 */

import { fail, type Place } from '../../../base/errors.ts';
import { printBytes } from './memory-image.ts';
import type { Remarked } from './trace-program.ts';

export type TxnStatement =
  | { readonly kind: 'load_mem' | 'dump_mem'; readonly address: bigint; readonly size: number; readonly file: string }
  | { readonly kind: 'write_reg'; readonly address: number; readonly value: number }
  | { readonly kind: 'read_reg'; readonly address: number; readonly mask: number; readonly value: number }
  | { readonly kind: 'wait' };

export type TxnCommand = TxnStatement & { readonly line: number };

const registerBase = 0xffff0000;
const mostBytes = 2 ** 26;

/** @throws trace/syntax */
export function parseTxn(text: string, file?: string): readonly TxnCommand[] {
  const commands: TxnCommand[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const statement = raw.replace(/#.*$/, '').trim();
    if (statement === '') continue;
    const place: Place = { line: index + 1, ...(file !== undefined && { file }) };
    commands.push(command(statement.split(/\s+/), place));
  }
  return commands;
}

const argumentCounts: Readonly<Record<string, number>> = {
  load_mem: 3,
  dump_mem: 3,
  write_reg: 2,
  read_reg: 3,
  wait: 0,
};

function command([name, ...args]: readonly string[], place: Place): TxnCommand {
  const line = place.line!;
  const expected = Object.hasOwn(argumentCounts, name!) ? argumentCounts[name!] : undefined;
  if (expected === undefined) return fail('trace/syntax', `there is no trace command ${name!.slice(0, 80)}`, place);
  if (args.length !== expected) {
    fail('trace/syntax', `${name} has a wrong number of arguments`, place, { expected, actual: args.length });
  }
  const number = (index: number): number => {
    const text = args[index]!;
    if (!/^(0x[0-9a-f]{1,8}|\d{1,9})$/i.test(text)) {
      fail('trace/syntax', 'a number of 32 bits was expected', place, { actual: text.slice(0, 80) });
    }
    return Number(text);
  };
  switch (name) {
    case 'wait':
      return { kind: 'wait', line };
    case 'write_reg':
      return { kind: 'write_reg', address: register(number(0), place), value: number(1), line };
    case 'read_reg':
      return { kind: 'read_reg', address: register(number(0), place), mask: number(1), value: number(2), line };
    default: {
      const size = number(1);
      if (size > mostBytes) {
        fail('trace/syntax', 'a number is too large', place, { expected: `at most ${mostBytes}`, actual: size });
      }
      return { kind: name as 'load_mem' | 'dump_mem', address: BigInt(number(0)), size, file: args[2]!, line };
    }
  }
}

/** The byte address of a register in the configuration space. */
function register(word: number, place: Place): number {
  if (word < registerBase) {
    fail('trace/syntax', 'this is no address of a register', place, { actual: `0x${word.toString(16)}` });
  }
  return (word - registerBase) * 4;
}

/** The bytes of a memory image. @throws trace/syntax */
export function parseMemoryDump(text: string, file: string): Uint8Array {
  const lines = text.split('\n');
  // A byte takes three characters at least: a digit after 0x.
  const bytes = new Uint8Array(Math.ceil(text.length / 3));
  let count = 0;
  for (const [index, line] of lines.entries()) {
    if (!/^\s*0x/i.test(line)) continue;
    for (const token of line.trim().split(/\s+/)) {
      if (!/^0x[0-9a-f]{1,2}$/i.test(token)) {
        fail('trace/syntax', 'a byte was expected', { file, line: index + 1 }, { actual: token.slice(0, 80) });
      }
      bytes[count++] = Number(token);
    }
  }
  return bytes.slice(0, count);
}

/** The text that parses back to the statements. */
export function printTxn(statements: readonly Remarked<TxnStatement>[]): string {
  return statements.map((each) => `${print(each)}${each.remark ? ` #${each.remark}` : ''}\n`).join('');
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const word = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

function print(each: TxnStatement): string {
  switch (each.kind) {
    case 'load_mem':
    case 'dump_mem':
      return `${each.kind} ${hex(each.address)} ${hex(each.size)} ${each.file}`;
    case 'write_reg':
      return `write_reg ${word(registerBase + each.address / 4)} ${word(each.value)}`;
    case 'read_reg':
      return `read_reg ${word(registerBase + each.address / 4)} ${word(each.mask)} ${word(each.value)}`;
    case 'wait':
      return 'wait';
  }
}

/**
 * Bytes of a line; the converters of nvdla/hw (verif/verilator/input_txn_to_verilator.pl) read lines of this length
 * only.
 */
export const dumpLineBytes = 32;

/** The text that parses back to the bytes. */
export function printMemoryDump(bytes: Uint8Array): string {
  const lines = Array.from({ length: Math.ceil(bytes.length / dumpLineBytes) }, (_, line) =>
    printBytes(bytes.subarray(line * dumpLineBytes, (line + 1) * dumpLineBytes)),
  );
  return `${lines.join('\n')}\n`;
}
