/**
 * Protobuf bytes to the messages of onnx.ts, driven by its table. The bytes are untrusted: every length is checked
 * against the message that holds it, nesting is capped, and the number of messages and numbers that a file may make us
 * allocate is capped too. Tensor payloads are views of the bytes and are never copied.
 */

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { DlakitError, fail } from '../../base/errors.ts';
import { fileKind } from '../file-kind.ts';
import { type Field, type Message, Model, type ModelProto } from './onnx.ts';

/** A message in a message in …; a model with one level of If and a tensor inside needs 10. */
export const maxDepth = 64;
/** Messages and strings in one file. The largest exports of real networks have some hundred thousand. */
const maxItems = 4_000_000;
/** Numbers in attributes and dimensions. Tensor data does not count: it stays in the file. */
const maxNumbers = 32_000_000;
/** Characters of a name. What passes make of names stays below the limit of a Program's. */
export const maxText = 1024;

interface Progress {
  readonly file: Uint8Array;
  offset: number;
  depth: number;
  items: number;
  numbers: number;
  sawVersion: boolean;
}

/**
 * @throws onnx/not-a-model, onnx/truncated, onnx/too-deep, onnx/too-large
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const progress: Progress = { file: bytes, offset: 0, depth: 0, items: 0, numbers: 0, sawVersion: false };
  if (bytes.length === 0) {
    fail('onnx/not-a-model', 'the file is empty', { offset: 0 }, { expected: 'an ONNX model', actual: '0 bytes' });
  }
  let model: ModelProto;
  try {
    model = decode(Model, bytes, progress);
  } catch (error) {
    if (error instanceof DlakitError || !(error instanceof Error)) throw error;
    failAsKind(bytes);
    const place = { offset: progress.offset };
    if (!progress.sawVersion) {
      fail('onnx/not-a-model', 'the bytes do not begin like an ONNX model', place, {
        expected: 'protobuf with an IR version (08 …)',
        actual: beginning(bytes),
      });
    }
    if (error instanceof RangeError && progress.depth === 0) {
      const expected = `at least ${endOfField(bytes, progress.offset)} bytes`;
      fail('onnx/truncated', 'the file ends too early', place, { expected, actual: `${bytes.length} bytes` });
    }
    fail('onnx/not-a-model', `the bytes are not well-formed protobuf: ${error.message}`, place);
  }
  if (!progress.sawVersion || model.graph === undefined) failAsKind(bytes);
  if (!progress.sawVersion) {
    fail(
      'onnx/not-a-model',
      'the file has no IR version',
      {},
      { expected: 'field 1 (08 …)', actual: beginning(bytes) },
    );
  }
  if (model.graph === undefined) {
    const detail = { expected: 'a graph (field 7)', actual: `${bytes.length} bytes without one` };
    fail('onnx/truncated', 'the file ends before the graph', { offset: bytes.length }, detail);
  }
  return model;
}

/** Names a file of another format as what it is. Only what does not decode is looked at: no ONNX model is taken for another. */
function failAsKind(bytes: Uint8Array): void {
  const kind = fileKind(bytes);
  if (kind === undefined) return;
  const detail = { expected: 'an ONNX model', actual: beginning(bytes) };
  fail('onnx/not-a-model', `the file is ${kind.name}; ${kind.advice}`, { offset: 0 }, detail);
}

const beginning = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** Where the field that begins at an offset ends, as far as what is there of it tells. */
function endOfField(bytes: Uint8Array, offset: number): number {
  const reader = new BinaryReader(bytes.subarray(offset));
  try {
    const [, wireType] = reader.tag();
    const length = wireType === WireType.LengthDelimited ? reader.uint32() : wireType === WireType.Bit64 ? 8 : 4;
    return Math.max(bytes.length + 1, offset + reader.pos + length);
  } catch {
    return bytes.length + 1;
  }
}

