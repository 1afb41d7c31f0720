/**
 * Functions of a model: operators that it defines itself, by nodes (ModelProto.functions; torch.onnx.export writes one for each
 * module when asked to). Every call is replaced by the nodes of its function, so that nothing after the reader knows of functions.
 *
 * What stands for a call `block_3` is named `block_3/Conv_0`, values likewise: a verdict or a number on such a node leads back to
 * the call. Attributes that refer to one of the function (`ref_attr_name`) get what the call gives, else the function's default, else
 * they are left out, as ONNX defines it.
 */

import { fail } from '../base/errors.ts';
import { maxDepth, maxText } from './proto/decode.ts';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
} from './proto/onnx.ts';

/** Names that the nodes put in may have together: a few lines of nested functions can ask for billions of nodes. */
const maxNames = 500_000;

/** ONNX's default domain has two spellings. */
export const normalDomain = (domain: string | undefined): string => (domain === 'ai.onnx' ? '' : (domain ?? ''));

/**
 * The graph without calls, and the operator sets that it uses then.
 *
 * @throws onnx/cycle when a function calls itself, onnx/too-deep, onnx/too-large, onnx/graph
 */
export function inlineFunctions(model: ModelProto): {
  readonly graph: GraphProto;
  readonly opsetImport: readonly OperatorSetIdProto[];
} {
  const graph = model.graph!;
  if (model.functions.length === 0) return { graph, opsetImport: model.opsetImport };
  const inliner = new Inliner(model.functions, graph);
  const expanded = inliner.graph(graph, []);
  const imported = new Set(model.opsetImport.map(({ domain }) => normalDomain(domain)));
  // For a domain that both import, ONNX asks that the operators mean the same in both versions.
  const added = inliner.imports.filter(({ domain }) => !imported.has(normalDomain(domain)));
  return {
    graph: { ...expanded, valueInfo: [...expanded.valueInfo, ...inliner.valueInfo] },
    opsetImport: [...model.opsetImport, ...added],
  };
}

const keyOf = (domain: string | undefined, name: string | undefined, overload: string | undefined): string =>
  JSON.stringify([normalDomain(domain), name ?? '', overload ?? '']);

class Inliner {
  readonly imports: OperatorSetIdProto[] = [];
  readonly valueInfo: GraphProto['valueInfo'][number][] = [];
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #used = new Set<string>();
  readonly #taken: Set<string>;
  #names = 0;

  constructor(functions: readonly FunctionProto[], graph: GraphProto) {
    const map = new Map<string, FunctionProto>();
    for (const each of functions) {
      const key = keyOf(each.domain, each.name, each.overload);
      if (map.has(key)) fail('onnx/graph', `the function ${each.name} is defined twice`);
      map.set(key, each);
    }
    this.#functions = map;
    this.#taken = new Set(namesOf(graph));
  }

  /** @param calls the functions that are being put in, outermost first */
  graph(graph: GraphProto, calls: readonly string[]): GraphProto {
    return { ...graph, node: this.#nodes(graph.node, calls) };
  }

  #nodes(nodes: readonly NodeProto[], calls: readonly string[]): readonly NodeProto[] {
    return nodes.flatMap((node, index) => {
      const inner = node.attribute.some(({ g }) => g !== undefined)
        ? {
            ...node,
            attribute: node.attribute.map((each) => (each.g ? { ...each, g: this.graph(each.g, calls) } : each)),
          }
        : node;
      const key = keyOf(node.domain, node.opType, node.overload);
      const called = this.#functions.get(key);
      if (called === undefined) return [inner];
      return this.#call({ ...inner, name: node.name || `${node.opType}_${index}` }, called, key, calls);
    });
  }

