/**
 * ONNX bytes as a tree of protobuf fields, to be mutated where it hurts and written again with lengths that fit (or,
 * on purpose, do not). Knows just which fields are messages; everything else is kept as it is.
 */

import { nastyIntegers, type Random } from './random.ts';

type Field =
  | { readonly number: number; readonly kind: 'varint'; value: bigint }
  | { readonly number: number; readonly kind: 'fixed'; readonly wire: 1 | 5; value: Uint8Array }
  | { readonly number: number; readonly kind: 'bytes'; value: Uint8Array; lengthError?: number }
  | { readonly number: number; readonly kind: 'message'; fields: Field[]; lengthError?: number };

/** Message type → field number → message type of that field. */
const schema: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Model: { 7: 'Graph', 8: 'OpsetId' },
  OpsetId: {},
  Graph: { 1: 'Node', 5: 'Tensor', 11: 'ValueInfo', 12: 'ValueInfo', 13: 'ValueInfo' },
  Node: { 5: 'Attribute' },
  Attribute: { 5: 'Tensor', 6: 'Graph', 10: 'Tensor', 11: 'Graph' },
  Tensor: {},
  ValueInfo: { 2: 'Type' },
  Type: { 1: 'TensorType' },
  TensorType: { 2: 'Shape' },
  Shape: { 1: 'Dim' },
  Dim: {},
};

export function parseTree(bytes: Uint8Array, type = 'Model'): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    const wire = tag & 7;
    if (wire === 0) fields.push({ number, kind: 'varint', value: varint() });
    else if (wire === 1 || wire === 5) {
      const size = wire === 1 ? 8 : 4;
      fields.push({ number, kind: 'fixed', wire, value: bytes.slice(at, at + size) });
      at += size;
    } else {
      const length = Number(varint());
      const value = bytes.slice(at, at + length);
      at += length;
      const message = schema[type]?.[number];
      fields.push(
        message === undefined
          ? { number, kind: 'bytes', value }
          : { number, kind: 'message', fields: parseTree(value, message) },
      );
    }
  }
  return fields;
}

export function writeTree(fields: readonly Field[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of fields) {
    switch (field.kind) {
      case 'varint':
        parts.push(varintBytes(BigInt(field.number << 3)), varintBytes(field.value));
        break;
      case 'fixed':
        parts.push(varintBytes(BigInt((field.number << 3) | field.wire)), field.value);
        break;
      default: {
        const content = field.kind === 'message' ? writeTree(field.fields) : field.value;
        const length = BigInt(content.length + (field.lengthError ?? 0));
        parts.push(varintBytes(BigInt((field.number << 3) | 2)), varintBytes(length < 0n ? 0n : length), content);
      }
    }
  }
  return concatenate(parts);
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Every list of fields in the tree, so that a place can be picked. */
function lists(fields: Field[], found: Field[][] = []): Field[][] {
  if (fields.length > 0) found.push(fields);
  for (const field of fields) if (field.kind === 'message') lists(field.fields, found);
  return found;
}

/** One to four mutations of the model. */
export function mutateOnnx(model: Uint8Array, random: Random): Uint8Array {
  if (random.next() < 0.05) return model.slice(0, random.below(model.length));
  if (random.next() < 0.05) {
    const copy = model.slice();
    for (let i = 0; i <= random.below(8); i++) copy[random.below(copy.length)] = random.below(256);
    return copy;
  }
  const tree = parseTree(model);
  const strings = lists(tree)
    .flat()
    .flatMap((field) =>
      field.kind === 'bytes' && field.value.length > 0 && field.value.length < 40 ? [field.value] : [],
    );
  for (let count = 0; count <= random.below(4); count++) mutateOnce(random.pick(lists(tree)), strings, random);
  return writeTree(tree);
}

function mutateOnce(list: Field[], strings: readonly Uint8Array[], random: Random): void {
  if (list.length === 0) return;
  const index = random.below(list.length);
  const field = list[index]!;
  switch (random.below(6)) {
    case 0:
      list.splice(index, 1);
      return;
    case 1:
      list.splice(index, 0, structuredClone(field));
      return;
    case 2: {
      const other = random.below(list.length);
      [list[index], list[other]] = [list[other]!, field];
      return;
    }
    case 3:
      if (field.kind === 'message' && random.next() < 0.3) {
        // Deep nesting: the message inside itself, many times over.
        for (let depth = 0; depth < 200; depth++) field.fields = [{ ...field, fields: field.fields.slice(0, 4) }];
        return;
      }
      break;
    default:
  }
  if (field.kind === 'varint') {
    field.value = random.next() < 0.7 ? random.pick(nastyIntegers) : field.value + BigInt(random.below(5) - 2);
  } else if (field.kind === 'fixed') {
    field.value = field.value.map(() => random.pick([0, 0x7f, 0x80, 0xff, random.below(256)]));
  } else if (field.kind === 'message') {
    field.lengthError = random.pick([-1, 1, 5, 1000, 2 ** 31]);
  } else {
    const choice = random.below(5);
    if (choice === 0) field.value = random.pick(strings).slice();
    else if (choice === 1) field.value = field.value.slice(0, random.below(field.value.length + 1));
    else if (choice === 2) field.value = concatenate([field.value, random.pick(strings)]);
    else if (choice === 3) field.lengthError = random.pick([-1, 1, 7, 2 ** 20, 2 ** 32]);
    else field.value = field.value.map((byte) => (random.next() < 0.2 ? random.below(256) : byte));
  }
}
