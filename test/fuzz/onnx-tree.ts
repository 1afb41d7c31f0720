/**
 * ONNX bytes as a tree of protobuf fields, to be changed where it hurts and written again with lengths that fit (or, on
 * purpose, do not). Knows just which fields are messages, lists of numbers and texts; everything else is kept as it is.
 */

import type { Random } from '../../src/base/random.ts';
import { nastyFloats, nastyIntegers, nastyNames } from './random.ts';

export type Field =
  | { readonly number: number; readonly kind: 'varint'; value: bigint }
  | { readonly number: number; readonly kind: 'fixed'; readonly wire: 1 | 5; value: Uint8Array }
  | { readonly number: number; readonly kind: 'packed'; values: bigint[] }
  | { readonly number: number; readonly kind: 'text'; value: Uint8Array; lengthError?: number }
  | { readonly number: number; readonly kind: 'bytes'; value: Uint8Array; lengthError?: number }
  | { readonly number: number; readonly kind: 'message'; readonly type: string; fields: Field[]; lengthError?: number };

/** Message type → field number → what it holds: a message type, `text`, or `packed` varints. */
const schema: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  Model: { 7: 'Graph', 8: 'OpsetId' },
  OpsetId: { 1: 'text' },
  Graph: { 1: 'Node', 2: 'text', 5: 'Tensor', 11: 'ValueInfo', 12: 'ValueInfo', 13: 'ValueInfo' },
  Node: { 1: 'text', 2: 'text', 3: 'text', 4: 'text', 5: 'Attribute', 7: 'text' },
  Attribute: { 1: 'text', 4: 'text', 5: 'Tensor', 6: 'Graph', 8: 'packed' },
  Tensor: { 1: 'packed', 5: 'packed', 7: 'packed', 8: 'text', 11: 'packed', 13: 'Entry' },
  Entry: { 1: 'text', 2: 'text' },
  ValueInfo: { 1: 'text', 2: 'Type' },
  Type: { 1: 'TensorType' },
  TensorType: { 2: 'Shape' },
  Shape: { 1: 'Dim' },
  Dim: { 2: 'text' },
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
      const end = at + length;
      const held = schema[type]?.[number] ?? 'bytes';
      if (held === 'packed') {
        const values: bigint[] = [];
        while (at < end) values.push(varint());
        fields.push({ number, kind: 'packed', values });
      } else if (held === 'text' || held === 'bytes') fields.push({ number, kind: held, value: bytes.slice(at, end) });
      else fields.push({ number, kind: 'message', type: held, fields: parseTree(bytes.slice(at, end), held) });
      at = end;
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
        const content = contentOf(field);
        const error = 'lengthError' in field ? (field.lengthError ?? 0) : 0;
        const length = BigInt(content.length + error);
        parts.push(varintBytes(BigInt((field.number << 3) | 2)), varintBytes(length < 0n ? 0n : length), content);
      }
    }
  }
  return concatenate(parts);
}