  #call(call: NodeProto, called: FunctionProto, key: string, calls: readonly string[]): readonly NodeProto[] {
    const place = { node: call.name! };
    if (calls.includes(key)) {
      const around = [...calls.slice(calls.indexOf(key)), key].map((each) => (JSON.parse(each) as string[])[1]);
      fail('onnx/cycle', 'a function calls itself', place, {
        expected: 'functions without recursion',
        actual: around.join(' → '),
      });
    }
    if (calls.length >= maxDepth) {
      fail('onnx/too-deep', 'functions are nested too deep', place, { expected: `at most ${maxDepth} levels` });
    }
    for (const [what, given, declared] of [
      ['inputs', call.input, called.input],
      ['outputs', call.output, called.output],
    ] as const) {
      if (given.length <= declared.length) continue;
      fail('onnx/graph', `the call of ${called.name} has too many ${what}`, place, {
        expected: `at most ${declared.length}`,
        actual: given.length,
      });
    }
    if (!this.#used.has(key)) {
      this.#used.add(key);
      this.imports.push(...called.opsetImport);
    }
    const body = new Body(call, called, (name) => this.#fresh(name, call.name!));
    for (const node of called.node) {
      this.#names += 1 + node.input.length + node.output.length + node.attribute.length;
      if (this.#names > maxNames) {
        fail('onnx/too-large', 'the calls of functions make too many nodes', place, {
          expected: `at most ${maxNames}`,
        });
      }
    }
    for (const info of called.valueInfo) this.valueInfo.push({ ...info, name: body.value(info.name ?? '') });
    return [
      ...this.#nodes(
        called.node.map((node, index) => body.node(node, index)),
        [...calls, key],
      ),
      ...body.copies,
    ];
  }

  #fresh(name: string, node: string): string {
    let made = name;
    for (let attempt = 2; this.#taken.has(made); attempt++) made = `${name}_${attempt}`;
    if (made.length > maxText) {
      fail(
        'onnx/too-large',
        'a name inside a call is too long',
        { node },
        { expected: `at most ${maxText} characters` },
      );
    }
    this.#taken.add(made);
    return made;
  }
}

/** The body of a function under the names of one call. */
class Body {
  /** What hands an input on as an output, or gives an output a second name: nodes after those of the body. */
  readonly copies: readonly NodeProto[];
  readonly #call: NodeProto;
  readonly #names = new Map<string, string>();
  readonly #attributes: ReadonlyMap<string, AttributeProto>;
  readonly #fresh: (name: string) => string;

  constructor(call: NodeProto, called: FunctionProto, fresh: (name: string) => string) {
    this.#call = call;
    this.#fresh = fresh;
    for (const [index, name] of called.input.entries()) this.#names.set(name, call.input[index] ?? '');
    const copies: NodeProto[] = [];
    for (const [index, name] of called.output.entries()) {
      const given = call.output[index];
      if (!given) continue;
      const known = this.#names.get(name);
      if (known === undefined) this.#names.set(name, given);
      else
        copies.push({
          opType: 'Identity',
          name: `${call.name}/${name}`,
          input: [known],
          output: [given],
          attribute: [],
        });
    }
    this.copies = copies;
    this.#attributes = new Map(
      [...called.attributeProto, ...call.attribute].map((attribute) => [attribute.name ?? '', attribute]),
    );
  }

  value(name: string): string {
    if (name === '') return '';
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const made = this.#fresh(`${this.#call.name}/${name}`);
    this.#names.set(name, made);
    return made;
  }

  node(node: NodeProto, index: number): NodeProto {
    return {
      ...node,
      name: `${this.#call.name}/${node.name || `${node.opType}_${index}`}`,
      input: node.input.map((name) => this.value(name)),
      output: node.output.map((name) => this.value(name)),
      attribute: node.attribute.flatMap((attribute) => this.#attribute(attribute)),
    };
  }

  #attribute(attribute: AttributeProto): readonly AttributeProto[] {
    if (attribute.refAttrName) {
      const given = this.#attributes.get(attribute.refAttrName);
      return given === undefined ? [] : [{ ...given, ...(attribute.name !== undefined && { name: attribute.name }) }];
    }
    return [attribute.g ? { ...attribute, g: this.#graph(attribute.g) } : attribute];
  }

  #graph(graph: GraphProto): GraphProto {
    const named = <T extends { readonly name?: string }>(item: T): T => ({
      ...item,
      name: this.value(item.name ?? ''),
    });
    return {
      ...graph,
      node: graph.node.map((node, index) => this.node(node, index)),
      initializer: graph.initializer.map(named),
      input: graph.input.map(named),
      output: graph.output.map(named),
      valueInfo: graph.valueInfo.map(named),
    };
  }
}

/** The values of a graph and of its subgraphs. */
function* namesOf(graph: GraphProto): Generator<string> {
  for (const { name } of [...graph.input, ...graph.initializer]) yield name ?? '';
  for (const node of graph.node) {
    yield* node.output;
    for (const { g } of node.attribute) if (g) yield* namesOf(g);
  }
}
