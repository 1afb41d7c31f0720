/** The text of print.ts back to a Graph: a tokenizer and a recursive descent over its few forms. */

import { type DataType, elementSize } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import type { Attribute, Dim, Graph, Node, ValueType } from './graph.ts';
import { tensorHash } from './print.ts';
import type { Tensor } from './tensor.ts';

const maxDepth = 64;

/** Every constant of a graph, those in attributes and subgraphs included, by the hash that the text shows. */
export function constantTable(graph: Graph): ReadonlyMap<string, Tensor> {
  const table = new Map<string, Tensor>();
  const visit = (inner: Graph): void => {
    for (const tensor of inner.constants.values()) table.set(tensorHash(tensor), tensor);
    for (const attribute of inner.nodes.flatMap((node) => Object.values(node.attributes))) {
      if (attribute.kind === 'tensor') table.set(tensorHash(attribute.value), attribute.value);
      if (attribute.kind === 'graph') visit(attribute.value);
    }
  };
  visit(graph);
  return table;
}

/**
 * The graph that a text prints. `constants` holds the tensors by hash, as {@link constantTable} gives them.
 *
 * @throws graph/syntax
 */
export function parseGraph(text: string, constants: ReadonlyMap<string, Tensor>): Graph {
  const parser = new Parser(text, constants);
  parser.word('graph');
  const graph = parser.graph(0);
  parser.end();
  return graph;
}

type TokenKind = 'word' | 'string' | 'number' | 'hash' | 'mark' | 'end';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly line: number;
}