function contentOf(field: Exclude<Field, { readonly kind: 'varint' | 'fixed' }>): Uint8Array {
  if (field.kind === 'message') return writeTree(field.fields);
  return field.kind === 'packed' ? concatenate(field.values.map(varintBytes)) : field.value;
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

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Every list of fields in the tree by the type of the message that it is, so that a place can be picked. */
function listsByType(fields: Field[], type = 'Model', found = new Map<string, Field[][]>()): Map<string, Field[][]> {
  if (fields.length > 0) found.set(type, [...(found.get(type) ?? []), fields]);
  for (const field of fields) if (field.kind === 'message') listsByType(field.fields, field.type, found);
  return found;
}

/** Types in the order in which a network suffers: what is listed often is changed often. */
const targets: readonly string[] = [
  ...Array<string>(8).fill('Attribute'),
  ...Array<string>(8).fill('Node'),
  ...Array<string>(5).fill('Tensor'),
  ...Array<string>(3).fill('Dim'),
  ...Array<string>(3).fill('Graph'),
  'Model',
  'OpsetId',
  'ValueInfo',
  'Type',
  'TensorType',
  'Shape',
  'Entry',
];

const operatorField = 4;

/** One to four changes of a model. `operators` are names to put in place of a node's. */
export function mutateOnnx(model: Uint8Array, random: Random, operators: readonly string[]): Uint8Array {
  if (random.chance(0.02)) return model.slice(0, random.below(model.length));
  if (random.chance(0.02)) {
    const copy = model.slice();
    for (let i = 0; i <= random.below(8); i++) copy[random.below(copy.length)] = random.below(256);
    return copy;
  }
  const tree = parseTree(model);
  const lists = listsByType(tree);
  const texts = [...lists.values()]
    .flat(2)
    .flatMap((field) => (field.kind === 'text' && field.value.length > 0 ? [field.value] : []));
  const changes = random.chance(0.6) ? 1 : 2 + random.below(3);
  for (let count = 0; count < changes; count++) {
    const type = random.pick(targets);
    const found = lists.get(type);
    if (found === undefined) continue;
    mutateOnce(type, random.pick(found), { texts, operators, random });
  }
  return writeTree(tree);
}

interface Material {
  readonly texts: readonly Uint8Array[];
  readonly operators: readonly string[];
  readonly random: Random;
}

function mutateOnce(type: string, list: Field[], material: Material): void {
  const { random, operators } = material;
  if (list.length === 0) return;
  const index = random.below(list.length);
  const field = list[index]!;
  if (type === 'Node' && random.chance(0.2)) {
    for (const held of list)
      if (held.number === operatorField && held.kind === 'text') held.value = utf8(random.pick(operators));
    return;
  }
  switch (random.below(12)) {
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
      if (field.kind === 'message' && random.chance(0.3)) {
        // Deep nesting: the message inside itself, many times over.
        const depth = random.pick([3, 50, 70, 200, 2000]);
        for (let level = 0; level < depth; level++) field.fields = [{ ...field, fields: field.fields.slice(0, 4) }];
        return;
      }
      break;
    default:
  }
  mutateField(field, material);
}

function mutateField(field: Field, { texts, random }: Material): void {
  switch (field.kind) {
    case 'varint':
      field.value = nastyNear(field.value, random);
      return;
    case 'fixed':
      field.value = random.chance(0.7)
        ? floatBytes(random.pick(nastyFloats), field.value.length)
        : random.bytes(field.value.length);
      return;
    case 'packed': {
      const at = random.below(field.values.length + 1);
      const choice = random.below(8);
      if (choice === 0) field.values.splice(at, 1);
      else if (choice === 1) field.values.splice(at, 0, random.pick(nastyIntegers));
      else if (choice === 2) field.values = field.values.map(() => random.pick(nastyIntegers));
      else if (at < field.values.length) field.values[at] = nastyNear(field.values[at]!, random);
      return;
    }
    case 'message':
      if (random.chance(0.15)) field.lengthError = random.pick([-1, 1, 5, 1000, 2 ** 31]);
      else if (field.fields.length > 0) mutateField(random.pick(field.fields), { texts, operators: [], random });
      return;
    case 'text': {
      const choice = random.below(10);
      if (choice < 5) field.value = random.pick(texts).slice();
      else if (choice < 7) field.value = utf8(random.pick(nastyNames));
      else if (choice === 7) field.value = utf8(String(random.pick(nastyIntegers)));
      else if (choice === 8) field.value = field.value.slice(0, random.below(field.value.length + 1));
      else field.value = concatenate([field.value, random.bytes(1)]);
      return;
    }
    case 'bytes':
      mutateBytes(field, random);
  }
}

function mutateBytes(field: { value: Uint8Array; lengthError?: number }, random: Random): void {
  const { value } = field;
  const choice = random.below(12);
  if (choice === 0) field.value = value.slice(0, random.below(value.length + 1));
  else if (choice === 1) field.value = concatenate([value, random.bytes(1 + random.below(8))]);
  else if (choice === 2) field.lengthError = random.pick([-1, 1, 7, 2 ** 20, 2 ** 32]);
  else if (choice < 6) field.value = value.map((byte) => (random.chance(0.2) ? random.below(256) : byte));
  else if (value.length >= 4) {
    // One element, as a 64-bit integer or a float of the width that fits.
    const size = value.length % 8 === 0 && random.chance(0.5) ? 8 : 4;
    const patch =
      size === 8
        ? Uint8Array.from(
            { length: 8 },
            (
              (x: bigint) => (_, byte: number) =>
                Number((x >> BigInt(8 * byte)) & 255n)
            )(random.pick(nastyIntegers)),
          )
        : floatBytes(random.pick(nastyFloats), 4);
    const copy = value.slice();
    const places = Math.floor(value.length / size);
    const every = random.chance(0.2);
    const at = random.below(places);
    for (let place = 0; place < places; place++) if (every || place === at) copy.set(patch, place * size);
    field.value = copy;
  }
}

const nastyNear = (value: bigint, random: Random): bigint =>
  random.chance(0.5) ? random.pick(nastyIntegers) : value + BigInt(random.below(7) - 3);

function floatBytes(value: number, size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  if (size === 8) view.setFloat64(0, value, true);
  else view.setFloat32(0, value, true);
  return new Uint8Array(view.buffer);
}
