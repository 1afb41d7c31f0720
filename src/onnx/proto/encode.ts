/**
 * The messages of onnx.ts to protobuf bytes, in two passes: sizes first, so that the result is allocated once and
 * every weight is copied once, straight into its place. Fields are written in the order of their numbers and absent
 * ones not at all, so that equal messages give equal bytes.
 */

import { fail } from '../../base/errors.ts';
import { clampInt64 } from '../constant-node.ts';
import type { Field, Message } from './onnx.ts';

/** Protobuf's limit on a message: sizes are signed 32-bit in its implementations. */
const maxBytes = 2 ** 31 - 1;

const wireVarint = 0;
const wireBytes = 2;
const wireFixed32 = 5;

/** @throws onnx/too-large beyond protobuf's 2 GiB */
export function encode<T extends object>(message: Message<T>, value: T): Uint8Array {
  const sizes: Sizes = { messages: new Map(), strings: new Map() };
  const size = messageSize(message, value, sizes);
  if (size > maxBytes) {
    fail(
      'onnx/too-large',
      'the model does not fit one protobuf file',
      {},
      {
        expected: `at most ${maxBytes} bytes`,
        actual: `${size} bytes`,
      },
    );
  }
  const output: Output = { bytes: new Uint8Array(size), position: 0 };
  writeMessage(message, value, sizes, output);
  if (output.position !== size) throw new Error(`encoded ${output.position} bytes where ${size} were planned`);
  return output.bytes;
}

interface Sizes {
  readonly messages: Map<object, number>;
  readonly strings: Map<string, Uint8Array>;
}

interface Output {
  readonly bytes: Uint8Array;
  position: number;
}

/** The values of a field, none if it is absent. */
function* valuesOf(field: Field, message: object): Generator<unknown> {
  const value = (message as Record<string, unknown>)[field.name];
  if (value === undefined) return;
  if (!field.repeated) yield value;
  else yield* value as readonly unknown[];
}

function messageSize(message: Message<unknown>, value: object, sizes: Sizes): number {
  let size = 0;
  for (const field of message.fields.values()) {
    for (const item of valuesOf(field, value)) size += varintSize(field.number << 3) + itemSize(field, item, sizes);
  }
  sizes.messages.set(value, size);
  return size;
}

function itemSize(field: Field, item: unknown, sizes: Sizes): number {
  const { type } = field;
  if (typeof type === 'function') return delimited(messageSize(type(), item as object, sizes));
  switch (type) {
    case 'int32':
    case 'int64':
      return varintSize(item as number);
    case 'float':
      return 4;
    case 'string':
      return delimited(utf8(item as string, sizes).length);
    case 'bytes':
    case 'payload':
      return delimited((item as Uint8Array).length);
  }
}

const delimited = (size: number): number => varintSize(size) + size;

function writeMessage(message: Message<unknown>, value: object, sizes: Sizes, output: Output): void {
  for (const field of message.fields.values()) {
    for (const item of valuesOf(field, value)) writeItem(field, item, sizes, output);
  }
}

function writeItem(field: Field, item: unknown, sizes: Sizes, output: Output): void {
  const { type } = field;
  const tag = (wireType: number): void => writeVarint((field.number << 3) | wireType, output);
  if (typeof type === 'function') {
    tag(wireBytes);
    writeVarint(sizes.messages.get(item as object)!, output);
    writeMessage(type(), item as object, sizes, output);
    return;
  }
  switch (type) {
    case 'int32':
    case 'int64':
      tag(wireVarint);
      writeVarint(item as number, output);
      return;
    case 'float':
      tag(wireFixed32);
      new DataView(output.bytes.buffer).setFloat32(output.position, item as number, true);
      output.position += 4;
      return;
    case 'string':
      tag(wireBytes);
      writeBytes(utf8(item as string, sizes), output);
      return;
    case 'bytes':
    case 'payload':
      tag(wireBytes);
      writeBytes(item as Uint8Array, output);
  }
}

function writeBytes(bytes: Uint8Array, output: Output): void {
  writeVarint(bytes.length, output);
  output.bytes.set(bytes, output.position);
  output.position += bytes.length;
}

function varintSize(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return Math.min(size, 9);
}

/** Negative numbers take ten bytes, as two's complement of 64 bits; beyond int64 is the nearest int64. */
function writeVarint(value: number, output: Output): void {
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
    let rest = BigInt.asUintN(64, clampInt64(value));
    for (; rest >= 128n; rest >>= 7n) output.bytes[output.position++] = Number(rest & 127n) | 128;
    output.bytes[output.position++] = Number(rest);
    return;
  }
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) output.bytes[output.position++] = (rest % 128) | 128;
  output.bytes[output.position++] = rest;
}

function utf8(text: string, { strings }: Sizes): Uint8Array {
  const known = strings.get(text);
  if (known !== undefined) return known;
  const bytes = new TextEncoder().encode(text);
  strings.set(text, bytes);
  return bytes;
}
