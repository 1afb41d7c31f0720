/**
 * The notation that Programs and Plans print in: one statement a line, a keyword and then fields.
 *
 *     surface id=3 name=conv1:out shape=[1 64 56 56] scale=0.0235 # a comment
 *
 *     value   number, true, false, a word (letters first), a JSON string, a list [ … ], a record { key=value … }
 *
 * Words are strings that need no quotes. Numbers print with the fewest digits that read back as the same double. Fields come in
 * an order of their own, whatever order the object was built in, so equal values print equal text.
 *
 * The reader is for untrusted text: depth, counts and lengths have limits, a field may come once, and every refusal names its line.
 */

import { fail } from '../base/errors.ts';

type Printable = number | boolean | string | readonly Printable[] | { readonly [key: string]: Printable };

export interface Statement {
  /** From 1. */
  readonly line: number;
  readonly keyword: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export const notationLimits = {
  characters: 2 ** 25,
  line: 2 ** 23,
  depth: 8,
  items: 2 ** 18,
  values: 2 ** 22,
} as const;

/** The order of fields, as a reader would tell them; what is not listed follows by name. */
const order =
  'id kind name network target release surface shape dtype format memory offset size lineStride surfaceStride batchStride ' +
  'parent origin tableOf after conv sdp pdp cdp resize copy rubik transfers arithmetic op mode input weights bias h w top left bottom right ' +
  'kernel stride padding dilation groups scale shift operand slope low high lut output';
const rank = new Map(order.split(' ').map((key, position) => [key, position]));
const byRank = (a: string, b: string): number => {
  const difference = (rank.get(a) ?? rank.size) - (rank.get(b) ?? rank.size);
  return difference !== 0 ? difference : a < b ? -1 : 1;
};

const bareWord = /^[A-Za-z_][A-Za-z0-9_.:/-]*$/;

/** One statement, without a line break. Fields that are undefined are left out. */
export function printStatement(keyword: string, fields: object, comment?: string): string {
  const text = `${keyword}${printFields(fields)}`;
  return comment === undefined ? text : `${text} # ${comment.replaceAll(/[\r\n]/g, ' ')}`;
}

function printFields(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => byRank(a, b))
    .map(([key, value]) => ` ${key}=${printValue(value as Printable)}`)
    .join('');
}

function printValue(value: Printable): string {
  if (typeof value === 'number') return printNumber(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return bareWord.test(value) && !reserved.has(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(printValue).join(' ')}]`;
  return `{${printFields(value).slice(1)}}`;
}

const reserved = new Set(['true', 'false']);

function printNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be printed`);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Every statement of a text; empty lines and comments are skipped. @throws program/syntax, with the line */
export function parseStatements(text: string): readonly Statement[] {
  if (text.length > notationLimits.characters) {
    const expected = `at most ${notationLimits.characters} characters`;
    fail('program/syntax', 'the text is too long', {}, { expected, actual: text.length });
  }
  const statements: Statement[] = [];
  const budget = { left: notationLimits.values };
  let line = 0;
  for (let from = 0; from <= text.length; ) {
    line++;
    const end = text.indexOf('\n', from);
    const to = end < 0 ? text.length : end;
    if (to - from > notationLimits.line) {
      const expected = `at most ${notationLimits.line} characters`;
      fail('program/syntax', 'the line is too long', { line }, { expected, actual: to - from });
    }
    const statement = new LineReader(text.slice(from, to), line, budget).statement();
    if (statement !== undefined) statements.push(statement);
    from = to + 1;
  }
  return statements;
}

const patterns = {
  word: /[A-Za-z_][A-Za-z0-9_.:/-]*/y,
  key: /[a-z][A-Za-z0-9]*=/y,
  number: /-?(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,24})?(?:e[+-]?[0-9]{1,3})?(?![A-Za-z0-9_.])/y,
} as const;

class LineReader {
  readonly #text: string;
  readonly #line: number;
  /** Statements and values that the text may still have. */
  readonly #budget: { left: number };
  #at = 0;

  constructor(text: string, line: number, budget: { left: number }) {
    this.#text = text;
    this.#line = line;
    this.#budget = budget;
  }

  statement(): Statement | undefined {
    this.#skipSpace();
    if (this.#at === this.#text.length) return undefined;
    const keyword = this.#take('word') ?? this.#refuse('a keyword');
    this.#spend();
    const fields = this.#fields('', 0);
    return { line: this.#line, keyword, fields };
  }

  /** Fields up to a closing brace, or to the end of the line. */
  #fields(close: '}' | '', depth: number): Readonly<Record<string, unknown>> {
    const fields: Record<string, unknown> = {};
    for (;;) {
      this.#skipSpace();
      if (this.#at === this.#text.length ? close === '' : this.#text[this.#at] === close) break;
      const key = (this.#take('key') ?? this.#refuse('a field')).slice(0, -1);
      if (Object.hasOwn(fields, key)) this.#refuse(`${key} once`);
      fields[key] = this.#value(depth + 1);
    }
    if (close !== '') this.#at++;
    return fields;
  }

  #value(depth: number): unknown {
    if (depth > notationLimits.depth) this.#refuse(`at most ${notationLimits.depth} levels`);
    this.#spend();
    const next = this.#text[this.#at];
    if (next === '{' || next === '[') {
      this.#at++;
      return next === '{' ? this.#fields('}', depth) : this.#list(depth);
    }
    if (next === '"') return this.#string();
    const number = this.#take('number');
    if (number !== undefined) return this.#finite(Number(number));
    const word = this.#take('word') ?? this.#refuse('a value');
    return word === 'true' ? true : word === 'false' ? false : word;
  }

  #list(depth: number): readonly unknown[] {
    const items: unknown[] = [];
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] === ']') break;
      if (items.length === notationLimits.items) this.#refuse(`at most ${notationLimits.items} items`);
      items.push(this.#value(depth + 1));
    }
    this.#at++;
    return items;
  }

  /** A JSON string: up to the first quote that no backslash escapes. */
  #string(): string {
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    if (end >= this.#text.length) this.#refuse('a closing quote');
    try {
      const value = JSON.parse(this.#text.slice(this.#at, end + 1)) as string;
      this.#at = end + 1;
      return value;
    } catch {
      return this.#refuse('a JSON string');
    }
  }

  /** Blanks, and a comment to the end of the line. */
  #skipSpace(): void {
    while (' \t\r'.includes(this.#text[this.#at] ?? '#')) this.#at++;
    if (this.#text[this.#at] === '#') this.#at = this.#text.length;
  }

  #finite(value: number): number {
    return Number.isFinite(value) ? value : this.#refuse('a number that a double holds');
  }

  #spend(): void {
    if (this.#budget.left-- === 0) this.#refuse(`at most ${notationLimits.values} statements and values`);
  }

  #take(kind: keyof typeof patterns): string | undefined {
    const pattern = patterns[kind];
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #refuse(expected: string): never {
    const found = this.#text.slice(this.#at, this.#at + 40);
    return fail(
      'program/syntax',
      `column ${this.#at + 1} cannot be read`,
      { line: this.#line },
      { expected, actual: found === '' ? 'the end of the line' : found },
    );
  }
}