function decode<T>(message: Message<T>, bytes: Uint8Array, progress: Progress): T {
  if (progress.depth >= maxDepth) {
    const detail = { expected: `at most ${maxDepth} levels`, actual: 'more' };
    fail('onnx/too-deep', 'messages are nested too deep', { offset: offsetOf(bytes, progress) }, detail);
  }
  count(progress);
  const lists = new Map<number, unknown[]>();
  const result: Record<string, unknown> = {};
  for (const field of message.fields.values()) {
    if (!field.repeated) continue;
    const list: unknown[] = [];
    lists.set(field.number, list);
    result[field.name] = list;
  }
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    progress.offset = offsetOf(bytes, progress) + reader.pos;
    const [number, wireType] = reader.tag();
    const field = message.fields.get(number);
    if (field === undefined) {
      reader.skip(wireType, number, maxDepth);
      continue;
    }
    const list = lists.get(number);
    if (list) readRepeated(field, wireType, reader, bytes, list, progress);
    else result[field.name] = readOne(field, wireType, reader, progress);
    if (progress.depth === 0 && number === 1) progress.sawVersion = true;
  }
  return result as T;
}

function readOne(field: Field, wireType: WireType, reader: BinaryReader, progress: Progress): unknown {
  const { type } = field;
  expectWireType(wireType, typeof type === 'function' ? WireType.LengthDelimited : wireTypes[type], field);
  if (typeof type === 'function') {
    const bytes = reader.bytes();
    progress.depth++;
    const value = decode(type(), bytes, progress);
    progress.depth--;
    return value;
  }
  switch (type) {
    case 'int32':
      return reader.int32();
    case 'int64':
      return Number(reader.int64());
    case 'float':
      return reader.float();
    case 'string':
      count(progress);
      return shortText(reader.string(), progress);
    case 'bytes':
      count(progress);
      return reader.bytes();
    case 'payload':
      throw new Error('a payload is always repeated');
  }
}

function readRepeated(
  field: Field,
  wireType: WireType,
  reader: BinaryReader,
  bytes: Uint8Array,
  list: unknown[],
  progress: Progress,
): void {
  if (field.type === 'payload') {
    count(progress);
    list.push(wireType === WireType.LengthDelimited ? reader.bytes() : element(reader, bytes, wireType, field.number));
    return;
  }
  const numeric = field.type === 'int64' || field.type === 'int32' || field.type === 'float';
  if (!numeric) {
    list.push(readOne(field, wireType, reader, progress));
    return;
  }
  const end = wireType === WireType.LengthDelimited ? endOfRun(reader) : undefined;
  do {
    if (end !== undefined && reader.pos >= end) break;
    if (++progress.numbers > maxNumbers) {
      fail(
        'onnx/too-large',
        'the model has too many numbers outside its tensors',
        { offset: progress.offset },
        {
          expected: `at most ${maxNumbers}`,
        },
      );
    }
    list.push(readOne(field, end === undefined ? wireType : wireTypes[field.type as 'int64'], reader, progress));
  } while (end !== undefined);
  if (end !== undefined && reader.pos !== end) throw new Error(`the packed field ${field.name} overruns its length`);
}

function endOfRun(reader: BinaryReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('premature EOF');
  return end;
}

/** The wire bytes of one element that is not packed. */
function element(reader: BinaryReader, bytes: Uint8Array, wireType: WireType, fieldNumber: number): Uint8Array {
  const start = reader.pos;
  if (wireType === WireType.StartGroup || wireType === WireType.EndGroup)
    throw new Error('a group where data should be');
  reader.skip(wireType, fieldNumber, maxDepth);
  return bytes.subarray(start, reader.pos);
}

const wireTypes = {
  int32: WireType.Varint,
  int64: WireType.Varint,
  float: WireType.Bit32,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  payload: WireType.LengthDelimited,
} as const;

function expectWireType(actual: WireType, expected: WireType, field: Field): void {
  if (actual !== expected) throw new Error(`the field ${field.name} has the wrong wire type`);
}

function count(progress: Progress): void {
  if (++progress.items > maxItems) {
    fail(
      'onnx/too-large',
      'the model has too many parts',
      { offset: progress.offset },
      {
        expected: `at most ${maxItems}`,
      },
    );
  }
}

function shortText(text: string, progress: Progress): string {
  if (text.length <= maxText) return text;
  const detail = { expected: `at most ${maxText} characters`, actual: text.length };
  return fail('onnx/too-large', 'a name is too long', { offset: progress.offset }, detail);
}

const offsetOf = (bytes: Uint8Array, progress: Progress): number => bytes.byteOffset - progress.file.byteOffset;