const pattern =
  /(?<space>\s+|\/\/ [^\n]*)|(?<string>"(?:[^"\\\n]|\\.)*")|(?<hash>#[0-9a-f]{16})|(?<number>-?(?:Infinity|\d+(?:\.\d+)?(?:e[+-]?\d+)?)f|NaNf|-?\d+)|(?<word>[A-Za-z/][\w./-]*|_)|(?<mark>->|[(){}[\]=,:@])/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  pattern.lastIndex = 0;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null)
      fail('graph/syntax', 'the text makes no sense here', { line }, { actual: text.slice(at, at + 20) });
    const { space, ...groups } = match.groups!;
    const found = Object.entries(groups).find(([, value]) => value !== undefined);
    if (space === undefined && found) tokens.push({ kind: found[0] as TokenKind, text: match[0], line });
    line += match[0].split('\n').length - 1;
  }
  tokens.push({ kind: 'end', text: 'the end of the text', line });
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #constants: ReadonlyMap<string, Tensor>;
  #at = 0;

  constructor(text: string, constants: ReadonlyMap<string, Tensor>) {
    this.#tokens = tokenize(text);
    this.#constants = constants;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #fail(expected: string, token = this.#next): never {
    return fail(
      'graph/syntax',
      'the text is not a printed graph',
      { line: token.line },
      { expected, actual: token.text },
    );
  }

  #take(kind: TokenKind, expected: string): Token {
    const token = this.#next;
    if (token.kind !== kind) this.#fail(expected);
    this.#at++;
    return token;
  }

  #sees(kind: TokenKind, text: string): boolean {
    return this.#next.kind === kind && this.#next.text === text;
  }

  #accept(kind: TokenKind, text: string): boolean {
    const seen = this.#sees(kind, text);
    if (seen) this.#at++;
    return seen;
  }

  #mark(text: string): void {
    if (!this.#accept('mark', text)) this.#fail(text);
  }

  word(text: string): void {
    if (!this.#accept('word', text)) this.#fail(text);
  }

  end(): void {
    this.#take('end', 'the end');
  }

  graph(depth: number): Graph {
    if (depth > maxDepth) this.#fail(`at most ${maxDepth} graphs in one another`);
    const name = this.#name();
    const opsets: [string, number][] = [];
    if (this.#accept('word', 'opset')) {
      do {
        const domain = this.#next.kind === 'number' ? '' : this.#name();
        opsets.push([domain, this.#integer()]);
      } while (this.#accept('mark', ','));
    }
    this.#mark('{');
    const values = new Map<string, ValueType>();
    const constants = new Map<string, Tensor>();
    const inputs: string[] = [];
    const outputs: string[] = [];
    const nodes: Node[] = [];
    const scales = new Map<string, number>();
    while (!this.#accept('mark', '}')) {
      if (this.#accept('word', 'input')) inputs.push(this.#typed(values));
      else if (this.#accept('word', 'value')) this.#typed(values);
      else if (this.#accept('word', 'output')) outputs.push(this.#name());
      else if (this.#accept('word', 'scale')) {
        const value = this.#name();
        this.#mark('=');
        const item = this.#item();
        if (typeof item === 'string' || !item.float) this.#fail('a scale');
        else scales.set(value, item.value);
      } else if (this.#accept('word', 'const')) {
        const constant = this.#name();
        this.#mark(':');
        const tensor = this.#tensor();
        constants.set(constant, tensor);
        values.set(constant, { dtype: tensor.dtype, shape: tensor.shape });
      } else nodes.push(this.#node(values, depth));
    }
    const graph = { name, opsets: Object.fromEntries(opsets), inputs, outputs, nodes, constants, values };
    return scales.size > 0 ? { ...graph, scales } : graph;
  }

  #node(values: Map<string, ValueType>, depth: number): Node {
    const name = this.#name();
    this.#mark('=');
    const op = this.#name();
    const domain = this.#accept('mark', '@') ? this.#name() : '';
    this.#mark('(');
    const inputs: string[] = [];
    if (!this.#sees('mark', ')')) {
      do inputs.push(this.#name());
      while (this.#accept('mark', ','));
    }
    this.#mark(')');
    this.#mark('->');
    const outputs: string[] = [];
    do outputs.push(this.#typed(values));
    while (this.#accept('mark', ','));
    const attributes: [string, Attribute][] = [];
    if (this.#accept('mark', '{')) {
      do {
        const attribute = this.#name();
        this.#mark('=');
        attributes.push([attribute, this.#attribute(depth)]);
      } while (this.#accept('mark', ','));
      this.#mark('}');
    }
    const origin: string[] = [];
    if (this.#accept('word', 'from')) {
      if (this.#accept('mark', '[')) this.#mark(']');
      else
        do origin.push(this.#name());
        while (this.#accept('mark', ','));
    } else origin.push(name);
    return { name, op, domain, inputs, outputs, attributes: Object.fromEntries(attributes), origin };
  }

  #attribute(depth: number): Attribute {
    if (this.#accept('word', 'tensor')) return { kind: 'tensor', value: this.#tensor() };
    if (this.#accept('word', 'graph')) return { kind: 'graph', value: this.graph(depth + 1) };
    if (!this.#accept('mark', '[')) {
      const item = this.#item();
      if (typeof item === 'string') return { kind: 'string', value: item };
      return item.float ? { kind: 'float', value: item.value } : { kind: 'int', value: item.value };
    }
    if (this.#accept('mark', ']')) {
      const { text } = this.#take('word', 'i, f or s after []');
      if (text === 'i') return { kind: 'ints', value: [] };
      if (text === 'f') return { kind: 'floats', value: [] };
      return text === 's' ? { kind: 'strings', value: [] } : this.#fail('i, f or s after []');
    }
    const items: Item[] = [];
    do items.push(this.#item());
    while (this.#accept('mark', ','));
    this.#mark(']');
    const texts = items.filter((item) => typeof item === 'string');
    if (texts.length === items.length) return { kind: 'strings', value: texts };
    const found = items.filter((item) => typeof item !== 'string');
    const float = found[0]?.float ?? false;
    if (found.length !== items.length || found.some((item) => item.float !== float)) this.#fail('items of one kind');
    return { kind: float ? 'floats' : 'ints', value: found.map(({ value }) => value) };
  }

  #item(): Item {
    if (this.#next.kind === 'string') return this.#string();
    const { text } = this.#take('number', 'a number or a string');
    return text.endsWith('f')
      ? { float: true, value: Number(text.slice(0, -1)) }
      : { float: false, value: Number(text) };
  }

  #integer(): number {
    const token = this.#take('number', 'a whole number');
    const value = Number(token.text);
    return Number.isSafeInteger(value) ? value : this.#fail('a whole number', token);
  }

  #string(): string {
    const token = this.#take('string', 'a string');
    try {
      return JSON.parse(token.text) as string;
    } catch {
      return this.#fail('a JSON string', token);
    }
  }

  #name(): string {
    if (this.#next.kind === 'string') return this.#string();
    const { text } = this.#take('word', 'a name');
    return text === '_' ? '' : text;
  }

  /** Reads a name; its type, where one follows, goes into `values`. */
  #typed(values: Map<string, ValueType>): string {
    const name = this.#name();
    if (this.#accept('mark', ':')) values.set(name, this.#type());
    return name;
  }

  #type(): ValueType {
    const token = this.#take('word', 'a data type');
    if (!Object.hasOwn(elementSize, token.text)) this.#fail('a data type', token);
    const dtype = token.text as DataType;
    if (!this.#accept('mark', '[')) return { dtype };
    const shape: Dim[] = [];
    if (!this.#sees('mark', ']')) {
      do shape.push(this.#next.kind === 'number' ? this.#integer() : this.#name());
      while (this.#accept('mark', ','));
    }
    this.#mark(']');
    return { dtype, shape };
  }

  #tensor(): Tensor {
    const { dtype, shape } = this.#type();
    const token = this.#take('hash', 'the hash of a constant');
    const tensor = this.#constants.get(token.text.slice(1));
    if (tensor === undefined) this.#fail('a constant that was given', token);
    const same =
      tensor.dtype === dtype && tensor.shape.join() === shape?.join() && `#${tensorHash(tensor)}` === token.text;
    return same ? tensor : this.#fail('the constant with this type and shape', token);
  }
}

type Item = string | { readonly float: boolean; readonly value: number };
